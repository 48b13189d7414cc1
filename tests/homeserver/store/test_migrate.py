"""Tests of homeserver/store/migrate.py and the revisions of all packages."""

from typing import Any

from sqlalchemy import Connection, text
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from homeserver.store.failures import Unavailable
from homeserver.store.kinds import kind_of
from homeserver.store.migrate import migrate
from homeserver.store.schema.indexes import name_options
from homeserver.store.settings import DatabaseSettings
from tests.databases import SCHEMAS, each_database, fresh_settings

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' ORDER BY name"
_POSTGRESQL = (
    """
    SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    ORDER BY table_name, column_name
    """,
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY conname
    """,
)


def catalog(connection: Connection) -> list[Any]:
    """All that the database knows of its tables; the order of columns does not count."""
    if connection.dialect.name == "sqlite":
        return [(*row[:3], _normal(row[3])) for row in connection.execute(text(_SQLITE))]
    rows = [tuple(row) for query in _POSTGRESQL for row in connection.execute(text(query))]
    return [row for row in rows if "alembic_version" not in str(row)]


def _normal(sql: str | None) -> list[str]:
    """The parts of a definition, sorted."""
    if sql is None:
        return []
    head, _, body = " ".join(sql.split()).partition("(")
    # SQLite writes quotes around the name of a table that a revision has rebuilt.
    return [head.strip().replace('"', ""), *sorted(part.strip().rstrip(")").strip() for part in body.split(","))]


@each_database
class MigrateTests(TestCase):
    """The revisions of all packages make the tables that the code says."""

    kind = "sqlite"

    def fresh(self) -> DatabaseSettings:
        """Settings of a database that is empty altogether."""
        return self.enterContext(fresh_settings(self.kind, migrated=False))

    def connect(self, settings: DatabaseSettings) -> Connection:
        """A connection that is closed after the test."""
        connection = kind_of(settings).connect(writing=True)
        self.addCleanup(connection.close)
        return connection

    def test_the_revisions_make_the_tables_of_the_code(self) -> None:
        """
        All revisions together make exactly what the metadata says.

        When this fails after a change of tables: ``python -m scripts.revise PACKAGE "What changed"``.
        """
        migrated, created = self.fresh(), self.fresh()
        migrate(migrated, SCHEMAS)
        connection = self.connect(created)
        for schema in SCHEMAS:
            name_options(schema.metadata)
            schema.metadata.create_all(connection)

        self.assertEqual(catalog(connection), catalog(self.connect(migrated)))

    def test_a_second_time_does_nothing(self) -> None:
        """A database that is up to date is left alone."""
        settings = self.fresh()

        self.assertEqual([True, False], [migrate(settings, SCHEMAS) for _ in range(2)])

    async def test_many_at_once_migrate_once(self) -> None:
        """Processes that start together on one empty database all find it ready, and one of them made it so."""
        settings = self.fresh()
        done = await gatherResults([deferToThread(migrate, settings, SCHEMAS) for _ in range(4)])

        self.assertEqual([False, False, False, True], sorted(done))

    def test_a_database_of_the_future_is_refused(self) -> None:
        """What a newer version wrote is not touched."""
        settings = self.fresh()
        migrate(settings, SCHEMAS)
        connection = self.connect(settings)
        connection.execute(
            text("UPDATE alembic_version SET version_num = 'homeserver_9999' WHERE version_num LIKE 'homeserver%'")
        )
        before = catalog(connection)

        with self.assertRaisesRegex(Unavailable, "newer version"):
            migrate(settings, SCHEMAS)
        self.assertEqual(before, catalog(connection))

    def test_an_unreachable_database_is_told_as_such(self) -> None:
        """A wrong address is a failure of the database, with the reason in it."""
        wrong = (
            "sqlite:////no/such/folder/folkmoot.db" if self.kind == "sqlite" else "postgresql://nobody@127.0.0.1:1/no"
        )

        with self.assertRaisesRegex(Unavailable, "cannot be opened"):
            migrate(DatabaseSettings(wrong), SCHEMAS)


class UrlTests(TestCase):
    """Only databases that keep what they were given are taken."""

    def test_other_urls_are_refused(self) -> None:
        """In memory, or of another kind: the error says what is allowed."""
        for url in ("sqlite://", "sqlite:///:memory:", "mysql://localhost/folkmoot"):
            with self.assertRaisesRegex(ValueError, "must"):
                migrate(DatabaseSettings(url), SCHEMAS)
