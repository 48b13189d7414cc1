"""Tests of homeserver/store/database.py and what it is made of: reads, group commit, the log."""

import threading
from typing import Any

from sqlalchemy import Connection, bindparam, select
from twisted.internet.defer import DeferredList, gatherResults

from homeserver.core.identifiers import UserID
from homeserver.core.log import ACCOUNT_DATA, LogEntry, Position
from homeserver.store import log
from homeserver.store.failures import Closed, Duplicate, Overloaded
from homeserver.store.prepared import Insertion, Prepared
from homeserver.store.schema.accounts import filters
from homeserver.store.write import Write
from tests.databases import DatabaseCase, each_database

ALICE = UserID("@alice:example.org")
_INSERT = Insertion(filters)
_ALL = Prepared(select(filters.c.filter_id).where(filters.c.user_id == bindparam("user")).order_by(filters.c.filter_id))


def add(tx: Write, number: int, *, then: Exception | None = None) -> int:
    """A row is there, and an entry in the log; or *then* is raised."""
    position = tx.log(ACCOUNT_DATA, ALICE, number)
    tx.insert(_INSERT, (ALICE, number, "{}"))
    if then is not None:
        raise then
    return position


def numbers(tx: Connection) -> list[int]:
    """The rows that are there."""
    return [row[0] for row in _ALL.all(tx, user=ALICE)]


@each_database
class WriteTests(DatabaseCase):
    """What was asked for together is committed together, and fails alone."""

    async def test_a_write_can_be_read_once_it_has_answered(self) -> None:
        """What a write answered is what reads find."""
        position = await self.database.write(add, 7)

        self.assertEqual(1, position)
        self.assertEqual([7], await self.database.read(numbers))
        self.assertEqual([7], await self.database.scan(numbers))

    async def test_only_the_guilty_fails(self) -> None:
        """A write that raises leaves nothing behind, neither rows nor positions, and its neighbors are written."""
        writes = [
            self.database.write(add, number, then=ValueError("no") if number % 3 == 0 else None)
            for number in range(1, 8)
        ]
        results = await DeferredList(writes, consumeErrors=True)

        self.assertEqual([True, True, False, True, True, False, True], [done for done, _ in results])
        self.assertEqual([1, 2, 3, 4, 5], [value for done, value in results if done])
        self.assertEqual([1, 2, 4, 5, 7], await self.database.read(numbers))
        entries = await self.database.read(log.entries, Position(0), Position(100), 100)
        self.assertEqual([(1, 1), (2, 2), (3, 4), (4, 5), (5, 7)], [(e.position, e.ref) for e in entries])
        self.assertEqual(5, await self.database.read(log.head))

    async def test_a_duplicate_is_told_as_such(self) -> None:
        """A key that is there already makes the write fail that brought it second."""
        first, second, third = (self.database.write(add, number) for number in (1, 1, 2))

        await self.assertFailure(second, Duplicate)
        self.assertEqual([1, 2], await gatherResults([first, third]))

    async def test_a_single_failure_takes_no_position(self) -> None:
        """The log has no gaps, also where a write alone in its batch failed."""
        await self.assertFailure(self.database.write(add, 1, then=KeyError()), KeyError)

        self.assertEqual(1, await self.database.write(add, 2))

    async def test_writes_of_one_batch_see_each_other(self) -> None:
        """A write sees what those before it wrote, though they wait for the same commit."""

        def count(tx: Write) -> int:
            return len(numbers(tx.connection))

        seen = await gatherResults(
            [
                self.database.write(add, 1),
                self.database.write(count),
                self.database.write(add, 2),
                self.database.write(count),
            ]
        )

        self.assertEqual([1, 1, 2, 2], seen)

    async def test_order_is_the_order_of_asking(self) -> None:
        """Positions rise in the order in which writes were asked for, long ones and short ones alike."""
        writes = []
        for number in range(1, 61):
            ask = self.database.write_long if number % 7 == 0 else self.database.write
            writes.append(ask(add, number))

        self.assertEqual(list(range(1, 61)), await gatherResults(writes))

    async def test_subscribers_hear_before_the_writers(self) -> None:
        """When a writer is answered, every subscriber has been called with its entry, once and in order."""
        heard: list[LogEntry] = []
        lengths: list[int] = []

        def note(position: int) -> int:
            lengths.append(len(heard))
            return position

        self.database.subscribe(heard.extend)
        await gatherResults([self.database.write(add, number).addCallback(note) for number in range(1, 30)])

        self.assertEqual([LogEntry(n, ACCOUNT_DATA, ALICE, n) for n in range(1, 30)], heard)  # type: ignore[arg-type]
        self.assertTrue(all(length >= number for number, length in enumerate(lengths, 1)))
        self.assertEqual(29, self.database.head)

    async def test_a_failing_subscriber_harms_nobody(self) -> None:
        """Other subscribers and the writers are told all the same."""
        heard: list[LogEntry] = []

        def fail(entries: tuple[LogEntry, ...]) -> None:
            raise RuntimeError("not listening")

        self.database.subscribe(fail)
        self.database.subscribe(heard.extend)
        await self.database.write(add, 1)

        self.assertEqual(1, len(heard))
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def test_entries_of_other_processes_are_heard(self) -> None:
        """Subscribers know the whole log, whoever wrote it."""
        other = self.open()
        heard: list[LogEntry] = []
        self.database.subscribe(heard.extend)
        await other.write(add, 1)
        await other.write(add, 2)
        await self.database.write(add, 3)
        await other.write(add, 4)
        await self.database.catch_up()
        await other.close()

        self.assertEqual([1, 2, 3, 4], [entry.ref for entry in heard])

    async def test_entries_of_other_processes_are_heard_once(self) -> None:
        """Also where the write that met them was refused: who follows the log counts on having no entry twice."""
        other = self.open()
        heard: list[LogEntry] = []
        self.database.subscribe(heard.extend)
        await other.write(add, 1)
        await self.assertFailure(self.database.write(add, 7, then=KeyError()), KeyError)
        await self.database.write(add, 2)
        await other.close()

        self.assertEqual([(1, 1), (2, 2)], [(entry.position, entry.ref) for entry in heard])

    async def test_two_processes_write_one_log(self) -> None:
        """Two writers at once, and still no gap and no position twice."""
        other = self.open()
        writes = [who.write(add, n) for n, who in enumerate([self.database, other] * 40)]
        positions = await gatherResults(writes)
        await other.close()

        self.assertEqual(list(range(1, 81)), sorted(positions))
        self.assertEqual(80, await self.database.read(log.head))

    async def test_long_writes_run_elsewhere(self) -> None:
        """A long write does not keep the reactor's thread from its work."""

        def where(tx: Write) -> str:
            return threading.current_thread().name

        self.assertEqual("database writer", await self.database.write_long(where))

    async def test_what_was_accepted_is_done_at_the_close(self) -> None:
        """Closing drains the queue; then nothing more is taken."""
        writes = [self.database.write(add, number) for number in range(500)]
        closing = self.database.close()
        results = await gatherResults(writes)
        await closing

        self.assertEqual(list(range(1, 501)), results)
        with self.assertRaises(Closed):
            self.database.write(add, 1000)
        again = self.open()
        self.assertEqual(500, len(await again.read(numbers)))
        await again.close()

    async def test_a_full_queue_refuses(self) -> None:
        """What is more than may wait is refused at once, and what waits is done."""
        await self.database.close()
        from attrs import evolve

        self.settings = evolve(self.settings, write_queue_max=10)
        self.database = self.open()
        writes = [self.database.write(add, number) for number in range(10)]
        with self.assertRaises(Overloaded):
            self.database.write(add, 11)
        await gatherResults(writes)

        self.assertEqual(list(range(10)), await self.database.read(numbers))

    async def test_a_batch_is_bounded_and_all_is_done(self) -> None:
        """Many more writes than fit one batch, and slow ones, are all done."""
        from attrs import evolve

        await self.database.close()
        self.settings = evolve(self.settings, write_batch_max=7)
        self.database = self.open()
        await gatherResults([self.database.write(add, number) for number in range(100)])

        self.assertEqual(list(range(100)), await self.database.read(numbers))


@each_database
class ReadTests(DatabaseCase):
    """Reads see one moment, change nothing, and leave nothing open when they fail."""

    async def test_a_failing_read_is_over(self) -> None:
        """After a read that raised, the next one sees what was written since."""

        def fail(tx: Connection) -> None:
            numbers(tx)
            raise KeyError("read")

        for _ in range(3):
            with self.assertRaises(KeyError):
                await self.database.read(fail)
        await self.database.write(add, 1)

        self.assertEqual([1], await self.database.read(numbers))

    async def test_a_read_sees_one_moment(self) -> None:
        """What is committed while a read is under way is not seen by its later statements."""
        begun, written = threading.Event(), threading.Event()

        def twice(tx: Connection) -> tuple[list[int], list[int]]:
            first = numbers(tx)
            begun.set()
            assert written.wait(300)
            return first, numbers(tx)

        from twisted.internet.defer import ensureDeferred
        from twisted.internet.threads import deferToThread

        # A function that turns out to make a second statement begins anew, the first time it is seen to.
        written.set()
        await self.database.scan(twice)
        begun.clear()
        written.clear()

        await self.database.write(add, 1)
        reading = ensureDeferred(self.database.scan(twice))
        await deferToThread(begun.wait, 300)
        await self.database.write(add, 2)
        written.set()

        self.assertEqual(([1], [1]), await reading)

    async def test_a_read_cannot_write(self) -> None:
        """A statement that changes something is refused where only reading is meant."""

        def change(tx: Connection) -> Any:
            _INSERT.run(tx, [(ALICE, 1, "{}")])

        for read in (self.database.read, self.database.scan):
            with self.assertRaisesRegex(Exception, "read-?only"):
                await read(change)
        self.assertEqual([], await self.database.read(numbers))
