"""Tests of homeserver/store/writer.py and database.py when the database goes away, or is locked by another process."""

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from attrs import evolve
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from twisted.internet.defer import DeferredList, gatherResults

from homeserver.store import log
from homeserver.store.connections import driver_of
from homeserver.store.failures import OutcomeUnknown, Unavailable
from homeserver.store.write import Write
from tests.databases import DatabaseCase
from tests.homeserver.store.test_database import add, numbers


@pytest.mark.postgresql
class PostgreSQLRestartTests(DatabaseCase):
    """A server that closes connections, as it does when it restarts, is connected to again."""

    kind = "postgresql"

    def close_connections(self) -> None:
        """All connections of the server to this test's database are gone."""
        name = make_url(self.settings.url).database
        connection = psycopg2.connect(make_url(self.settings.url).set(database="postgres").render_as_string(False))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        connection.close()

    async def test_between_writes_and_reads(self) -> None:
        """The next write and the next reads do not notice."""
        await self.database.write(add, 1)
        await gatherResults([self.database.write(add, 2), self.database.write(add, 3)])
        await self.database.read(numbers)
        self.close_connections()
        await self.database.write(add, 4)
        self.close_connections()

        self.assertEqual([1, 2, 3, 4], await self.database.read(numbers))

    async def test_in_the_middle_of_a_batch(self) -> None:
        """Nothing was committed: the whole batch is done again, in order, and nothing is done twice."""
        pending = [self.close_connections]

        def add_slowly(tx: Write, number: int) -> int:
            if pending:
                pending.pop()()
            return add(tx, number)

        positions = await gatherResults(
            [self.database.write(add, 1), self.database.write(add_slowly, 2), self.database.write(add, 3)]
        )

        self.assertEqual([1, 2, 3], positions)
        self.assertEqual([1, 2, 3], await self.database.read(numbers))

    def at_the_commit(self, *, before: bool) -> None:
        """The connection breaks at the next commit: just *before* it is done, or just after."""
        writer: Any = self.database._commits._writer
        end: Callable[[str], None] = writer._end

        def break_at(statement: str) -> None:
            if statement == "COMMIT":
                writer._end = end
                if not before:
                    end(statement)
                self.close_connections()
                if not before:
                    driver_of(writer._connection).close()
                    raise psycopg2.OperationalError("server closed the connection unexpectedly")
            end(statement)

        writer._end = break_at

    async def test_before_a_commit(self) -> None:
        """The server says that the transaction was aborted: it is done again, once."""
        self.at_the_commit(before=True)

        self.assertEqual(1, await self.database.write(add, 1))
        self.assertEqual([1], await self.database.read(numbers))
        self.assertEqual(1, await self.database.read(log.head))

    async def test_after_a_commit_that_was_not_answered(self) -> None:
        """The server says that the transaction was committed: the writer is answered, and nothing is done twice."""
        heard: list[Any] = []
        self.database.subscribe(heard.extend)
        self.at_the_commit(before=False)

        self.assertEqual(1, await self.database.write(add, 1))
        self.assertEqual([1], await self.database.read(numbers))
        self.assertEqual([1], [entry.position for entry in heard])

    async def test_a_server_that_stays_away(self) -> None:
        """Writers are told when patience is over, and the next ones are served once the server is back."""
        await self.database.close()
        self.settings = evolve(self.settings, patience_seconds=0.3)
        self.database = self.open()
        kind: Any = self.database._kind
        connect = kind.connect

        def refuse(*, writing: bool) -> Connection:
            raise psycopg2.OperationalError("connection refused")

        kind.connect = refuse
        self.close_connections()
        await self.assertFailure(self.database.write(add, 1), Unavailable)
        with self.assertRaises(Unavailable):
            await self.database.read(numbers)
        kind.connect = connect

        self.assertEqual(1, await self.database.write(add, 2))
        self.assertEqual([2], await self.database.read(numbers))

    async def test_nobody_can_say(self) -> None:
        """A commit that was not answered by a server that stays away: the writer is told that nobody knows."""
        await self.database.close()
        self.settings = evolve(self.settings, patience_seconds=0.3)
        self.database = self.open()
        self.at_the_commit(before=False)
        kind: Any = self.database._kind
        connect = kind.connect

        def refuse(*, writing: bool) -> Connection:
            raise psycopg2.OperationalError("connection refused")

        kind.connect = refuse
        await self.assertFailure(self.database.write(add, 1), OutcomeUnknown)
        kind.connect = connect

        # It was committed, as it happens; and the log goes on after it.
        self.assertEqual(2, await self.database.write(add, 2))
        self.assertEqual([1, 2], await self.database.read(numbers))


class LockedFileTests(DatabaseCase):
    """Another process may write to the same file."""

    def setUp(self) -> None:
        super().setUp()
        path = make_url(self.settings.url).database
        assert path is not None
        self.other = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(self.other.close)

    async def test_writers_wait_for_the_other(self) -> None:
        """Once it is done they are, in order; and the reactor was free meanwhile."""
        self.other.execute("BEGIN IMMEDIATE")
        writes = [self.database.write(add, number) for number in range(3)]
        self.assertEqual([], await self.database.read(numbers))
        self.other.execute("COMMIT")

        self.assertEqual([1, 2, 3], await gatherResults(writes))

    async def test_patience_ends(self) -> None:
        """Writers are told when the other does not let go, and the next ones are served when it has."""
        await self.database.close()
        self.settings = evolve(self.settings, patience_seconds=0.1)
        self.database = self.open()
        self.other.execute("BEGIN IMMEDIATE")
        results = await DeferredList([self.database.write(add, number) for number in range(2)], consumeErrors=True)
        self.other.execute("COMMIT")

        self.assertEqual([Unavailable, Unavailable], [failure.type for _, failure in results])  # type: ignore[attr-defined]
        self.assertEqual(1, await self.database.write(add, 5))

    async def test_what_the_other_wrote_is_seen(self) -> None:
        """No write is decided on what was there before the other one's."""
        self.other.execute("INSERT INTO filters (user_id, filter_id, filter) VALUES ('@alice:example.org', 1, '{}')")

        def count(tx: Write) -> int:
            return len(numbers(tx.connection))

        self.assertEqual(1, await self.database.write(count))


class FullDiskTests(DatabaseCase):
    """A file that cannot grow."""

    async def test_writers_are_told(self) -> None:
        """Nothing of what was not written is there, reads go on, and so do writes when there is room again."""
        await self.database.write(add, 1)
        writer: Any = self.database._commits._writer
        driver = driver_of(writer._connection)
        pages = driver.execute("PRAGMA page_count").fetchone()[0]
        driver.execute(f"PRAGMA max_page_count = {pages}")
        results = await DeferredList([self.database.write(fill, number) for number in range(2, 5)], consumeErrors=True)
        driver.execute("PRAGMA max_page_count = 1073741823")

        self.assertTrue(all(not done for done, _ in results))
        self.assertEqual([1], await self.database.read(numbers))
        self.assertEqual(2, await self.database.write(add, 9))


def fill(tx: Write, number: int) -> None:
    """Much more is there than a full disk takes."""
    add(tx, number)
    for more in range(200):
        add(tx, 1000 * number + more)
    tx.connection.exec_driver_sql("UPDATE filters SET filter = filter || hex(zeroblob(5000))")
