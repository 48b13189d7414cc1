"""
The database: reads, and writes in group commits.

The only module where database work meets the reactor.  What is passed to it are plain functions of a transaction.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar, cast

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from homeserver.core.log import Position
from homeserver.store.connections import Kind, cause_of, is_driver_failure
from homeserver.store.failures import Closed, Unavailable
from homeserver.store.group_commit import GroupCommit, Reactor, Subscriber
from homeserver.store.kinds import kind_of
from homeserver.store.readers import FiberReaders, Read, Reader, ThreadReaders
from homeserver.store.settings import DatabaseSettings
from homeserver.store.write import Write
from homeserver.store.writer import Call, Writer

P = ParamSpec("P")
T = TypeVar("T")

Snapshot: TypeAlias = Connection
"""One moment of the database, for functions that put together what several tables say."""


class Database:
    """
    Everything durable.

    ``read`` and ``scan`` see one moment of it.  ``write`` is durable when it answers.  Functions given to ``write``
    change nothing but the database: they may run twice.
    """

    def __init__(self, reactor: Reactor, kind: Kind, settings: DatabaseSettings) -> None:
        self._reactor = reactor
        self._kind = kind
        self._pool = ThreadPool(0, settings.pool_size, name="database readers")
        fibers = kind.fibers(reactor, self._pool)
        self._commits = GroupCommit(
            reactor,
            Writer(kind, settings.patience_seconds),
            fibers,
            queue_max=settings.write_queue_max,
            batch_max=settings.write_batch_max,
        )
        self._here = Reader(kind)
        self._fibers = None if fibers is None else FiberReaders(kind, fibers, settings.pool_size)
        self._threads = ThreadReaders(kind)
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
        if self.closed:
            raise Closed("The database is closed.")
        if self._fibers is None:
            return self._here.run(Read(function, args, kwargs))
        return await self._fibers.run(Read(function, args, kwargs))

    async def scan(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What *function* finds, in a thread: for reads that may take long."""
        if self.closed:
            raise Closed("The database is closed.")
        run, read = copy_context().run, Read(function, args, kwargs)
        return cast(T, await deferToThreadPool(cast(Any, self._reactor), self._pool, run, self._threads.run, read))

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
        """All that was accepted is done, and every connection closed; a second time nothing is left to do."""
        if self.closed:
            return
        await self._commits.close()
        self.closed = True
        if self._fibers is not None:
            await self._fibers.close()
        self._pool.stop()
        self._here.close()
        self._threads.close()


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


def _nothing(tx: Write) -> None:
    """Reaching the head of the log is enough."""
