"""What is no longer needed is deleted, a little at a time, while the server runs."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from attrs import define, field, frozen, validators
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeserver.services.clock import Clock, now_ms
from homeserver.store import transactions
from homeserver.store.database import Database
from homeserver.store.housekeeping import trim_log
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

Chore = Callable[[Write, int], bool]
"""Deletes some of what is no longer needed at a time (milliseconds since 1970); says whether there is more."""


@frozen
class HousekeepingSettings:
    """How long things are kept that only matter for a while."""

    interval_seconds: float = field(default=600.0, validator=validators.gt(0))
    """How often what is no longer needed is deleted."""
    transactions_kept_hours: float = field(default=24.0, validator=validators.gt(0))
    """For so long a client that repeats a request gets the answer it got before."""
    log_entries_kept: int = field(default=1_000_000, validator=validators.ge(1_000))
    """Changes that stay in the log; a client that was away for longer is answered from the tables themselves."""


@define(eq=False)
class Housekeeping:
    """Does its *chores* again and again, from ``start`` to ``stop``."""

    database: Database
    clock: Clock
    interval_seconds: float
    chores: Sequence[Chore]
    _timer: Any = field(init=False, default=None)
    _running: bool = field(init=False, default=False)

    async def start(self) -> None:
        """The first round is an interval away: a start has other things to do."""
        self._running = True
        self._plan()

    async def stop(self) -> None:
        """No round begins any more."""
        self._running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def tidy(self) -> None:
        """Every chore is done as far as there is anything to do."""
        for chore in self.chores:
            while await self.database.write_long(chore, now_ms(self.clock)):
                if not self._running:
                    return

    def _plan(self) -> None:
        self._timer = self.clock.callLater(self.interval_seconds, self._begin)

    def _begin(self) -> None:
        Deferred.fromCoroutine(self.tidy()).addErrback(_report).addCallback(lambda _: self._again())

    def _again(self) -> None:
        if self._running:
            self._plan()


def forget_transactions(settings: HousekeepingSettings) -> Chore:
    """Requests that were answered long ago are forgotten."""

    def chore(tx: Write, now: int) -> bool:
        transactions.prune(tx, now - int(settings.transactions_kept_hours * 3_600_000))
        return False

    return chore


def trim_the_log(settings: HousekeepingSettings) -> Chore:
    """The log keeps what its consumers may still read from it."""
    return lambda tx, _: trim_log(tx, settings.log_entries_kept)


def _report(failure: Failure) -> None:
    log.error("what is no longer needed could not be deleted", reason=failure.getErrorMessage())
