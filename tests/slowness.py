"""
Makes this machine's disk and threads slow, to find tests (and code) that count on them being quick.

``FOLKMOOT_TEST_SLOW_MS=30 scripts/test --unit tests/federation``: every commit, and whatever a thread does, takes 30 ms
more.  What fails then counts turns of the reactor, or lets a clock pass over work that has not been done.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.python.threadpool import ThreadPool

from homeserver.store.group_commit import GroupCommit
from homeserver.store.readers import Read, Reader
from homeserver.store.writer import Batch, Call, Writer

VARIABLE = "FOLKMOOT_TEST_SLOW_MS"


def slow_down() -> None:
    """From now on it is as slow as the environment says."""
    seconds = float(os.environ.get(VARIABLE, "0")) / 1000
    if seconds > 0:
        _slow_threads(seconds)
        _slow_commits(seconds)
        _slow_fibers(seconds)


def _slow_threads(seconds: float) -> None:
    plain = ThreadPool.callInThreadWithCallback

    def slowed(self: ThreadPool, on_result: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        def work() -> Any:
            time.sleep(seconds)
            return function(*args, **kwargs)

        plain(self, on_result, work)

    ThreadPool.callInThreadWithCallback = slowed  # type: ignore[method-assign,assignment]


def _slow_commits(seconds: float) -> None:
    """In the writer's thread."""
    plain = GroupCommit._submit

    def slowed(self: GroupCommit, job: Callable[[], Any], *outcomes: Any) -> None:
        def work() -> Any:
            time.sleep(seconds)
            return job()

        plain(self, work, *outcomes)

    GroupCommit._submit = slowed  # type: ignore[method-assign,assignment]


def _slow_fibers(seconds: float) -> None:
    """A fiber stands still while a thread sleeps; where there are none, nothing else runs in this turn either way."""
    plain_perform, plain_begin = Writer.perform, Reader.begin

    def perform(self: Writer, calls: Sequence[Call]) -> Batch:
        if not self._kind.inline:
            self._kind.blocking(lambda: None)
        return plain_perform(self, calls)

    def begin(self: Reader, read: Read[Any]) -> Any:
        if not self._kind.inline:
            self._kind.blocking(lambda: None)
        return plain_begin(self, read)

    Writer.perform = perform  # type: ignore[method-assign]
    Reader.begin = begin  # type: ignore[method-assign]
