"""Tests of sliding sync: rooms to look at, and clients that do."""

from typing import Any

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA
from homeserver.store import account_data
from homeserver.store.write import Write
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase
from tests.sliding import LIST, SlidingClient, SlidingServices
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")


class SlidingCase(DatabaseCase):
    """``self.sync`` makes rooms and says things, ``self.client()`` is @alice at a client."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.sync = SyncServices(self.database)
        self.sliding = SlidingServices(self.sync)

    def client(self, user_id: UserID = ALICE, **more: Any) -> SlidingClient:
        return SlidingClient(self.sliding, user_id, **more)

    async def rooms(self, count: int) -> list[RoomID]:
        """Rooms of @alice's that @dave is in as well, the latest last."""
        made = []
        for number in range(count):
            room_id = await self.sync.new_room(ALICE, preset="public_chat", name=f"Room {number}")
            await self.sync.join(room_id, DAVE)
            made.append(room_id)
        return made

    def put(self, tx: Write, user_id: UserID, room_id: str, kind: str, text: str) -> None:
        account_data.replace(tx, user_id, room_id, kind, text, tx.log(ACCOUNT_DATA, user_id))


def ranged(*ranges: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A list of the rooms there."""
    return {**LIST, "ranges": [list(each) for each in ranges], **more}
