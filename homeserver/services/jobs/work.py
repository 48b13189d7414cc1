"""
One job while a process is at it: its steps.

A step is one transaction that also stores how far the job has come: whatever happens to the process, the next one goes
on exactly there.  Steps are as large as take a few hundredths of a second, and after each the job rests.
"""

import time
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from homeserver.core.canonical import JSONObject
from homeserver.services.clock import Clock, now_ms
from homeserver.services.jobs.settings import JobSettings
from homeserver.store import jobs
from homeserver.store.database import Database
from homeserver.store.jobs import StoredJob
from homeserver.store.write import Write

P = ParamSpec("P")

LEASE_SECONDS: Final = 20.0
"""A process that has not stored anything for so long is taken to be gone."""
ROWS_FIRST: Final = 100
ROWS_MIN: Final = 10
ROWS_MAX: Final = 20_000
REST_SECONDS_MIN: Final = 0.002
REST_SECONDS_MAX: Final = 5.0


class Taken(Exception):
    """Another process has taken the job over, or it was cancelled: this one has nothing more to do with it."""


class GaveWay(Exception):
    """The job goes on when others have had their turn."""


@frozen
class Step:
    """
    What one step did.

    *place*: where the next goes on; None: where this one did.  *worked*: how much closer to the end the job is.
    *is_last*: nothing is left to do of this kind of step.  *total*: how much there is to do in all, where that is
    better known than before.
    """

    worked: int = 0
    is_last: bool = False
    place: JSONObject | None = None
    total: int | None = None


@define(eq=False)
class Work:
    """A job under way, for the one who does it."""

    database: Database
    clock: Clock
    settings: JobSettings
    holder: str
    job: StoredJob
    stopwatch: Callable[[], float] = time.monotonic
    place: JSONObject = field(init=False)
    """Where the next step goes on."""
    done: int = field(init=False)
    total: int | None = field(init=False)
    is_to_give_way: bool = field(init=False, default=False)
    """Another job waits: this one has been at work for long enough."""
    _rows: int = field(init=False, default=ROWS_FIRST)

    def __attrs_post_init__(self) -> None:
        self.place, self.done, self.total = self.job.place, self.job.done, self.job.total

    async def repeat(
        self, function: Callable[Concatenate[Write, int, P], Step], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """As ``step``, again and again until it was the last; every time with the same arguments."""
        # What a row costs is another thing in each kind of step.
        self._rows = min(self._rows, ROWS_FIRST)
        while not (await self.step(function, *args, **kwargs)).is_last:
            pass

    async def step(
        self, function: Callable[Concatenate[Write, int, P], Step], *args: P.args, **kwargs: P.kwargs
    ) -> Step:
        """
        What *function* says it did, which is durable together with the place it says.

        It is given how many rows it should write at most.  Raises Taken, and then nothing was done; GaveWay after it.
        """
        step, seconds = await self.database.write_long(self._perform, function, self._rows, args, kwargs)
        self._note(step)
        self._suit(seconds)
        await self.rest(seconds)
        self._give_way()
        return step

    async def note(self, step: Step) -> None:
        """What was done elsewhere counts, and is not done again.  Raises Taken; GaveWay after it."""
        await self.database.write(self._store, step)
        self._note(step)
        self._give_way()

    async def hold(self) -> None:
        """Nobody else takes the job over for a while.  Raises Taken."""
        if not await self.database.write(jobs.hold, self.job.nid, self.holder, self._until_ms()):
            raise Taken

    async def rest(self, seconds: float) -> None:
        """Others have had their turn after so long a step."""
        pause = min(max(seconds * self.settings.rest, REST_SECONDS_MIN), REST_SECONDS_MAX)
        await self.sleep(pause)

    async def sleep(self, seconds: float) -> None:
        """So much time has passed."""
        waited: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self.clock.callLater(seconds, waited.callback, None)
        await waited

    def _give_way(self) -> None:
        """Between two steps; whoever goes on begins where this ended."""
        if self.is_to_give_way:
            raise GaveWay

    def _perform(self, tx: Write, function: Any, rows: int, args: Any, kwargs: Any) -> tuple[Step, float]:
        began = self.stopwatch()
        step: Step = function(tx, rows, *args, **kwargs)
        self._store(tx, step)
        return step, self.stopwatch() - began

    def _store(self, tx: Write, step: Step) -> None:
        # Changes nothing here: a transaction may run twice.
        place = self.place if step.place is None else step.place
        total = self.total if step.total is None else step.total
        if not jobs.advance(tx, self.job.nid, self.holder, place, self.done + step.worked, total, self._until_ms()):
            raise Taken

    def _note(self, step: Step) -> None:
        self.done += step.worked
        if step.place is not None:
            self.place = step.place
        if step.total is not None:
            self.total = step.total

    def _suit(self, seconds: float) -> None:
        """The next step has as many rows as fit the time that a step should take."""
        if seconds <= 0:
            return
        fitting = self._rows * (self.settings.step_ms / 1000) / seconds
        self._rows = int(min(max(fitting, self._rows / 4, ROWS_MIN), self._rows * 2, ROWS_MAX))

    def _until_ms(self) -> int:
        return now_ms(self.clock) + int(LEASE_SECONDS * 1000)
