"""
Pushers, and what the caller was notified of.

Spec: client-server-api#push-notifications
"""

from typing import Annotated

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed
from homeserver.core.pushers import parse_pusher_change
from homeserver.core.timeline import Ordering
from homeserver.http.operation import operation
from homeserver.http.parameters import parse_integer
from homeserver.http.replies import Empty, Raw, encode
from homeserver.services.callers import Caller
from homeserver.services.notifications import LIMIT_DEFAULT, Notifications
from homeserver.services.pushers import Pushers


def parse_place(text: str) -> Ordering:
    """Where a list of notifications goes on.  Raises Malformed."""
    if not text.startswith("n") or len(text) > 24 or not text[1:].removeprefix("-").isdecimal() or not text.isascii():
        raise Malformed("This is no token of a list of notifications.", code="M_INVALID_PARAM")
    return Ordering(int(text[1:]))


def parse_limit(text: str) -> int:
    """How many are wanted at most.  Raises Malformed."""
    limit = parse_integer(text)
    if limit < 1:
        raise Malformed("A limit is at least 1.", code="M_INVALID_PARAM")
    return limit


Place = Annotated[Ordering, parse_place]
Limit = Annotated[int, parse_limit]


@frozen
class PusherEndpoints:
    """Where the caller is told of events.  *allow_http*: gateways may be named by ``http://``."""

    pushers: Pushers
    allow_http: bool

    @operation("getPushers")
    async def list_pushers(self, caller: Caller) -> JSONObject:
        """All pushers of the caller."""
        return {"pushers": list(await self.pushers.of(caller.user_id))}

    @operation("postPusher")
    async def post_pusher(self, caller: Caller, body: JSONObject) -> Empty:
        """A pusher is set or gone.  Raises Malformed, InvalidParameter, Forbidden."""
        await self.pushers.change(caller, parse_pusher_change(body, allow_http=self.allow_http))
        return Empty()


@frozen
class NotificationEndpoints:
    """What the caller was notified of, or would have been."""

    notifications: Notifications

    @operation("getNotifications")
    async def list_notifications(
        self, caller: Caller, from_: Place | None = None, limit: Limit = LIMIT_DEFAULT, only: str | None = None
    ) -> Raw:
        """The newest of them first.  Raises Malformed."""
        # A filter that nobody knows filters nothing: the specification names one, and no error.
        page = await self.notifications.page(caller, from_, limit, only_highlights=only == "highlight")
        return Raw(encode(page))
