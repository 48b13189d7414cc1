"""Tests of e2ee/services/announcements.py: what other servers are told, once, and over restarts."""

from typing import Any

from twisted.internet import reactor

from e2ee.services.announcements import Announcements
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.store.database import open_database
from tests.databases import DatabaseCase, each_database, fresh_settings
from tests.encryption import ALICE, LAPTOP, PHONE, Device, Encryption, arrive, shared_room

TWO, THREE = ServerName("two.example"), ServerName("three.example")
EVE, MALLORY = UserID("@eve:two.example"), UserID("@mallory:three.example")


@each_database
class AnnouncementTests(DatabaseCase):
    async def begin(self) -> RoomID:
        self.one = Encryption(self.database)
        self.two = self.server(TWO)
        await self.one.user(ALICE, PHONE)
        await self.one.start()
        await self.one.upload(Device(ALICE, PHONE))
        return await shared_room(self.one, ALICE, self.two, EVE)

    def server(self, name: ServerName) -> Encryption:
        other = open_database(self.enterContext(fresh_settings(self.kind)), reactor)  # type: ignore[arg-type]
        self.addCleanup(other.close)
        return Encryption(other, name, self.one.network)

    async def said(self, destination: ServerName = TWO) -> list[tuple[Any, ...]]:
        """(device, stream_id, prev_id, deleted) of the updates that wait for a server."""
        updates = [edu["content"] for edu in await self.one.outgoing(destination)]
        return [(each["device_id"], each["stream_id"], each["prev_id"], each.get("deleted", False)) for each in updates]  # type: ignore[index,call-overload,union-attr]

    async def test_updates_follow_one_another(self) -> None:
        """Each refers to the one before."""
        await self.begin()
        await self.said()
        await self.one.user(ALICE, LAPTOP)
        await self.one.upload(Device(ALICE, LAPTOP))
        await self.one.upload(Device(ALICE, PHONE, "again"))
        self.assertEqual([(LAPTOP, 2, [1], False), (PHONE, 3, [2], False)], await self.said())
        await self.one.accounts.sessions.close_devices(ALICE, (LAPTOP,))

        self.assertEqual([(LAPTOP, 4, [3], True)], await self.said())

    async def test_nothing_is_said_to_who_shares_no_room(self) -> None:
        """Nor about devices without keys."""
        await self.begin()
        await self.said()
        await self.one.user(ALICE, LAPTOP)
        await self.one.accounts.sessions.close_devices(ALICE, (LAPTOP,))
        self.assertEqual([], await self.said())
        await self.one.upload(Device(ALICE, PHONE, "again"))

        self.assertEqual([], await self.said(THREE))

    async def test_a_server_that_comes_hears_the_newest_update(self) -> None:
        """When a local user joins where it is; it sees by that that a list it may hold is old."""
        await self.begin()
        await self.said()
        three = self.server(THREE)
        room_id = await three.sync.new_room(MALLORY, preset="public_chat")
        await arrive(three, room_id, self.one, ALICE)
        self.assertEqual([(PHONE, 1, [], False)], await self.said(THREE))

        self.assertEqual([], await self.said(TWO))

    async def test_what_changed_before_a_crash_is_said_after_it(self) -> None:
        """And what was said is not said again."""
        await self.begin()
        await self.said()
        await self.one.announcements.stop()
        await self.one.upload(Device(ALICE, PHONE, "again"))
        self.assertEqual([], await self.said())
        for expected in ([(PHONE, 2, [1], False)], []):
            self.one.announcements = Announcements(self.one.server, self.database, self.one.rooms.tail, self.one.clock)
            await self.one.announcements.start()
            self.assertEqual(expected, await self.said())

    async def test_two_processes_say_it_once(self) -> None:
        """Both follow the same log."""
        await self.begin()
        await self.said()
        twin = Announcements(self.one.server, self.database, self.one.rooms.tail, self.one.clock)
        self.one.rooms.tail.follow(twin.follow)
        await twin.start()
        for salt in ("a", "b"):
            await self.one.upload(Device(ALICE, PHONE, salt))
            await self.one.settle()
        found = await self.said()

        self.assertEqual(sorted({each[1] for each in found}), sorted(each[1] for each in found))
        self.assertEqual(3, max(each[1] for each in found))
