"""
What other servers are shown of this server's rooms and spaces.

Spec: server-server-api#spaces
"""

from typing import Final

from attrs import define

from federation.services.access import Access
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.room_outlines import RoomOutline
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.refusals import NotFound
from homeserver.services.room_outlines import RoomOutlines

CHILDREN_MAX: Final = 1_000
"""Children of a space that one answer tells of; the first in their order."""
MEMBER: Final = "m.room.member"


@define(eq=False)
class SpaceQueries:
    """Answers servers by what any of their users might see."""

    outlines: RoomOutlines
    live_rooms: LiveRooms
    known: KnownEvents
    access: Access

    async def hierarchy(self, origin: ServerName, room_id: RoomID, *, suggested_only: bool) -> JSONObject:
        """The room, and of a space the rooms in it.  Raises NotFound, also where *origin* may not know of it."""
        root = await self.outlines.of(room_id)
        if root is None or not await self._is_shown_to(origin, root):
            raise NotFound("There is no such room, or your users may not know of it.")
        children: list[JSON] = []
        inaccessible: list[JSON] = []
        for child in [each for each in root.children if each.suggested or not suggested_only][:CHILDREN_MAX]:
            outline = await self.outlines.of(child.room_id)
            if outline is None:
                continue
            if await self._is_shown_to(origin, outline):
                children.append(outline.to_json(suggested_only=suggested_only))
            else:
                inaccessible.append(child.room_id)
        return {
            "room": root.to_json(suggested_only=suggested_only),
            "children": children,
            "inaccessible_children": inaccessible,
        }

    async def _is_shown_to(self, origin: ServerName, outline: RoomOutline) -> bool:
        room = await self.live_rooms.find(outline.room_id)
        if room is None or not await self.access.admits(room, origin):
            return False
        if outline.shows_itself or origin in room.servers or await self._is_invited(origin, room):
            return True
        for room_id in outline.allowed_room_ids:
            allowed = await self.live_rooms.find(RoomID(str(room_id)))
            if allowed is not None and origin in allowed.servers:
                return True
        return False

    async def _is_invited(self, origin: ServerName, room: LiveRoom) -> bool:
        """Whether the room waits for a user of *origin*."""
        ids = [
            event_id
            for (kind, key), event_id in room.state.items()
            if kind == MEMBER and server_of(UserID(key)) == origin
        ]
        return any(entry.event.membership == "invite" for entry in (await self.known.by_ids(ids)).values())
