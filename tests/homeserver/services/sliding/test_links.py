"""Tests of homeserver.services.sliding.links: what is forgotten, and what is not."""

from twisted.internet.task import Clock

from homeserver.core.identifiers import DeviceID
from homeserver.core.log import Position
from homeserver.core.sliding.room_configs import RequiredState
from homeserver.core.sync_tokens import SlidingToken, SyncToken
from homeserver.services.refusals import UnknownPos
from homeserver.services.sliding.links import Link, Links, Memory, Sent, Step, forget_connections
from homeserver.services.sliding.settings import SlidingSettings
from homeserver.store import devices
from homeserver.store.sliding_connections import ConnectionName
from homeserver.store.write import Write
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database

DAY_MS = 86_400_000
SETTINGS = SlidingSettings(connections_kept_days=1)
ROOM = Sent(None, 5, 0, False)


def token(link: Link) -> SlidingToken:
    """What its client comes with after the latest answer."""
    return SlidingToken(SyncToken(Position(1)), link.nid, link.latest)


@each_database
class LinkTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.links = Links(self.database, self.clock, SETTINGS)

    def other_process(self) -> Links:
        return Links(self.database, self.clock, SETTINGS)

    async def a_link(self, device: str = "", rooms: int = 1) -> Link:
        link = self.links.new(ConnectionName(ALICE, device, "main"))
        memory, _ = Memory().with_config(RequiredState())
        await self.links.keep(link, Step(dict.fromkeys(range(rooms), ROOM), memory))
        return link

    async def is_known(self, link: Link) -> bool:
        try:
            await self.other_process().at(link.name, token(link))
        except UnknownPos:
            return False
        return True

    async def test_another_process_knows_the_same(self) -> None:
        """Of the latest generation and of the one before it, with thousands of rooms too."""
        link = await self.a_link(rooms=2_000)
        first = token(link)
        mine = await self.links.at(link.name, first)
        behind = Sent(Position(7), 5, 0, True)
        await self.links.keep(mine, Step({3: behind, 5_000: ROOM}, mine.memory))

        before = await self.other_process().at(link.name, first)
        after = await self.other_process().at(link.name, token(mine))

        self.assertEqual((2_000, ROOM), (len(before.sent), before.sent[3]))
        self.assertEqual((2_001, behind), (len(after.sent), after.sent[3]))
        self.assertEqual(mine.memory, after.memory)

    async def test_two_processes_in_turn(self) -> None:
        """Each goes on from what the other has kept."""
        link = await self.a_link()
        one, two = self.links, self.other_process()
        last = token(link)
        for number in range(6):
            links = (one, two)[number % 2]
            mine = await links.at(link.name, last)
            self.assertEqual(number + 1, len(mine.sent))
            await links.keep(mine, Step({100 + number: ROOM}, mine.memory))
            last = token(mine)

    async def test_a_step_on_what_nobody_goes_on_from_is_refused(self) -> None:
        """Another process was faster, and its client has gone on."""
        link = await self.a_link()
        late = await self.other_process().at(link.name, token(link))
        mine = await self.links.at(link.name, token(link))
        await self.links.keep(mine, Step({1: ROOM}, mine.memory))
        mine = await self.links.at(link.name, token(mine))
        await self.links.keep(mine, Step({2: ROOM}, mine.memory))

        with self.assertRaises(UnknownPos):
            await self.links.keep(late, Step({3: ROOM}, late.memory))

    async def test_connections_that_nobody_uses_are_forgotten(self) -> None:
        """After a while, and at once when their device is gone."""
        await self.database.write(_insert_device, DeviceID("PHONE"))
        old = await self.a_link()
        self.clock.advance(2 * DAY_MS / 1000)
        phone, gone = await self.a_link("PHONE"), await self.a_link("GONE")
        chore = forget_connections(SETTINGS)

        while await self.database.write(chore, int(self.clock.seconds() * 1000)):
            pass

        self.assertEqual(
            [False, True, False], [await self.is_known(old), await self.is_known(phone), await self.is_known(gone)]
        )


def _insert_device(tx: Write, device_id: DeviceID) -> None:
    devices.insert_new(tx, ALICE, device_id, None, 0)
