"""
Rooms shared with somebody.

Spec: client-server-api#mutual-rooms
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.mutual_rooms import MutualRooms


@frozen
class MutualRoomEndpoints:
    """Which rooms two users are both in."""

    mutual_rooms: MutualRooms

    @operation("getMutualRooms")
    async def mutual(self, caller: Caller, user_id: UserID, from_: str | None = None) -> JSONObject:
        """The rooms shared with a user.  Raises Malformed, InvalidParameter."""
        return await self.mutual_rooms.page(caller, user_id, from_)
