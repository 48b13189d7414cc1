"""
The database: reads, and writes in group commits.

The only module where database work meets the reactor.  What is passed to it are plain functions of a transaction.
"""

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from homeserver.core.log import Position
from homeserver.store.connections import Kind, cause_of, driver_of, is_driver_failure, kind_of
from homeserver.store.failures import Closed, Unavailable
from homeserver.store.group_commit import GroupCommit, Reactor, Subscriber
from homeserver.store.settings import DatabaseSettings
from homeserver.store.write import Write
from homeserver.store.writer import Call, Writer

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """
    Everything durable.

    ``read`` and ``scan`` see one moment of it.  ``write`` is durable when it answers.  Functions given to ``write``
    change nothing but the database: they may run twice.
    """

    def __init__(self, reactor: Reactor, kind: Kind, settings: DatabaseSettings) -> None:
        self._reactor = reactor
        self._kind = kind
        self._commits = GroupCommit(
            reactor,
            Writer(kind, settings.patience_seconds),
            inline=kind.inline,
            queue_max=settings.write_queue_max,
            batch_max=settings.write_batch_max,
        )
        self._here = _Reader(kind)
        self._there = _ThreadReaders(kind)
        self._pool = ThreadPool(0, settings.pool_size, name="database readers")
        self._pool.start()
        self.closed = False

    @property
    def head(self) -> Position:
        """The position of the newest change that subscribers know of."""
        return Position(self._commits.head)

    def subscribe(self, subscriber: Subscriber) -> None:
        """
        *subscriber* is called in the reactor's thread after each commit, with all entries of the log since the last
        call, in order; what other processes wrote comes with the next commit of this one or with ``catch_up``.
        """
        self._commits.subscribe(subscriber)

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What *function* finds; for reads that take well under a millisecond."""
        if self._kind.inline and not self.closed:
            return self._here.run(lambda tx: function(tx, *args, **kwargs))
        return await self.scan(function, *args, **kwargs)

    async def scan(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What *function* finds, in a thread: for reads that may take long."""
        if self.closed:
            raise Closed("The database is closed.")
        context = copy_context()

        def work() -> T:
            return self._there.run(lambda tx: context.run(function, tx, *args, **kwargs))

        return cast(T, await deferToThreadPool(cast(Any, self._reactor), self._pool, work))

    def write(self, function: Callable[Concatenate[Write, P], T], *args: P.args, **kwargs: P.kwargs) -> "Deferred[T]":
        """
        Fires with what *function* returned, once it is durable; fails with what it raised, and then it alone is undone.

        Writes happen in the order of these calls.  Fails with Duplicate where a key was there already, with Unavailable
        when nothing could be written, with OutcomeUnknown in the rare case that nobody can tell. Raises Overloaded,
        Closed.
        """
        return self._commits.submit(Call(function, args, kwargs, copy_context()), long=False)

    def write_long(
        self, function: Callable[Concatenate[Write, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """The same, for what may take more than a few milliseconds (a thousand rows or so)."""
        return self._commits.submit(Call(function, args, kwargs, copy_context()), long=True)

    async def catch_up(self) -> None:
        """Subscribers know all that other processes wrote before this was called."""
        await self.write(_nothing)

    async def close(self) -> None:
        """All that was accepted is done, and every connection closed."""
        await self._commits.close()
        self.closed = True
        self._pool.stop()
        self._here.close()
        self._there.close()


def open_database(settings: DatabaseSettings, reactor: Reactor) -> Database:
    """
    The database that *settings* name, whose tables are there already (``migrations.migrate``).

    Raises Unavailable when it cannot be reached, ValueError when the URL is of another kind.
    """
    try:
        return Database(reactor, kind_of(settings), settings)
    except Exception as error:
        if is_driver_failure(error):
            raise Unavailable(f"The database cannot be opened: {cause_of(error)}") from error
        raise


class _Reader:
    """A connection that reads, for one thread at a time."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._connection: Connection | None = None

    def run(self, function: Callable[[Connection], T]) -> T:
        """What *function* finds; a connection that turns out broken is made anew, once."""
        stale = self._connection is not None
        try:
            return self._run(function)
        except Exception as error:
            if not is_driver_failure(error) or self._connection is not None:
                raise
            if not stale:
                raise Unavailable(f"The database cannot be reached: {cause_of(error)}") from error
        return self.run(function)

    def _run(self, function: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._kind.connect(writing=False)
        connection = self._connection
        try:
            self._kind.begin_read(connection)
            result = function(connection)
            _end(connection)
        except BaseException:
            self._recover(connection)
            raise
        return result

    def _recover(self, connection: Connection) -> None:
        """The connection is without a transaction, or there is none."""
        try:
            if not self._kind.is_lost(connection):
                _end(connection)
        except Exception:
            connection.invalidate()
        if self._kind.is_lost(connection) and not self._kind.inline:
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()


class _ThreadReaders:
    """A reader for each thread that comes."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._of_thread = threading.local()
        self._all: list[_Reader] = []

    def run(self, function: Callable[[Connection], T]) -> T:
        reader: _Reader | None = getattr(self._of_thread, "reader", None)
        if reader is None:
            reader = self._of_thread.reader = _Reader(self._kind)
            self._all.append(reader)
        return reader.run(function)

    def close(self) -> None:
        for reader in self._all:
            reader.close()


def _end(connection: Connection) -> None:
    cursor: Any = driver_of(connection).cursor()
    cursor.execute("ROLLBACK")
    cursor.close()


def _nothing(tx: Write) -> None:
    """Reaching the head of the log is enough."""
