"""
Rounds in which one process of all works the log into something: soon after it has grown, and one at a time.

The lease that says whose work it is belongs to the consumer's cursor.  Whoever does the round takes it and looks
whether it still holds; here it is given up at the end.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeserver.services.clock import Clock
from homeserver.store import cursors
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure

logger = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 60.0


@define(eq=False)
class LeasedRounds:
    """Rounds of *consumer*, from ``start`` to ``stop``."""

    database: Database
    clock: Clock
    consumer: str
    holder: str
    """Of this process, like no other's."""
    delay_seconds: float
    """What happens within it is worked in at once."""
    round: Callable[[], Coroutine[Any, Any, bool]]
    """Works in what there is; False: that is another process's work."""
    running: bool = field(init=False, default=False)
    """What takes long ends soon after this is not so any more."""
    _timer: Any = field(init=False, default=None)
    _working: "Deferred[None] | None" = field(init=False, default=None)
    _behind: bool = field(init=False, default=False)

    def start(self) -> None:
        """What happened before is worked in too."""
        self.running = True
        self.plan()

    async def stop(self) -> None:
        """Nothing is under way any more, and another process may go on at once."""
        self.running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        await self.settled()
        try:
            await self.database.write(cursors.release, self.consumer, self.holder)
        except DatabaseFailure as failure:
            # Another process waits until the lease is over.
            logger.warning("what follows the log is not handed over", consumer=self.consumer, reason=str(failure))

    def plan(self) -> None:
        """There is something to work in."""
        if not self.running:
            return
        if self._working is not None:
            self._behind = True
        elif self._timer is None or not self._timer.active():
            self._timer = self.clock.callLater(self.delay_seconds, self._begin)

    async def settled(self) -> None:
        """The round that is under way is over."""
        if self._working is None:
            return
        ended: Deferred[None] = Deferred()

        def end(result: None) -> None:
            ended.callback(None)

        self._working.addCallback(end)
        await ended

    def _begin(self) -> None:
        self._behind = False
        self._working = Deferred.fromCoroutine(self._work())
        self._working.addErrback(self._report).addCallback(self._rest)

    async def _work(self) -> None:
        try:
            is_ours = await self.round()
        except DatabaseFailure as failure:
            logger.warning("what follows the log falls behind", consumer=self.consumer, reason=str(failure))
            is_ours = False
        if not is_ours:
            # Whoever has the work may end before it is done.
            self._timer = self.clock.callLater(LEASE_SECONDS, self._begin) if self.running else None

    def _report(self, failure: Failure) -> None:
        logger.error("what follows the log has failed", consumer=self.consumer, failure=failure.getTraceback())

    def _rest(self, _: object) -> None:
        self._working = None
        if self._behind:
            self.plan()
