"""Whatever is in memory of a room is forgotten when the log says that the room, or some of it, is gone."""

from collections.abc import Sequence
from typing import Protocol

from attrs import define, field

from homeserver.core.identifiers import RoomID
from homeserver.core.log import FORGOTTEN, PURGED, LogEntry


class RoomMemory(Protocol):
    """What keeps something of rooms in memory."""

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """Nothing is in memory of the room."""


class HistoryMemory(Protocol):
    """What keeps messages of rooms in memory."""

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """No message of the room is in memory."""


@define(eq=False)
class Forgetting:
    """
    Tells all that keep something.  Follows the log's tail before whatever wakes those who wait for news.

    *rooms* and *histories* grow while the server is put together.
    """

    rooms: list[RoomMemory] = field(factory=list)
    histories: list[HistoryMemory] = field(factory=list)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What the entries say is gone is forgotten, in every process."""
        for entry in entries:
            if entry.kind in {FORGOTTEN, PURGED} and entry.ref is not None:
                for history in self.histories:
                    history.forget_messages(RoomID(entry.subject), entry.ref)
            if entry.kind == FORGOTTEN and entry.ref is not None:
                for room in self.rooms:
                    room.forget_room(RoomID(entry.subject), entry.ref)
