"""
Where the current state of each room last changed: so that what was looked up of it stays good until then.

It follows the log, and knows of the changes since it began.
"""

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field

from homeserver.core.identifiers import RoomID
from homeserver.core.log import EVENT, FORGOTTEN, REMOTE_MEMBERSHIP, STATE, LogEntry, Position
from homeserver.services.known_events import KnownEvents


@define(eq=False)
class StateMoves:
    """The last changes of the *rooms_max* rooms that changed last.  Follows the log's tail after *known*."""

    known: KnownEvents
    began: Position
    """Everything up to here may have changed anything."""
    rooms_max: int = 50_000
    _moved: OrderedDict[RoomID, Position] = field(init=False, factory=OrderedDict)
    _others: OrderedDict[RoomID | int, Position] = field(init=False, factory=OrderedDict)
    """By room ID or nid: where users of other servers last came or went."""

    def may_have_moved(self, room_id: RoomID, after: Position) -> bool:
        """Whether the room's state changed after a position, as far as the log's head; True also where nobody knows."""
        return after < self.began or self._moved.get(room_id, 0) > after

    def servers_may_have_moved(self, room_id: RoomID, room_nid: int, after: Position) -> bool:
        """The same of who is in the room from other servers."""
        moved = max(self._others.get(room_id, 0), self._others.get(room_nid, 0))
        return after < self.began or moved > after

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The rooms whose state the entries change, or may change, have moved."""
        for entry in entries:
            if entry.kind in {STATE, FORGOTTEN} or (entry.kind == EVENT and self._may_be_state(entry)):
                room_id = RoomID(entry.subject)
                self._moved[room_id] = entry.position
                self._moved.move_to_end(room_id)
                if entry.kind != EVENT:
                    self._move_others(room_id, entry.position)
            elif entry.kind == REMOTE_MEMBERSHIP and entry.ref is not None:
                self._move_others(entry.ref, entry.position)
        while len(self._moved) > self.rooms_max:
            # Of the rooms that are not remembered, none moved later than this one.
            _, position = self._moved.popitem(last=False)
            self.began = max(self.began, position)

    def _move_others(self, room: RoomID | int, position: Position) -> None:
        self._others[room] = position
        self._others.move_to_end(room)
        while len(self._others) > self.rooms_max:
            _, forgotten = self._others.popitem(last=False)
            self.began = max(self.began, forgotten)

    def _may_be_state(self, entry: LogEntry) -> bool:
        event = self.known.cached_by_nid(entry.event_nid)
        # What another process wrote is not in memory.
        return event is None or event.event.is_state
