"""
Group commit: whatever waits is written in one transaction, and made durable by one wait for the disk.

Where statements cost microseconds (SQLite), a batch runs in the reactor's thread and only its commit, the wait for the
disk, in the writer's thread: measured, a thread that runs statements beside a busy reactor waits for the interpreter's
lock at every one of them.  Where a statement is a round trip (PostgreSQL), a batch runs in a fiber of the reactor's
thread, which goes on meanwhile.  Where a batch holds a long write, or another process has locked the file, the whole
batch runs in the writer's thread.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeAlias

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeserver.core.log import LogEntry
from homeserver.store.connections import FiberRunner, Locked
from homeserver.store.failures import Closed, Overloaded
from homeserver.store.writer import Batch, Call, Failed, Writer

INLINE_SECONDS_MAX = 0.004
"""Of the reactor's time for one batch; writes that come later wait for the next."""

SWITCH_SECONDS = 0.0001
"""
How soon a busy reactor lets the writer's thread take note that a commit is done.

The interpreter's own 5 ms count from the last time the lock was free, however shortly, which for a reactor is its last
system call: measured with turns of 0.5 ms, a writer had 12 commits in 15 seconds so, and 6,900 with 0.1 ms.
"""

Subscriber: TypeAlias = Callable[[tuple[LogEntry, ...]], None]
Job: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]]


class Reactor(Protocol):
    """What the database asks of the reactor."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """*callable* is called after *delay* seconds, in the reactor's thread."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """*callable* is called soon, in the reactor's thread."""


@frozen(eq=False)
class _Waiting:
    call: Call
    long: bool
    answer: Deferred[Any]


class GroupCommit:
    """The writes of a process, in the order in which they are asked for.  For the reactor's thread alone."""

    _log = Logger()

    def __init__(
        self, reactor: Reactor, writer: Writer, fibers: FiberRunner | None, *, queue_max: int, batch_max: int
    ) -> None:
        """*fibers*: where short writes run; None: inline."""
        self._reactor = reactor
        self._writer = writer
        self._fibers = fibers
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._waiting: deque[_Waiting] = deque()
        self._subscribers: list[Subscriber] = []
        self._busy = False
        self._closed: Deferred[None] | None = None
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        if sys.getswitchinterval() > SWITCH_SECONDS:
            sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = Thread(target=self._work, name="database writer", daemon=True)
        self._thread.start()
        self.head = writer.head
        """Everything up to this position is committed, and subscribers know it."""

    def subscribe(self, subscriber: Subscriber) -> None:
        """*subscriber* is called after each commit, before its writers are answered."""
        self._subscribers.append(subscriber)

    def submit(self, call: Call, *, long: bool) -> Deferred[Any]:
        """Fires with what *call* returned, once it is durable; fails with what it raised."""
        if self._closed is not None:
            raise Closed("The database is closing.")
        if len(self._waiting) >= self._queue_max:
            raise Overloaded("Too many writes wait for the disk.")
        answer: Deferred[Any] = Deferred()
        self._waiting.append(_Waiting(call, long, answer))
        if not self._busy:
            # Whatever else this turn of the reactor asks for shares the commit.
            self._busy = True
            self._reactor.callLater(0, self._next)
        return answer

    def close(self) -> Deferred[None]:
        """Nothing more is taken; fires when all that was taken is answered and the writer is closed."""
        assert self._closed is None, "a database is closed once"
        self._closed = Deferred()
        if not self._busy:
            self._busy = True
            self._reactor.callLater(0, self._next)
        return self._closed

    def _next(self) -> None:
        """The next batch is on its way, if anything waits."""
        if not self._waiting:
            self._busy = False
            if self._closed is not None:
                self._submit(self._writer.close, lambda _: self._stop(None), self._stop)
            return
        if self._waiting[0].long:
            self._begin_in_thread(self._take())
        elif self._fibers is not None:
            self._begin_in_fiber(self._fibers, self._take())
        else:
            self._begin_inline()

    def _take(self) -> list[_Waiting]:
        """What goes first: long writes and short ones do not share a batch."""
        taken: list[_Waiting] = []
        while self._waiting and len(taken) < self._batch_max:
            if taken and self._waiting[0].long != taken[0].long:
                break
            taken.append(self._waiting.popleft())
        return taken

    def _begin_inline(self) -> None:
        batch = self._take()
        try:
            done = self._writer.start([waiting.call for waiting in batch], time.monotonic() + INLINE_SECONDS_MAX)
        except Locked:
            self._begin_in_thread(batch)
            return
        except Exception as error:
            self._fail(batch, error)
            return
        late = batch[len(done.answers) :]
        self._waiting.extendleft(reversed(late))
        begun = batch[: len(done.answers)]
        self._submit(
            lambda: self._writer.commit(done),
            lambda _: self._answer(begun, done),
            lambda error: self._fail(begun, error),
        )

    def _begin_in_fiber(self, fibers: FiberRunner, batch: list[_Waiting]) -> None:
        calls = [waiting.call for waiting in batch]
        fibers.run(lambda: self._writer.perform(calls)).addCallbacks(
            lambda done: self._answer(batch, done), lambda failure: self._fail(batch, failure.value)
        )

    def _begin_in_thread(self, batch: list[_Waiting]) -> None:
        calls = [waiting.call for waiting in batch]
        self._submit(
            lambda: self._writer.perform(calls),
            lambda done: self._answer(batch, done),
            lambda error: self._fail(batch, error),
        )

    def _answer(self, batch: list[_Waiting], done: Batch) -> None:
        """Subscribers, then the writers, hear what is durable now."""
        self.head = done.head
        entries = done.missed + done.entries
        if entries:
            self._publish(entries)
        # The next batch goes first: the disk should never wait for us.
        self._next()
        for waiting, answer in zip(batch, done.answers, strict=True):
            if isinstance(answer, Failed):
                waiting.answer.errback(Failure(answer.error))
            else:
                waiting.answer.callback(answer.value)

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        self._next()
        for waiting in batch:
            waiting.answer.errback(Failure(error))

    def _publish(self, entries: tuple[LogEntry, ...]) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(entries)
            except Exception:
                # It is written already; the writers are answered whatever a listener makes of it.
                self._log.failure("A subscriber of the log failed.")

    def _submit(
        self, job: Callable[[], Any], succeeded: Callable[[Any], None], failed: Callable[[Exception], None]
    ) -> None:
        self._jobs.put((job, succeeded, failed))

    def _stop(self, error: Exception | None) -> None:
        self._jobs.put(None)
        self._thread.join()
        assert self._closed is not None, "only a closing database stops"
        if error is None:
            self._closed.callback(None)
        else:
            self._closed.errback(Failure(error))

    def _work(self) -> None:
        """What the writer's thread does."""
        while (job := self._jobs.get()) is not None:
            work, succeeded, failed = job
            try:
                result = work()
            except Exception as error:
                self._reactor.callFromThread(failed, error)
            else:
                self._reactor.callFromThread(succeeded, result)
