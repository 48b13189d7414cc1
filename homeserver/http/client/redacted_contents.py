"""
Events as they were before they were redacted: a query parameter of the request for one event.

Spec: proposals/2815
"""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.malformed import Malformed
from homeserver.http.client.send_options import Parameters
from homeserver.http.replies import Raw, Status, encode
from homeserver.services.callers import Caller
from homeserver.services.redacted_contents import ContentGone, ContentUnseen, RedactedContents

PARAMETER: Final = "include_unredacted_content"
UNSTABLE: Final = "fi.mau.msc2815."
_ERRCODES: Final = {"": "M_", UNSTABLE: "FI.MAU.MSC2815_"}


@frozen
class RedactedContentDetour:
    """``include_unredacted_content``.  Implements ``messages.EventDetour``."""

    contents: RedactedContents

    async def answer(self, caller: Caller, room_id: RoomID, event_id: EventID, query: Parameters) -> object | None:
        """The event as it was.  Raises Malformed, NotFound, Forbidden."""
        prefix = next((each for each in _ERRCODES if _asks(query, each + PARAMETER)), None)
        if prefix is None:
            return None
        try:
            return Raw(encode(await self.contents.show(caller, room_id, event_id)))
        except ContentGone:
            keep_ms = self.contents.settings.redacted_content_ms
            more: JSONObject = {f"{prefix or 'm.'}content_keep_ms": keep_ms}
            return _error(prefix, "UNREDACTED_CONTENT_DELETED", "What was redacted is not here any more.", more)
        except ContentUnseen:
            return _error(prefix, "UNREDACTED_CONTENT_NOT_RECEIVED", "The event came here redacted.", {})


def _asks(query: Parameters, name: str) -> bool:
    value = query.get(name, ["false"])[0]
    if value not in {"true", "false"}:
        raise Malformed("This must be true or false.", name, "M_INVALID_PARAM")
    return value == "true"


def _error(prefix: str, errcode: str, reason: str, more: JSONObject) -> Status:
    return Status(404, {"errcode": _ERRCODES[prefix] + errcode, "error": reason, **more})
