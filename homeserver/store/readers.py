"""Who reads: connections, each for one read at a time, in the reactor's thread, in fibers of it, or in threads."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from attrs import frozen
from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from homeserver.store.connections import FiberRunner, Kind, SeveralStatements, cause_of, is_driver_failure
from homeserver.store.failures import Unavailable

T = TypeVar("T")


@frozen
class Read(Generic[T]):
    """A function of a connection that reads; it may be called twice."""

    function: Callable[..., T]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    def run(self, tx: Connection) -> T:
        return self.function(tx, *self.args, **self.kwargs)


class Reader:
    """A connection that reads, for one thread at a time."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._connection: Connection | None = None

    def run(self, read: Read[T]) -> T:
        """What *read* finds."""
        result = self.begin(read)
        self.end()
        return result

    def begin(self, read: Read[T]) -> T:
        """What *read* finds, before its end; a connection that turns out broken is made anew, once."""
        stale = self._connection is not None
        try:
            return self._begin(read)
        except Exception as error:
            if not is_driver_failure(error) or self._connection is not None:
                raise
            if not stale:
                raise Unavailable(f"The database cannot be reached: {cause_of(error)}") from error
        return self.begin(read)

    def end(self) -> None:
        """The connection is without a transaction, or there is none."""
        if self._connection is not None:
            self._recover(self._connection)

    def close(self) -> None:
        """There is no connection any more."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()

    def _begin(self, read: Read[T]) -> T:
        if self._connection is None:
            self._connection = self._kind.blocking(lambda: self._kind.connect(writing=False))
        connection = self._connection
        try:
            return self._try(connection, read)
        except BaseException:
            self._recover(connection)
            raise

    def _try(self, connection: Connection, read: Read[T]) -> T:
        code = getattr(read.function, "__code__", None)
        if code not in _of_several:
            self._kind.begin_read(connection, several=code is None)
            try:
                return read.run(connection)
            except SeveralStatements:
                _of_several.add(code)
        self._kind.begin_read(connection, several=True)
        return read.run(connection)

    def _recover(self, connection: Connection) -> None:
        try:
            if not self._kind.is_lost(connection):
                self._kind.end_read(connection)
        except Exception:
            connection.invalidate()
        if self._kind.is_lost(connection) and not self._kind.inline:
            self.close()


class ThreadReaders:
    """A reader for each thread that comes."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._of_thread = threading.local()
        self._all: list[Reader] = []

    def run(self, read: Read[T]) -> T:
        """What *read* finds."""
        reader: Reader | None = getattr(self._of_thread, "reader", None)
        if reader is None:
            reader = self._of_thread.reader = Reader(self._kind)
            self._all.append(reader)
        return reader.run(read)

    def close(self) -> None:
        """Every connection is closed; no thread reads any more."""
        for reader in self._all:
            reader.close()


class FiberReaders:
    """Some readers, taken by the fibers of the reactor's thread in the order in which they ask."""

    def __init__(self, kind: Kind, fibers: FiberRunner, readers_max: int) -> None:
        self._fibers = fibers
        self._idle = [Reader(kind) for _ in range(readers_max)]
        self._all = tuple(self._idle)
        self._waiting: deque[Deferred[Reader]] = deque()
        self._closed: Deferred[None] | None = None

    async def run(self, read: Read[T]) -> T:
        """What *read* finds."""
        if self._idle:
            # The one used last is the one that surely has a connection.
            reader = self._idle.pop()
        else:
            turn: Deferred[Reader] = Deferred()
            self._waiting.append(turn)
            reader = await turn
        context = copy_context()
        return await self._fibers.run(
            lambda: context.run(reader.begin, read), reader.end, lambda: self._give_back(reader)
        )

    async def close(self) -> None:
        """Every connection is closed, once all that was asked for is read."""
        if len(self._idle) < len(self._all):
            self._closed = Deferred()
            await self._closed
        for reader in self._all:
            reader.close()

    def _give_back(self, reader: Reader) -> None:
        if self._waiting:
            self._waiting.popleft().callback(reader)
            return
        self._idle.append(reader)
        if self._closed is not None and len(self._idle) == len(self._all):
            closed, self._closed = self._closed, None
            closed.callback(None)


_of_several: set[Any] = set()
"""The code of functions that were seen to execute more than one statement."""
