"""
The queue of mail that nobody waits for.

A message that is being sent is claimed for a while: of several processes one sends it, and who dies over it leaves it
to the others.  A message may so arrive twice, under one Message-ID; none is lost but those that are given up.
"""

from collections.abc import Callable
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from homeserver.core.backoff import wait_ms
from homeserver.services.clock import Clock, now_ms
from homeserver.services.mail.ports import Mailer, MailRefused, MailUnavailable
from homeserver.services.mail.settings import EmailSettings
from homeserver.store import outgoing_mail
from homeserver.store.database import Database
from homeserver.store.outgoing_mail import WaitingMail
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4
"""Messages under way."""
CLAIM_MS: Final = 10 * 60 * 1000
"""For so long a message that is under way is nobody else's; longer than sending one may take."""
RETRY_MIN_MS: Final = 60 * 1000
RETRY_MAX_MS: Final = 3 * 3600 * 1000
STOP_SECONDS: Final = 5.0
"""For so long a stop waits for mail that is under way."""
LOOK_SECONDS: Final = 60.0
"""How often the queue is looked at for what other processes left."""


@define(eq=False)
class Outgoing:
    """Sends what is queued, from ``start`` to ``stop``.  *dice* throws a number in [0, 1)."""

    database: Database
    clock: Clock
    mailer: Mailer
    settings: EmailSettings
    dice: Callable[[], float]
    _running: "Deferred[None] | None" = field(init=False, default=None)
    _timer: Any = field(init=False, default=None)
    _started: bool = field(init=False, default=False)
    _awoken: bool = field(init=False, default=False)

    def insert(self, tx: Write, recipient: str, message: bytes, now: int) -> None:
        """The message waits; unless too many do already, when it is dropped."""
        if not outgoing_mail.insert_new(tx, recipient, message, now, self.settings.queue_max):
            log.warning("a mail was dropped, as too many wait", waiting_max=self.settings.queue_max)

    async def start(self) -> None:
        """What waits is being sent."""
        self._started = True
        self.wake()

    async def stop(self) -> None:
        """Nothing is sent any more; what is under way may end, within a bound."""
        self._started = False
        self._cancel()
        if self._running is not None:
            # What is cut off is sent again once its claim has ended.
            await self._running.addTimeout(STOP_SECONDS, self.clock)  # type: ignore[arg-type]

    def wake(self) -> None:
        """There is something to send."""
        self._awoken = True
        if self._started and self._running is None:
            self._cancel()
            running = Deferred.fromCoroutine(self._send_all())
            running.addErrback(_report)
            self._running = running
            running.addCallback(lambda _: self._rest())

    async def _send_all(self) -> None:
        while self._started:
            self._awoken = False
            now = now_ms(self.clock)
            held_until = now + CLAIM_MS
            claimed = await self.database.write(outgoing_mail.claim, now, held_until, AT_ONCE)
            if not claimed and not self._awoken:
                break
            under_way = [Deferred.fromCoroutine(self._send(each, held_until)).addErrback(_report) for each in claimed]
            await DeferredList(under_way)
        if self._started:
            self._sleep_until(await self.database.read(outgoing_mail.next_due_ms))

    async def _send(self, waiting: WaitingMail, held_until: int) -> None:
        try:
            await self.mailer.send(waiting.recipient, waiting.message)
        except MailRefused as failure:
            log.warning("a mail was refused", reason=str(failure))
        except MailUnavailable as failure:
            now = now_ms(self.clock)
            if now - waiting.created_ms < self.settings.give_up_hours * 3_600_000:
                wait = wait_ms(waiting.failures + 1, RETRY_MIN_MS, RETRY_MAX_MS, self.dice())
                await self.database.write(outgoing_mail.postpone, waiting, held_until, now + wait)
                return
            log.warning("a mail was given up", reason=str(failure))
        await self.database.write(outgoing_mail.delete_one, waiting.nid)

    def _rest(self) -> None:
        self._running = None
        if self._awoken:
            self.wake()
        elif self._timer is None:
            # Something failed before it was known when to look again.
            self._sleep_until(None)

    def _sleep_until(self, due_ms: int | None) -> None:
        if not self._started:
            return
        self._cancel()
        seconds = LOOK_SECONDS
        if due_ms is not None:
            seconds = max(0.0, min(seconds, (due_ms - now_ms(self.clock)) / 1000))
        self._timer = self.clock.callLater(seconds, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self.wake()

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _report(failure: Failure) -> None:
    if failure.check(CancelledError):
        return
    log.error("sending mail failed", failure=failure.getTraceback())
