"""
Where the current state of each room last changed: so that what was looked up of it stays good until then.

It follows the log, and knows of the changes since it began.
"""

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field

from homeserver.core.identifiers import RoomID
from homeserver.core.log import EVENT, FORGOTTEN, STATE, LogEntry, Position
from homeserver.services.known_events import KnownEvents


@define(eq=False)
class StateMoves:
    """The last changes of the *rooms_max* rooms that changed last.  Follows the log's tail after *known*."""

    known: KnownEvents
    began: Position
    """Everything up to here may have changed anything."""
    rooms_max: int = 50_000
    _moved: OrderedDict[RoomID, Position] = field(init=False, factory=OrderedDict)

    def may_have_moved(self, room_id: RoomID, after: Position) -> bool:
        """Whether the room's state changed after a position, as far as the log's head; True also where nobody knows."""
        return after < self.began or self._moved.get(room_id, 0) > after

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The rooms whose state the entries change, or may change, have moved."""
        for entry in entries:
            if entry.kind in {STATE, FORGOTTEN} or (entry.kind == EVENT and self._may_be_state(entry)):
                room_id = RoomID(entry.subject)
                self._moved[room_id] = entry.position
                self._moved.move_to_end(room_id)
        while len(self._moved) > self.rooms_max:
            # Of the rooms that are not remembered, none moved later than this one.
            _, self.began = self._moved.popitem(last=False)

    def _may_be_state(self, entry: LogEntry) -> bool:
        event = self.known.cached_by_nid(entry.position if entry.ref is None else entry.ref)
        # What another process wrote is not in memory.
        return event is None or event.event.is_state
