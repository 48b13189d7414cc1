"""SQLite: a file, and no server."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from homeserver.store.connections import Locked, driver_of
from homeserver.store.settings import DatabaseSettings

T = TypeVar("T")

_PAGE_BYTES = 8192
_MMAP_BYTES = 1 << 30
_LOCKED_WAIT_SECONDS = 0.005


class Sqlite:
    """
    A file, with its write-ahead log.

    ``synchronous=FULL`` makes each commit wait for the disk.  Statements cost some microseconds and run inline.
    """

    inline = True

    def __init__(self, url: URL, settings: DatabaseSettings) -> None:
        if not url.database or url.database == ":memory:":
            raise ValueError("The URL of an SQLite database must name a file: sqlite:////path/to/folkmoot.db")
        # isolation_level None: the driver begins and commits nothing on its own.
        self._engine = create_engine(
            url,
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
        )
        self._cache_kib = settings.cache_mib * 1024
        self._patience_seconds = settings.patience_seconds

    def connect(self, *, writing: bool) -> Connection:
        connection = self._engine.connect()
        driver = driver_of(connection)
        # A writer never waits within a statement: it may be in the reactor's thread.
        wait_ms = 0 if writing else int(self._patience_seconds * 1000)
        for pragma in (
            f"busy_timeout = {wait_ms}",
            f"page_size = {_PAGE_BYTES}",
            "journal_mode = WAL",
            "synchronous = FULL",
            f"cache_size = -{self._cache_kib}",
            f"mmap_size = {_MMAP_BYTES}",
            "temp_store = MEMORY",
            "wal_autocheckpoint = 2000",
            "journal_size_limit = 67108864",
            f"query_only = {0 if writing else 1}",
        ):
            self._set(driver, pragma)
        return connection

    def _set(self, driver: Any, pragma: str) -> None:
        """Changing to the write-ahead log needs the file alone for a moment: another process may be doing the same."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                driver.execute(f"PRAGMA {pragma}").fetchall()
                return
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or time.monotonic() > deadline:
                    raise
            time.sleep(_LOCKED_WAIT_SECONDS)

    def begin_read(self, connection: Connection, *, several: bool) -> None:
        driver_of(connection).execute("BEGIN")

    def end_read(self, connection: Connection) -> None:
        driver_of(connection).execute("ROLLBACK")

    def begin_write(self, connection: Connection) -> tuple[int, str]:
        driver = driver_of(connection)
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _is_locked(error):
                raise Locked from error
            raise
        return driver.execute("SELECT position FROM log_head").fetchone()[0], ""

    def outcome(self, connection: Connection, transaction: str) -> bool:
        raise AssertionError("a commit to a file is answered")

    def is_lost(self, connection: Connection) -> bool:
        # Some failures (a full disk) end the transaction on their own.
        return not driver_of(connection).in_transaction

    def close_last(self, connection: Connection) -> None:
        driver = driver_of(connection)
        driver.execute("PRAGMA optimize").fetchall()
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def fibers(self, reactor: Any, pool: Any) -> None:
        """None: statements are not waited for."""

    def blocking(self, function: Callable[[], T]) -> T:
        return function()


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
