"""Rooms that nobody of this server comes into: an administrator has blocked them, or they are being deleted."""

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ROOM_CLOSED, LogEntry
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.store import closed_rooms
from homeserver.store.closed_rooms import BLOCKED, ClosedRoom
from homeserver.store.database import Database

_BLOCKED_BIT: Final = 1


@define(eq=False)
class ClosedRooms:
    """All closed rooms, in memory; follows the log.  ``load`` comes first."""

    database: Database
    clock: Clock
    _causes: dict[RoomID, int] = field(init=False, factory=dict)

    async def load(self) -> None:
        """What was closed when the server stopped is closed."""
        self._causes.update(await self.database.scan(closed_rooms.everything))

    def require_open(self, room_id: RoomID) -> None:
        """Raises Forbidden for a room that is closed."""
        causes = self._causes.get(room_id)
        if causes is None:
            return
        if causes & _BLOCKED_BIT:
            raise Forbidden("This room is blocked on this server.")
        raise Forbidden("This room is being deleted from this server.")

    async def block(self, room_id: RoomID, by: UserID | None, reason: str | None = None) -> None:
        """Nobody of this server comes into the room, whether it is known here or not."""
        closed = ClosedRoom(room_id, BLOCKED, by, reason, now_ms(self.clock))
        await self.database.write(closed_rooms.close, closed)

    async def unblock(self, room_id: RoomID) -> None:
        """The room is not blocked any more.  Raises NotFound when it was not."""
        if not await self.database.write(closed_rooms.reopen, room_id, BLOCKED):
            raise NotFound("This room is not blocked.")

    async def of_room(self, room_id: RoomID) -> list[ClosedRoom]:
        """Why the room is closed; empty: it is not."""
        return await self.database.read(closed_rooms.of_room, room_id)

    async def blocked(self, after: str, limit: int) -> list[ClosedRoom]:
        """The first *limit* blocked rooms whose IDs come after one (empty: of all)."""
        return await self.database.read(closed_rooms.page, BLOCKED, after, limit)

    async def count(self) -> int:
        """How many rooms are blocked."""
        return await self.database.read(closed_rooms.count, BLOCKED)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What the entries say was closed or opened is so."""
        for entry in entries:
            if entry.kind == ROOM_CLOSED:
                room_id = RoomID(entry.subject)
                if entry.ref:
                    self._causes[room_id] = entry.ref
                else:
                    self._causes.pop(room_id, None)
