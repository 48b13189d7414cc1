"""
Migrations: brings a database to the tables that this version of the code works on.

Each package has its own tables and its own branch of revisions; the composition root says which packages there are.
"""

import time
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, inspect, text

from homeserver.store.connections import Locked, cause_of, driver_of, is_driver_failure
from homeserver.store.failures import Unavailable
from homeserver.store.kinds import kind_of
from homeserver.store.schema.columns import NAMING, Schema
from homeserver.store.settings import DatabaseSettings

if TYPE_CHECKING:
    from alembic.config import Config

_ADVISORY_LOCK = 0x464F4C4B  # "FOLK"
_LOCKED_WAIT_SECONDS = 0.05


def migrate(settings: DatabaseSettings, schemas: Sequence[Schema]) -> bool:
    """
    The tables of *schemas* are those this code was written for; says whether anything had to be done.

    Blocks.  All happens in one transaction, and one process at a time does it: a database is never half migrated.
    Raises Unavailable when the database cannot be reached, or was written by a newer version of this program.
    """
    try:
        connection = kind_of(settings).connect(writing=True)
    except Exception as error:
        if is_driver_failure(error):
            raise Unavailable(f"The database cannot be opened: {cause_of(error)}") from error
        raise
    try:
        if _is_current(connection, schemas):
            return False
        _begin_alone(connection, settings.patience_seconds)
        try:
            # Another process may have done it while this one waited.
            needed = not _is_current(connection, schemas)
            if needed:
                _upgrade(connection, schemas)
        except BaseException:
            _execute(connection, "ROLLBACK")
            raise
        _execute(connection, "COMMIT")
        return needed
    finally:
        connection.close()


def _is_current(connection: Connection, schemas: Sequence[Schema]) -> bool:
    return _versions(connection) == {schema.head for schema in schemas}


def _versions(connection: Connection) -> set[str]:
    """The newest revision of each package that is in the database."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def _begin_alone(connection: Connection, patience_seconds: float) -> None:
    if connection.dialect.name == "postgresql":
        _execute(connection, "BEGIN")
        _execute(connection, f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        return
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            _execute(connection, "BEGIN IMMEDIATE")
            return
        except Exception as error:
            if not is_driver_failure(error):
                raise
            if time.monotonic() > deadline:
                raise Unavailable("Another process has locked the database.") from Locked()
        time.sleep(_LOCKED_WAIT_SECONDS)


def _upgrade(connection: Connection, schemas: Sequence[Schema]) -> None:
    # Imported here: a start on a database that is up to date does without.
    from alembic import command
    from alembic.script import ScriptDirectory

    config = configuration(schemas)
    config.attributes["connection"] = connection
    config.attributes["metadata"] = MetaData(naming_convention=NAMING)
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if not _versions(connection) <= known:
        raise Unavailable("This database was written by a newer version of Folkmoot.")
    command.upgrade(config, "heads")


def configuration(schemas: Sequence[Schema]) -> "Config":
    """Alembic's configuration for the revisions of *schemas*, wherever the packages are installed."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("homeserver.store.migrations")))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(files(schema.migrations)) for schema in schemas))
    return config


def _execute(connection: Connection, statement: str) -> None:
    driver_of(connection).cursor().execute(statement)
