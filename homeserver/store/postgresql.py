"""PostgreSQL: a server that several processes may share."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool
from twisted.python.threadpool import ThreadPool

from homeserver.store import fibers
from homeserver.store.connections import driver_of
from homeserver.store.fibers import Fibers, WireReactor
from homeserver.store.settings import DatabaseSettings
from homeserver.store.snapshots import SnapshotConnection

T = TypeVar("T")

_LOCKED_WAIT_SECONDS = 0.005


class Postgresql:
    """
    A write begins by locking the head of the log.  So writes are one after the other across all processes, as on
    SQLite: no two of them can deadlock, and READ COMMITTED is enough, since each statement sees all that was committed
    before the lock was given and nothing is committed by others while it is held.  (A snapshot taken with the lock
    request, as REPEATABLE READ takes it, would be older than the lock, and each wait would end in a serialization
    failure.)
    """

    inline = False

    def __init__(self, url: URL, settings: DatabaseSettings) -> None:
        self._engine = create_engine(
            url.set(drivername="postgresql+psycopg2"),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={
                "connection_factory": SnapshotConnection,
                "application_name": "folkmoot",
                "connect_timeout": 10,
                # A server that vanished without a word is noticed within half a minute.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
            },
        )

    def connect(self, *, writing: bool) -> Connection:
        connection = self._engine.connect()
        with driver_of(connection).cursor() as cursor:
            if not writing:
                cursor.execute("SET default_transaction_read_only TO on")
                return connection
            cursor.execute("SHOW synchronous_commit")
            if cursor.fetchone()[0] in ("off", "local"):
                cursor.execute("SET synchronous_commit TO on")
        return connection

    def begin_read(self, connection: Connection, *, several: bool) -> None:
        driver: SnapshotConnection = driver_of(connection)
        driver.begin_read(several=several)

    def end_read(self, connection: Connection) -> None:
        driver: SnapshotConnection = driver_of(connection)
        driver.end_read()

    def begin_write(self, connection: Connection) -> tuple[int, str]:
        with driver_of(connection).cursor() as cursor:
            cursor.execute(
                "BEGIN ISOLATION LEVEL READ COMMITTED; "
                "SELECT position, pg_current_xact_id()::text FROM log_head FOR UPDATE"
            )
            head, transaction = cursor.fetchone()
        return head, transaction

    def outcome(self, connection: Connection, transaction: str) -> bool:
        with driver_of(connection).cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_xact_status(%s::xid8)", (transaction,))
                status = cursor.fetchone()[0]
                if status != "in progress":
                    return bool(status == "committed")
                time.sleep(_LOCKED_WAIT_SECONDS)

    def is_lost(self, connection: Connection) -> bool:
        return bool(driver_of(connection).closed)

    def close_last(self, connection: Connection) -> None:
        """Nothing: the server minds itself."""

    def fibers(self, reactor: WireReactor, pool: ThreadPool) -> Fibers:
        return Fibers(reactor, pool)

    def blocking(self, function: Callable[[], T]) -> T:
        return fibers.blocking(function)
