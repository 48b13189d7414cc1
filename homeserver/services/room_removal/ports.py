"""What the deletion of rooms asks of higher packages."""

from collections.abc import Sequence
from typing import Protocol

from homeserver.core.identifiers import RoomID
from homeserver.store.room_tables import DeletedEvent, DeletedRoom
from homeserver.store.write import Write


class RoomBelongings(Protocol):
    """What another part keeps for rooms.  Called within transactions of a few rows each."""

    def delete_of_room(self, tx: Write, room: DeletedRoom, limit: int) -> int:
        """At most *limit* rows that are kept for the room are deleted; says how many, and 0 when none are left."""

    def delete_of_events(self, tx: Write, events: Sequence[DeletedEvent]) -> None:
        """Nothing is kept for these events."""

    async def is_told(self, room_id: RoomID) -> bool:
        """Whether all who can be reached have been told what happened in the room: it may go now."""
