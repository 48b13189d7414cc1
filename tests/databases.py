"""
Both databases for tests: an SQLite file in a temporary folder, and PostgreSQL where a server is named.

``FOLKMOOT_TEST_POSTGRESQL`` is the URL of a server where databases may be created (``scripts/test`` sets it).  Without
it tests of PostgreSQL are skipped, and say so.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from twisted.internet import reactor
from twisted.trial.unittest import SkipTest, TestCase

from e2ee.store.schema import SCHEMA as E2EE
from federation.store.schema import SCHEMA as FEDERATION
from homeserver.store.connections import driver_of
from homeserver.store.database import Database, open_database
from homeserver.store.kinds import kind_of
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA as HOMESERVER
from homeserver.store.settings import DatabaseSettings
from homeserver.store.write import Write

SCHEMAS = (HOMESERVER, FEDERATION, E2EE)
POSTGRESQL = "FOLKMOOT_TEST_POSTGRESQL"
KINDS = ("sqlite", "postgresql")


def each_database(case: type[TestCase]) -> type[TestCase]:
    """*case* runs on SQLite; a subclass of it, beside it in its module, runs the same on PostgreSQL."""
    import sys

    name = f"{case.__name__}OnPostgreSQL"
    twin = type(name, (case,), {"kind": "postgresql", "__module__": case.__module__, "__doc__": case.__doc__})
    setattr(sys.modules[case.__module__], name, pytest.mark.postgresql(twin))
    return case


class DatabaseCase(TestCase):
    """``self.database`` is open, empty but for its tables, and closed after each test."""

    kind = "sqlite"
    schemas: Sequence[Any] = SCHEMAS

    def setUp(self) -> None:
        self.settings = self.enterContext(fresh_settings(self.kind))
        self.database = self.open()
        self.addCleanup(self._close)

    async def _close(self) -> None:
        if not self.database.closed:
            await self.database.close()

    def open(self) -> Database:
        """The database, open once more."""
        return open_database(self.settings, reactor)  # type: ignore[arg-type]


class TransactionCase(TestCase):
    """
    For functions of a transaction: ``self.tx`` is one that is open, on a database with tables alone; it is rolled back.

    ``self.read`` is the connection for functions that read, as it is then.
    """

    kind = "sqlite"

    def setUp(self) -> None:
        kind = kind_of(_shared(self.kind))
        connection = kind.connect(writing=True)
        self.addCleanup(connection.close)
        head, _ = kind.begin_write(connection)
        self.addCleanup(lambda: driver_of(connection).cursor().execute("ROLLBACK"))
        self.tx = Write(connection, head)

    @property
    def read(self) -> Connection:
        """All that was written can be seen through it."""
        return self.tx.connection


@cache
def _shared(kind: str) -> DatabaseSettings:
    """One database for all tests that roll back what they do."""
    context = fresh_settings(kind)
    _kept.append(_Leaving(context))
    return context.__enter__()


@contextmanager
def fresh_settings(kind: str = "sqlite", *, migrated: bool = True) -> Iterator[DatabaseSettings]:
    """Settings of a new database with all tables, *migrated* or else without any; it is gone afterwards."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="folkmoot-test-") as folder:
            path = Path(folder) / "folkmoot.db"
            if migrated:
                shutil.copy(_sqlite_template(), path)
            yield DatabaseSettings(f"sqlite:///{path}")
        return
    name = f"folkmoot_test_{uuid.uuid4().hex}"
    template = _postgresql_template() if migrated else "template0"
    _execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield DatabaseSettings(_url_of(name))
    finally:
        _execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _sqlite_template() -> Path:
    """A database file with all tables, to be copied: migrating takes longer than most tests."""
    folder = tempfile.TemporaryDirectory(prefix="folkmoot-test-")
    _kept.append(folder)
    path = Path(folder.name) / "template.db"
    migrate(DatabaseSettings(f"sqlite:///{path}"), SCHEMAS)
    return path


@cache
def _postgresql_template() -> str:
    name = f"folkmoot_template_{uuid.uuid4().hex}"
    _execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    _kept.append(_Dropping(name))
    migrate(DatabaseSettings(_url_of(name)), SCHEMAS)
    return name


class _Dropping:
    def __init__(self, name: str) -> None:
        self.name = name

    def cleanup(self) -> None:
        _execute(f'DROP DATABASE "{self.name}" WITH (FORCE)')


class _Leaving:
    def __init__(self, context: Any) -> None:
        self.context = context

    def cleanup(self) -> None:
        self.context.__exit__(None, None, None)


_kept: list[Any] = []


@pytest.fixture(scope="session", autouse=True)
def templates() -> Iterator[None]:
    """What was made once for all tests is gone after them."""
    yield
    while _kept:
        _kept.pop().cleanup()


def _server() -> str:
    url = os.environ.get(POSTGRESQL)
    if not url:
        raise SkipTest(f"{POSTGRESQL} names no PostgreSQL server: nothing is known about PostgreSQL")
    return url


def _url_of(name: str) -> str:
    return make_url(_server()).set(database=name).render_as_string(hide_password=False)


def _execute(statement: str) -> None:
    connection = psycopg2.connect(_server())
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
