"""Tests of homeserver/store/remembered.py and statement_forms.py: what PostgreSQL remembers of statements."""

import gc
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import bindparam, func, select

import e2ee.store
import federation.store
import homeserver.store
from homeserver.core.identifiers import UserID
from homeserver.store import remembered
from homeserver.store.connections import driver_of
from homeserver.store.prepared import Insertion, Prepared, PreparedIn
from homeserver.store.schema.accounts import filters
from homeserver.store.statement_forms import form_of
from tests.databases import TransactionCase

ALICE = UserID("@alice:one")
OF_SQLITE = ("search_words", "total_changes")


@pytest.mark.postgresql
class RememberedTests(TransactionCase):
    """A statement means the same whether or not the server remembers it."""

    kind = "postgresql"

    def setUp(self) -> None:
        super().setUp()
        insertion = Insertion(filters)
        for number in range(3):
            self.tx.insert(insertion, (ALICE, number, f"{number} 100%"))

    def test_the_same_again_and_again(self) -> None:
        """Whatever number of times it ran, with constants and one variable in two places, it finds the same."""
        statement = Prepared(
            select(filters.c.filter_id)
            .where(
                filters.c.user_id == bindparam("user"),
                filters.c.filter.in_(["1 100%", bindparam("more"), "0 100%"]),
                filters.c.filter != "%s",
                bindparam("user") == filters.c.user_id,
            )
            .order_by(filters.c.filter_id % 10)
        )

        for _ in range(remembered.RUNS_BEFORE + 3):
            self.assertEqual([(0,), (1,), (2,)], statement.all(self.read, user=ALICE, more="2 100%"))
            self.assertEqual([(0,), (1,)], statement.all(self.read, user=ALICE, more=None))
        self.assertTrue(driver_of(self.read).remembered._known)

    def test_plans_are_dropped(self) -> None:
        """What is planned afresh, in the same round trip, finds the same."""
        self.patch(remembered, "PLANS_USED_MAX", 2)
        statement = Prepared(select(filters.c.filter_id).where(filters.c.filter == bindparam("text")))
        for _ in range(remembered.RUNS_BEFORE + 8):
            self.assertEqual([(1,)], statement.all(self.read, text="1 100%"))

    def test_a_statement_that_fails_while_it_is_remembered(self) -> None:
        """It is run as it is from then on."""
        self.patch(remembered, "RUNS_BEFORE", 0)
        statement = Prepared(select(func.ln(filters.c.filter_id)).where(filters.c.filter_id == bindparam("id")))
        cursor = driver_of(self.read).cursor()
        cursor.execute("SAVEPOINT before")
        with self.assertRaisesRegex(Exception, "zero"):
            statement.all(self.read, id=0)
        cursor.execute("ROLLBACK TO SAVEPOINT before")

        self.assertEqual([(0,)], statement.all(self.read, id=1))
        self.assertEqual([(0,)], statement.all(self.read, id=1))

    def test_every_statement_there_is(self) -> None:
        """The server can tell the types of all variables of each of our statements."""
        cursor = driver_of(self.read).cursor()
        seen = 0
        for statement in _every_statement():
            form = form_of(statement._build("postgresql"), "postgresql")
            assert form.server is not None, "this is PostgreSQL"
            if not any(name in form.sql for name in OF_SQLITE):
                cursor.execute(form.server.prepare, form.server.constants)
                seen += 1

        self.assertGreater(seen, 400)


def _every_statement() -> Iterator[Prepared]:
    for package in (homeserver.store, federation.store, e2ee.store):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    everything: list[Any] = gc.get_objects()
    for each in everything:
        if type(each) is Prepared:
            yield each
        elif type(each) is PreparedIn:
            yield Prepared(each._build([bindparam(f"in_{number}") for number in range(2)]))
