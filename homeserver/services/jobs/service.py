"""Finds jobs that are to be done, does them a few at a time, and tells how they are."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import structlog
from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.log import JOB, LogEntry
from homeserver.services.clock import Clock, now_ms
from homeserver.services.housekeeping import Chore
from homeserver.services.jobs.settings import JobSettings
from homeserver.services.jobs.work import LEASE_SECONDS, GaveWay, Taken, Work
from homeserver.services.refusals import BadState, NotFound, Refusal
from homeserver.store import jobs
from homeserver.store.database import Database
from homeserver.store.failures import Closed, DatabaseFailure
from homeserver.store.jobs import StoredJob
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often a process looks for jobs that others queued, or left."""
TURN_SECONDS: Final = 10.0
"""How long a job is at work at least before it lets another go first that waits."""
AGAIN_SECONDS: Final = 10.0
"""After the database has failed."""
NEWEST: Final = 2**62


class JobKind(Protocol):
    """A kind of long work."""

    @property
    def name(self) -> str:
        """What jobs of this kind are called."""

    async def run(self, work: Work) -> JSONObject:
        """The job is done, from the place where it is; answers what came of it.  Raises Refusal when it cannot be."""

    def may_cancel(self, job: StoredJob) -> bool:
        """Whether the job may be ended where it is."""

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """Called in the transaction in which the job ends in a *state*, from the place that *job* says."""


@define(eq=False)
class Jobs:
    """All jobs; between ``start`` and ``stop`` this process works on them.  *holder*: another name for each process."""

    database: Database
    clock: Clock
    holder: str
    settings: JobSettings = JobSettings()
    _kinds: dict[str, JobKind] = field(init=False, factory=dict)
    _running: dict[int, "Deferred[None]"] = field(init=False, factory=dict)
    _works: dict[int, tuple[float, Work]] = field(init=False, factory=dict)
    """Those under way, the first to begin first, and when each began."""
    _timer: Any = field(init=False, default=None)
    _looking: bool = field(init=False, default=False)
    _look_again: bool = field(init=False, default=False)
    _started: bool = field(init=False, default=False)

    def add_kind(self, kind: JobKind) -> None:
        """Jobs of this kind can be done."""
        self._kinds[kind.name] = kind

    async def enqueue(
        self,
        kind: str,
        subject: str,
        parameters: JSONObject,
        created_by: UserID | None = None,
        *,
        together_with: Callable[[Write], None] | None = None,
    ) -> StoredJob:
        """
        The job waits for its turn; if one of its kind and subject is under way, that one is answered.

        *together_with*: what is written in the same transaction.
        """
        assert kind in self._kinds, f"nobody does {kind}"
        job = await self.database.write(
            _enqueue, kind, subject, parameters, created_by, now_ms(self.clock), together_with
        )
        self._look()
        return job

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What was queued together with something else need not wait until somebody looks."""
        if any(entry.kind == JOB for entry in entries):
            self._look()

    async def by_id(self, nid: int) -> StoredJob:
        """The job as it is now.  Raises NotFound."""
        job = await self.database.read(jobs.by_nid, nid)
        if job is None:
            raise NotFound("There is no such job.")
        return job

    async def page(
        self, before: int | None, limit: int, *, state: str | None = None, subject: str | None = None
    ) -> list[StoredJob]:
        """The last *limit* jobs before a number (None: of all), newest first."""
        start = NEWEST if before is None else before
        return await self.database.read(jobs.page, start, limit, state=state, subject=subject)

    async def count(self, *, state: str | None = None, subject: str | None = None) -> int:
        """How many jobs there are."""
        return await self.database.read(jobs.count, state=state, subject=subject)

    async def cancel(self, nid: int) -> StoredJob:
        """The job is over, or is so before its next step.  Raises NotFound; BadState where it must go on to its end."""
        job = await self.by_id(nid)
        if job.is_over:
            raise BadState(f"The job is over: it is {job.state}.")
        await self.database.write(self._cancel, nid)
        return await self.by_id(nid)

    async def retry(self, nid: int) -> StoredJob:
        """The job that had failed goes on where it was.  Raises NotFound, BadState."""
        job = await self.by_id(nid)
        if not await self.database.write(jobs.retry, nid):
            raise BadState(f"Only a job that has failed goes on; this one is {job.state}.")
        self._look()
        return await self.by_id(nid)

    async def start(self) -> None:
        """Jobs are being done, those among them that another process was at when it went."""
        self._started = True
        self._look()

    async def stop(self) -> None:
        """No job is being done here any more; another process may go on at once."""
        self._started = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for running in list(self._running.values()):
            running.cancel()
        while self._running:
            await next(iter(self._running.values()))

    @property
    def is_idle(self) -> bool:
        """Whether this process is at no job."""
        return not self._running and not self._looking

    def _cancel(self, tx: Write, nid: int) -> None:
        job = jobs.by_nid(tx.connection, nid)
        kind = None if job is None else self._kinds.get(job.kind)
        if job is None or kind is None:
            return
        if not kind.may_cancel(job):
            raise BadState("What is half done cannot be left so: the job goes on.")
        jobs.cancel(tx, nid, now_ms(self.clock))
        if job.state == jobs.QUEUED:
            kind.conclude(tx, job, jobs.CANCELLED)

    def _look(self) -> None:
        if self._looking:
            self._look_again = True
        elif self._started:
            self._looking = True
            Deferred.fromCoroutine(self._take_all()).addErrback(_report).addBoth(self._looked)

    def _looked(self, _: object) -> None:
        self._looking = False
        if self._look_again:
            self._look_again = False
            self._look()
        elif self._started:
            if self._timer is not None and self._timer.active():
                self._timer.cancel()
            self._timer = self.clock.callLater(LOOK_SECONDS, self._look)

    async def _take_all(self) -> None:
        while self._started:
            now = now_ms(self.clock)
            if await self.database.read(jobs.next_due, now) is None:
                return
            if len(self._running) >= self.settings.at_once:
                self._take_turns()
                return
            job = await self.database.write(jobs.take, self.holder, now, now + int(LEASE_SECONDS * 1000))
            if job is None:
                return
            self._begin(job)

    def _take_turns(self) -> None:
        """The job that has been at work longest lets another go first, if that was long enough."""
        until = self.clock.seconds() - TURN_SECONDS
        at_work = [work for began, work in self._works.values() if began <= until]
        if at_work and not any(work.is_to_give_way for _, work in self._works.values()):
            at_work[0].is_to_give_way = True

    def _begin(self, job: StoredJob) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(self._do(job))
        if not running.called:
            self._running[job.nid] = running
        running.addErrback(_report)
        running.addBoth(self._ended, job.nid)

    def _ended(self, _: object, nid: int) -> None:
        self._running.pop(nid, None)
        self._works.pop(nid, None)
        self._look()

    async def _do(self, job: StoredJob) -> None:
        """The job is over, or somebody else's, or waits for later."""
        work = Work(self.database, self.clock, self.settings, self.holder, job)
        self._works[job.nid] = self.clock.seconds(), work
        kind = self._kinds.get(job.kind)
        try:
            if kind is None:
                raise NotFound(f"This server does not know jobs of the kind {job.kind}.")
            if job.cancelled:
                raise Taken
            result = await self._held(work, kind)
        except Taken:
            # Somebody else has it, or it is wanted to end: if it is ours still, it is the latter.
            await self._finish(work, kind, jobs.CANCELLED)
        except (CancelledError, GaveWay):
            await self._postpone(work, 0)
        except Closed:
            return
        except DatabaseFailure as failure:
            log.warning("a job waits for the database", job=job.nid, kind=job.kind, reason=str(failure))
            await self._postpone(work, AGAIN_SECONDS)
        except Refusal as refusal:
            await self._finish(work, kind, jobs.FAILED, error=refusal.reason)
        except Exception as error:
            # A background loop: one job that fails keeps no other from being done.
            log.error("a job failed", job=job.nid, kind=job.kind, exc_info=error)
            await self._finish(work, kind, jobs.FAILED, error=f"{type(error).__name__}: {error}")
        else:
            await self._finish(work, kind, jobs.DONE, result)

    async def _held(self, work: Work, kind: JobKind) -> JSONObject:
        """What comes of the job, which nobody else takes over however long one of its steps waits for something."""
        beating = [True]

        def beat() -> None:
            if beating[0]:
                held = Deferred.fromCoroutine(work.hold())
                held.addErrback(lambda _: None)
                calls[0] = self.clock.callLater(LEASE_SECONDS / 3, beat)

        calls: list[Any] = [self.clock.callLater(LEASE_SECONDS / 3, beat)]
        try:
            return await kind.run(work)
        finally:
            beating[0] = False
            if calls[0].active():
                calls[0].cancel()

    async def _finish(
        self, work: Work, kind: JobKind | None, state: str, result: JSONObject | None = None, error: str | None = None
    ) -> None:
        try:
            await self.database.write(self._conclude, work.job.nid, kind, state, result, error)
        except DatabaseFailure as failure:
            # The lease runs out, and whoever takes the job finds that nothing is left to do.
            log.warning("the end of a job could not be stored", job=work.job.nid, reason=str(failure))

    def _conclude(
        self, tx: Write, nid: int, kind: JobKind | None, state: str, result: JSONObject | None, error: str | None
    ) -> None:
        if jobs.finish(tx, nid, self.holder, state, now_ms(self.clock), result, error) and kind is not None:
            job = jobs.by_nid(tx.connection, nid)
            assert job is not None, "it was finished just now"
            kind.conclude(tx, job, state)

    async def _postpone(self, work: Work, seconds: float) -> None:
        try:
            until = now_ms(self.clock) + int(seconds * 1000)
            await self.database.write(jobs.postpone, work.job.nid, self.holder, until)
        except DatabaseFailure as failure:
            log.warning("a job stays with a process that does not do it", job=work.job.nid, reason=str(failure))


def forget_jobs(settings: JobSettings) -> Chore:
    """Jobs that were over long ago are listed no more."""

    def chore(tx: Write, now: int) -> bool:
        jobs.prune(tx, now - int(settings.kept_days * 86_400_000))
        return False

    return chore


def _enqueue(
    tx: Write,
    kind: str,
    subject: str,
    parameters: JSONObject,
    created_by: UserID | None,
    now: int,
    together_with: Callable[[Write], None] | None,
) -> StoredJob:
    present = jobs.active(tx.connection, kind, subject)
    if present is not None:
        return present
    if together_with is not None:
        together_with(tx)
    job = jobs.by_nid(tx.connection, jobs.insert_job(tx, kind, subject, parameters, created_by, now))
    assert job is not None, "it was stored just now"
    return job


def _report(failure: Any) -> None:
    if not failure.check(Closed, CancelledError):
        log.error("jobs could not be looked for", reason=failure.getErrorMessage())
