"""
How tests wait: for what they expect, never for a number of turns or a short time.

A machine may be a hundred times slower than another, and a disk or a thread slower still beside a busy processor.  So
``until`` waits for a condition, far longer than any machine needs; ``at_rest`` until nothing is on its way any more.

Where a test has a ``Clock``, its time passes only while this process is at rest: a timeout of half a minute is never
over because a commit took long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable
from itertools import count
from typing import Any, Final
from weakref import WeakSet

from twisted.internet import reactor as _reactor
from twisted.internet.task import Clock, deferLater
from twisted.python.threadpool import ThreadPool

from homeserver.store.database import Database

SECONDS_MAX: Final = 120.0
"""Nothing takes that long: only a test that fails waits for it."""
QUICK_LOOKS: Final = 20
PAUSE_SECONDS: Final = 0.001
"""Between later looks: whatever thread waits for the interpreter has it meanwhile."""
TURNS_AT_REST: Final = 3

reactor: Any = _reactor

open_databases: WeakSet[Database] = WeakSet()
"""All that tests of this process opened; ``tests/conftest.py`` fills it."""


async def until(
    holds: Callable[[], Any],
    what: str,
    *,
    clock: Clock | None = None,
    step: float = 0.02,
    pause: float = PAUSE_SECONDS,
) -> Any:
    """
    *holds* does: what it returned, or what the awaitable that it returned came to, is true; that is the answer.

    With *clock*, *step* seconds pass on it after each look that found this process at rest.  *pause*: between looks,
    for those that cost something.  Raises AssertionError that names *what* never came.
    """
    for seconds in looks(pause):
        answer = holds()
        if isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if clock is not None:
            await at_rest(what)
            clock.advance(step)
        else:
            await deferLater(reactor, seconds)
    raise _never(what)


async def at_rest(what: str = "all that was begun waits for something outside of this process") -> None:
    """
    No database reads or writes, no thread of a pool works, and nothing is to be done in the reactor's next turn.

    What waits for a clock, or for a socket of other than a database, counts as rest.
    """
    quiet = 0
    for seconds in looks():
        quiet = 0 if is_busy() else quiet + 1
        if quiet == TURNS_AT_REST:
            return
        await deferLater(reactor, 0 if quiet else seconds)
    raise _never(f"at rest, to wait for: {what}")


async def turn(clock: Clock) -> None:
    """All that is due on *clock* has happened, with whatever came of it, and no time has passed."""
    await at_rest()
    while any(call.getTime() <= clock.seconds() for call in clock.getDelayedCalls()):
        clock.advance(0)
        await at_rest()


async def until_in_asyncio(holds: Callable[[], Any], what: str) -> None:
    """``until`` for tests that run in a loop of asyncio."""
    for seconds in looks(pause=0.01):
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        await asyncio.sleep(seconds)
    raise _never(what)


def looks(pause: float = PAUSE_SECONDS) -> Iterator[float]:
    """How long to wait after each look, until it has been long enough."""
    deadline = time.monotonic() + SECONDS_MAX
    late = False
    for number in count():
        if late:
            return
        # Before the look: one that took long itself is not the last.
        late = time.monotonic() > deadline
        yield 0.0 if number < QUICK_LOOKS and pause <= PAUSE_SECONDS else pause


def _never(what: str) -> AssertionError:
    return AssertionError(f"it never came to this: {what}")


def is_busy() -> bool:
    """Whether something is on its way in this process that no clock and no peer has to come to first."""
    now = reactor.seconds()
    return (
        any(call.getTime() <= now for call in reactor.getDelayedCalls())
        or _works(reactor.threadpool)
        or any(_database_is_busy(database) for database in list(open_databases))
    )


def _database_is_busy(database: Database) -> bool:
    if database.closed:
        return False
    fibers = database._fibers
    return (
        database._commits._busy
        or _works(database._pool)
        or (fibers is not None and len(fibers._idle) < len(fibers._all))
    )


def _works(pool: ThreadPool | None) -> bool:
    """Whether a thread of *pool* does something; its result is on its way to the reactor before it does no more."""
    if pool is None:
        return False
    state = pool._team.statistics()
    return bool(state.busyWorkerCount or state.backloggedWorkCount)
