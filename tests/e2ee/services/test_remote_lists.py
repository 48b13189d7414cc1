"""Tests of e2ee/services/remote_lists.py: updates of device lists on other servers that do not fit."""

from twisted.internet import reactor

from e2ee.store import remote_device_lists
from federation.core.edus import DeviceListUpdate
from homeserver.core.identifiers import ServerName, UserID
from homeserver.store import users
from homeserver.store.database import open_database
from homeserver.store.users import NewAccount
from tests.databases import DatabaseCase, each_database, fresh_settings
from tests.encryption import ALICE, LAPTOP, PHONE, Device, Encryption, shared_room
from tests.waiting import until

TWO = ServerName("two.example")
EVE = UserID("@eve:two.example")


@each_database
class RemoteListTests(DatabaseCase):
    async def begin(self) -> None:
        other = open_database(self.enterContext(fresh_settings(self.kind)), reactor)  # type: ignore[arg-type]
        self.addCleanup(other.close)
        self.one = Encryption(self.database)
        self.two = Encryption(other, TWO, self.one.network)
        self.asked = self.one.network.asked
        await self.one.user(ALICE, PHONE)
        await self.two.user(EVE, PHONE)
        await self.two.database.write(users.insert_new, NewAccount(EVE, None, 1))
        await self.one.start()
        await self.two.start()
        await self.two.upload(Device(EVE, PHONE))
        await shared_room(self.one, ALICE, self.two, EVE)

    async def update(self, stream_id: int, *prev_ids: int) -> None:
        """What says that eve's laptop is gone, after updates that never came."""
        gone = DeviceListUpdate(EVE, LAPTOP, stream_id, prev_ids, deleted=True)
        await self.one.remote_lists.receive_device(TWO, gone)

    async def is_good(self) -> bool:
        held = await self.database.read(remote_device_lists.lists_of, (EVE,))
        return not held[EVE].stale and held[EVE].stream_id is not None

    async def test_a_list_with_a_gap_is_fetched_anew_at_once(self) -> None:
        """Nobody has to ask for it first; of users that nobody ever asked for nothing is fetched."""
        await self.begin()
        await self.update(40, 39)
        self.assertEqual([], self.asked)

        await self.one.queries.query(ALICE, {EVE: []}, 10)
        self.asked.clear()
        await self.update(50, 49)
        await until(self.is_good, "the list is known with the number of its update")
        self.assertEqual([("user_devices", TWO)], self.asked)

        self.one.network.silent.add(TWO)
        await self.update(60, 59)
        await until(lambda: len(self.asked) == 2, "the server was asked")
        self.one.network.silent.clear()
        # Who sends updates answers again.
        await self.update(61, 60)
        await until(self.is_good, "the list is known again")
