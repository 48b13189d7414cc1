"""
When somebody last said something in each room: not every event moves a room up a client's list.

Spec: proposals/4186
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import RoomID
from homeserver.core.log import EVENT, LogEntry, Position
from homeserver.core.timeline import position_of
from homeserver.services.known_events import KnownEvents
from homeserver.store import room_activity
from homeserver.store.database import Database

PROPER: Final = frozenset(
    {
        "m.room.create",
        "m.room.message",
        "m.room.encrypted",
        "m.sticker",
        "m.call.invite",
        "m.poll.start",
        "org.matrix.msc3381.poll.start",
        "m.beacon_info",
        "org.matrix.msc3672.beacon_info",
    }
)


@define(eq=False)
class Bumps:
    """The last bumps of the *rooms_max* rooms last asked for; to follow the log's tail."""

    database: Database
    known: KnownEvents
    rooms_max: int = 50_000
    _bumps: OrderedDict[RoomID, Position] = field(init=False, factory=OrderedDict)
    _reading: set[RoomID] = field(init=False, factory=set)
    """Rooms that are looked at, and in which nothing has happened since."""

    async def of(self, room_id: RoomID, room_nid: int) -> Position:
        """Where the room was last bumped; 0: never."""
        bump = self._bumps.get(room_id)
        if bump is not None:
            return bump
        self._reading.add(room_id)
        place = await self.database.read(room_activity.newest_of_types, room_nid, PROPER)
        found = Position(0) if place is None else position_of(place)
        if room_id in self._reading:
            self._reading.discard(room_id)
            self._bumps[room_id] = found
            while len(self._bumps) > self.rooms_max:
                self._bumps.popitem(last=False)
        return found

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room, if it comes back, was never bumped."""
        self._bumps.pop(room_id, None)
        self._reading.discard(room_id)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Rooms that were bumped, or may have been, are no longer as they were."""
        for entry in entries:
            if entry.kind == EVENT:
                self._reading.discard(RoomID(entry.subject))
                if entry.subject in self._bumps:
                    self._note(RoomID(entry.subject), entry)

    def _note(self, room_id: RoomID, entry: LogEntry) -> None:
        event = self.known.cached_by_nid(entry.event_nid)
        if event is None:
            del self._bumps[room_id]
        elif event.event.type in PROPER:
            self._bumps[room_id] = entry.position
