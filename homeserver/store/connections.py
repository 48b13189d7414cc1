"""
Connections to the two kinds of database, and what is different between them.

Both are driven in autocommit, with transactions begun and ended by statements of our own.  Each has a module of its
own, loaded only where that database is used: PostgreSQL's driver and dialect take 6 MiB and a tenth of a second.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from twisted.internet.defer import Deferred

T = TypeVar("T")

_DUPLICATES = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID}
# Of PostgreSQL.
_UNIQUE_VIOLATION = "23505"
_SERIALIZATION_FAILURE = "40001"
_DEADLOCK_DETECTED = "40P01"


class Locked(Exception):
    """Another process is writing."""


class SeveralStatements(Exception):
    """A read that began as one statement has another: it must begin again, and say so."""


class FiberRunner(Protocol):
    """Runs functions in the reactor's thread, which goes on while they wait for the database."""

    def run(
        self,
        function: Callable[[], T],
        afterwards: Callable[[], None] | None = None,
        ended: Callable[[], None] | None = None,
    ) -> "Deferred[T]":
        """
        Fires with what *function* returns, or fails with what it raises.

        *afterwards* runs in the same fiber when the answer is on its way; *ended* is called when all is done.
        """


class Kind(Protocol):
    """What the database does differently from the other one."""

    inline: bool
    """A short statement costs less than a thread hop: it runs where it is asked for."""

    def connect(self, *, writing: bool) -> Connection:
        """A connection that may be used by any thread, by one at a time.  Raises the driver's OperationalError."""

    def begin_read(self, connection: Connection, *, several: bool) -> None:
        """
        What is read next sees one moment of the database.

        *several*: that will be more than one statement; where it is not said and yet happens, SeveralStatements is
        raised.
        """

    def end_read(self, connection: Connection) -> None:
        """What was begun is over."""

    def begin_write(self, connection: Connection) -> tuple[int, str]:
        """
        A transaction is open, nobody else writes until its end, and it sees all that was committed before.

        The head of the log, and the name of the transaction for ``outcome``.  Raises Locked.
        """

    def outcome(self, connection: Connection, transaction: str) -> bool:
        """Whether *transaction*, whose commit was not answered, was committed."""

    def is_lost(self, connection: Connection) -> bool:
        """The connection is broken and its transaction gone."""

    def close_last(self, connection: Connection) -> None:
        """The database is left tidy; *connection* is the writer's."""

    def fibers(self, reactor: Any, pool: Any) -> FiberRunner | None:
        """Where functions run that wait for statements; None: inline.  *pool*: threads for what blocks even so."""

    def blocking(self, function: Callable[[], T]) -> T:
        """What *function*, which blocks, returns: called in a thread where the reactor would be held up."""


def driver_of(connection: Connection) -> Any:
    """The driver's own connection."""
    return connection.connection.dbapi_connection


def cause_of(error: BaseException) -> BaseException:
    """The driver's error, whether or not SQLAlchemy wrapped it."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def is_duplicate(error: BaseException) -> bool:
    """A unique key refused a row."""
    cause = cause_of(error)
    if isinstance(cause, sqlite3.IntegrityError):
        return cause.sqlite_errorcode in _DUPLICATES
    return _sqlstate(cause) == _UNIQUE_VIOLATION


def is_spoiled(error: BaseException) -> bool:
    """The transaction lost against another one and may simply be done again."""
    return _sqlstate(cause_of(error)) in {_SERIALIZATION_FAILURE, _DEADLOCK_DETECTED}


def is_driver_failure(error: BaseException) -> bool:
    """The database, not the statement, is at fault: a full disk, a broken connection."""
    cause = cause_of(error)
    if isinstance(cause, sqlite3.Error):
        return isinstance(cause, sqlite3.OperationalError)
    if not _is_of_postgresql(cause):
        return False
    import psycopg2

    return isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)


def _sqlstate(error: BaseException) -> str | None:
    return error.pgcode if _is_of_postgresql(error) else None  # type: ignore[attr-defined]


def _is_of_postgresql(error: BaseException) -> bool:
    return hasattr(error, "pgcode")
