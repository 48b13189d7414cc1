"""Tests of homeserver/store/readers.py, fibers.py and snapshots.py: reads that share the reactor's thread."""

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from twisted.internet.defer import ensureDeferred, gatherResults

from homeserver.store.connections import driver_of
from homeserver.store.prepared import Prepared
from homeserver.store.schema.accounts import filters
from tests.databases import DatabaseCase, each_database
from tests.homeserver.store.test_database import add, numbers

_ALL = Prepared(select(filters.c.filter_id).order_by(filters.c.filter_id))


def twice(tx: Connection) -> tuple[list[Any], list[Any]]:
    """The same, read by two statements."""
    return _ALL.all(tx), _ALL.all(tx)


@each_database
class ReadersTests(DatabaseCase):
    """Whatever waits, each read sees one moment and the right answer."""

    async def test_many_reads_at_once(self) -> None:
        """More reads than connections, between writes: each is answered, in this thread."""
        threads = set()

        def read(tx: Connection, number: int) -> tuple[int, int]:
            threads.add(threading.get_ident())
            return number, len(numbers(tx))

        writes = [self.database.write(add, number) for number in range(5)]
        reads = await gatherResults([ensureDeferred(self.database.read(read, number)) for number in range(50)])
        await gatherResults(writes)

        self.assertEqual(list(range(50)), [number for number, _ in reads])
        self.assertEqual({threading.get_ident()}, threads)
        self.assertEqual((49, 5), await self.database.read(read, 49))

    async def test_several_statements_see_one_moment(self) -> None:
        """What is committed between two statements of one read is not seen by the second."""
        for number in range(30):
            written = self.database.write(add, number)
            first, second = await self.database.read(twice)
            self.assertEqual(first, second)
            await written

    async def test_a_read_that_fails(self) -> None:
        """Its error is told, and the next read on the connection is none the worse."""

        def fail(tx: Connection) -> None:
            numbers(tx)
            tx.execute(text("SELECT nothing FROM nowhere"))

        for _ in range(10):
            with self.assertRaisesRegex(Exception, "nowhere"):
                await self.database.read(fail)

        self.assertEqual([], await self.database.read(numbers))

    async def test_a_close_waits_for_reads(self) -> None:
        """What was asked for before is answered."""
        reads = [ensureDeferred(self.database.read(numbers)) for _ in range(20)]
        await self.database.close()

        self.assertEqual([[]] * 20, await gatherResults(reads))


@pytest.mark.postgresql
class SnapshotTests(DatabaseCase):
    """On PostgreSQL a transaction is begun only where one statement is not enough."""

    kind = "postgresql"

    async def test_one_statement_is_on_its_own(self) -> None:
        """No transaction is open within it; within several there is one, from the second time on at once."""

        async def in_transaction(statements: int) -> bool:
            def read(tx: Connection) -> bool:
                for _ in range(statements):
                    numbers(tx)
                return bool(driver_of(tx).info.transaction_status)

            return await self.database.read(read)

        self.assertFalse(await in_transaction(1))
        self.assertTrue(await in_transaction(2))

    async def test_the_reactor_goes_on_while_the_server_works(self) -> None:
        """Reads that take long overlap."""
        order: list[str] = []

        def slow(tx: Connection) -> None:
            tx.execute(text("SELECT pg_sleep(0.2)"))
            order.append("slow")

        def quick(tx: Connection) -> None:
            numbers(tx)
            order.append("quick")

        await gatherResults([ensureDeferred(self.database.read(slow)), ensureDeferred(self.database.read(quick))])

        self.assertEqual(["quick", "slow"], order)
