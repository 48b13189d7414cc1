"""Tests of federation.services.room_servers."""

from typing import Any

from federation.services.room_servers import KEPT_SECONDS, RoomServers
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import REMOTE_MEMBERSHIP
from homeserver.store import rooms, state
from homeserver.store.write import Write
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices

BOB = UserID("@bob:two.example")


@each_database
class RoomServersTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.live = self.services.rooms.live_rooms
        self.servers = RoomServers(self.database, self.live, self.services.clock)
        self.services.tail.follow(self.servers.follow)
        self.room_ids = [await self.services.new_room(ALICE, preset="public_chat") for _ in range(3)]

    async def found(self, *room_ids: RoomID) -> set[str]:
        return set(await self.servers.of_all(frozenset(room_ids)))

    async def enter(self, room_id: RoomID, user_id: UserID) -> None:
        """As the write of another process."""
        await self.database.write(_enter, room_id, user_id)

    async def test_servers_of_rooms_in_use_and_of_others(self) -> None:
        """Both are found; a room that nobody knows has none."""
        self.live.drop(self.room_ids[:2])
        await self.enter(self.room_ids[0], BOB)

        self.assertEqual({"one.example", "two.example"}, await self.found(*self.room_ids, RoomID("!none:x")))
        self.assertEqual({"one.example"}, await self.found(*self.room_ids[1:]))

    async def test_who_comes_is_heard_of(self) -> None:
        """A server that comes into a room that was looked up already is among its servers at once."""
        self.live.drop(self.room_ids)
        before = await self.found(*self.room_ids)
        await self.enter(self.room_ids[1], BOB)
        await self.services.tail.reach(self.database.head)

        self.assertEqual({"one.example"}, before)
        self.assertEqual({"one.example", "two.example"}, await self.found(*self.room_ids))

    async def test_rooms_are_not_read_each_time(self) -> None:
        """The same rooms again, and others that are known, cost no read until they are old."""
        self.live.drop(self.room_ids)
        await self.found(*self.room_ids)
        reads: list[object] = []
        scan = self.database.scan

        def counted(_: object, *args: Any) -> Any:
            reads.append(args)
            return scan(*args)

        self.patch(type(self.database), "scan", counted)
        await self.found(*self.room_ids)
        await self.found(self.room_ids[0])
        self.services.clock.advance(KEPT_SECONDS + 1)
        self.assertEqual([], reads)
        await self.found(self.room_ids[0])

        self.assertEqual(1, len(reads))


def _enter(tx: Write, room_id: RoomID, user_id: UserID) -> None:
    room = rooms.by_id(tx.connection, room_id)
    assert room is not None, "the test made it"
    position = tx.log(REMOTE_MEMBERSHIP, user_id, room.nid)
    create = state.entry_as_of(tx.connection, room.nid, ("m.room.create", ""), state.NOW)
    state.change(tx, room.nid, position, ("m.room.member", user_id), create, membership="join")
