"""Tests of homeserver.services.housekeeping."""

from twisted.internet.task import Clock

from homeserver.core.identifiers import DeviceID
from homeserver.core.log import PROFILE, Position
from homeserver.services.housekeeping import Housekeeping, HousekeepingSettings, forget_transactions, trim_the_log
from homeserver.store import cursors, log, transactions
from homeserver.store.write import Write
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database

KEPT = 1_000


def note(tx: Write, count: int) -> None:
    for _ in range(count):
        tx.log(PROFILE, ALICE)


@each_database
class HousekeepingTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.settings_ = HousekeepingSettings(log_entries_kept=KEPT)

    async def tidy(self) -> None:
        chores = [forget_transactions(self.settings_), trim_the_log(self.settings_)]
        housekeeping = Housekeeping(self.database, self.clock, 600, chores)
        await housekeeping.start()
        await housekeeping.tidy()
        await housekeeping.stop()

    async def test_the_log_keeps_its_newest_entries(self) -> None:
        """However long the log was, so many entries stay, and positions go on."""
        await self.database.write_long(note, 45_000)
        await self.tidy()

        self.assertEqual(44_001, await self.database.read(log.first))
        self.assertEqual(45_000, await self.database.read(log.head))

    async def test_what_a_consumer_has_not_read_stays(self) -> None:
        """Not even the slowest consumer misses an entry."""
        await self.database.write_long(note, 5_000)
        await self.database.write(cursors.advance, "slow", Position(2_000))
        await self.tidy()

        self.assertEqual(2_001, await self.database.read(log.first))

    async def test_old_requests_are_forgotten(self) -> None:
        """A request is remembered for a day, and then no longer."""
        day = 24 * 3_600_000
        self.clock.advance(2 * day / 1_000)
        for txn_id, now in (("old", day - 1), ("new", day + 1)):
            await self.database.write(transactions.insert, ALICE, DeviceID("D"), "e", txn_id, "answer", now)
        await self.tidy()

        found = [
            await self.database.read(transactions.answer_to, ALICE, DeviceID("D"), "e", txn_id)
            for txn_id in ("old", "new")
        ]
        self.assertEqual([None, "answer"], found)

    async def test_it_comes_again_and_again_until_it_is_stopped(self) -> None:
        """A round follows an interval after the last; none after a stop."""
        rounds: list[int] = []

        def chore(tx: Write, now: int) -> bool:
            rounds.append(now)
            return False

        housekeeping = Housekeeping(self.database, self.clock, 600, [chore])
        await housekeeping.start()
        for expected in (1, 2):
            self.clock.advance(600)
            await self.database.write(note, 1)
            self.assertEqual(expected, len(rounds))
        await housekeeping.stop()
        self.clock.advance(6_000)
        self.assertEqual(2, len(rounds))
