"""
The state of rooms, and their members.

Spec: client-server-api#getting-events-for-a-room
"""

from typing import Literal

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject, encode_json
from homeserver.core.identifiers import RoomID
from homeserver.core.sync_tokens import parse_pagination_token
from homeserver.http.operation import operation
from homeserver.http.replies import Raw
from homeserver.services.callers import Caller
from homeserver.services.room_reading import MemberFilter, RoomReading

MembershipName = Literal["join", "invite", "knock", "leave", "ban"]


@frozen
class RoomStateEndpoints:
    """What is current in a room, or was when the caller left it."""

    reading: RoomReading

    @operation("getRoomState")
    async def room_state(self, caller: Caller, room_id: RoomID) -> list[JSON]:
        """The whole state.  Raises NotInRoom."""
        return await self.reading.state(caller, room_id)

    @operation("getRoomStateWithKey")
    async def room_state_with_key(
        self,
        caller: Caller,
        room_id: RoomID,
        event_type: str,
        state_key: str,
        format: Literal["content", "event"] = "content",
    ) -> Raw:
        """One entry of the state.  Raises NotInRoom, NotFound."""
        key = (event_type, state_key)
        if format == "event":
            return Raw(encode_json(await self.reading.shown_entry(caller, room_id, key)))
        return Raw(encode_json((await self.reading.entry(caller, room_id, key)).event.content))

    @operation("getMembersByRoom")
    async def members(
        self,
        caller: Caller,
        room_id: RoomID,
        at: str | None = None,
        membership: MembershipName | None = None,
        not_membership: MembershipName | None = None,
    ) -> JSONObject:
        """The member events, now or at a token.  Raises NotInRoom, Malformed."""
        place = None if at is None else parse_pagination_token(at).ordering
        wanted = MemberFilter(membership, not_membership)
        return {"chunk": await self.reading.members(caller, room_id, place, wanted)}

    @operation("getJoinedMembersByRoom")
    async def joined_members(self, caller: Caller, room_id: RoomID) -> JSONObject:
        """Who is in the room, and what they show of themselves.  Raises NotInRoom."""
        return {"joined": await self.reading.joined_members(caller, room_id)}
