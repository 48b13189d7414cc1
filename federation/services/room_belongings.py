"""What federation keeps for rooms.  Implements ``homeserver.services.room_removal.ports.RoomBelongings``."""

from collections.abc import Sequence

from attrs import frozen

from federation.services.outbox import Outbox
from federation.store import room_belongings
from homeserver.core.identifiers import RoomID
from homeserver.store.database import Database
from homeserver.store.room_tables import DeletedEvent, DeletedRoom
from homeserver.store.write import Write


@frozen(eq=False)
class FederationBelongings:
    """What waits for other servers, and what of theirs is not worked in yet."""

    database: Database
    outbox: Outbox

    def delete_of_room(self, tx: Write, room: DeletedRoom, limit: int) -> int:
        """At most *limit* rows that are kept for the room are deleted; says how many, and 0 when none are left."""
        return room_belongings.delete_of_room(tx, room, limit)

    def delete_of_events(self, tx: Write, events: Sequence[DeletedEvent]) -> None:
        """Nothing is kept for these events."""
        room_belongings.TABLES.delete_of_events(tx, events)

    async def is_told(self, room_id: RoomID) -> bool:
        """Whether every server that answers has been told what happened in the room."""
        return await self.database.read(room_belongings.is_told, room_id, self.outbox.read_upto)
