"""
Presence.

Spec: client-server-api#presence
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.core.presence import STATUS_CHARACTERS_MAX, parse_state
from homeserver.http.operation import operation
from homeserver.http.owner import require_owner
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard


@frozen
class PresenceBody:
    presence: str
    status_msg: str | None = None


@frozen
class PresenceEndpoints:
    """Who is there."""

    presence: PresenceBoard

    @operation("setPresence")
    async def set_presence(self, caller: Caller, user_id: UserID, body: PresenceBody) -> Empty:
        """The caller is as they say.  Raises Malformed, Forbidden."""
        require_owner(caller, user_id)
        if body.status_msg is not None and len(body.status_msg) > STATUS_CHARACTERS_MAX:
            raise Malformed(f"A status message has at most {STATUS_CHARACTERS_MAX} characters.", "status_msg")
        await self.presence.state(user_id, caller.device_id, parse_state(body.presence), body.status_msg or None)
        return Empty()

    @operation("getPresence")
    async def presence_of(self, caller: Caller, user_id: UserID) -> JSONObject:
        """How a user is, to someone who shares a room with them.  Raises Forbidden."""
        return await self.presence.content_for(user_id, caller.user_id)
