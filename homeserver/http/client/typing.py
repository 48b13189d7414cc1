"""
Typing notifications.

Spec: client-server-api#typing-notifications
"""

from attrs import frozen

from homeserver.core.identifiers import RoomID, UserID
from homeserver.http.operation import operation
from homeserver.http.owner import require_owner
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard
from homeserver.services.typing import Typing


@frozen
class TypingBody:
    """*timeout*: in milliseconds."""

    typing: bool
    timeout: int | None = None


@frozen
class TypingEndpoints:
    """Who is typing."""

    typing: Typing
    presence: PresenceBoard

    @operation("setTyping")
    async def set_typing(self, caller: Caller, user_id: UserID, room_id: RoomID, body: TypingBody) -> Empty:
        """The caller types in a room, or does not.  Raises Forbidden, NotInRoom."""
        require_owner(caller, user_id)
        await self.typing.set(room_id, user_id, body.typing, body.timeout)
        self.presence.active(user_id)
        return Empty()
