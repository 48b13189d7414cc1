"""
Tells one application service what happens, in order, each transaction until it was taken.

The queue is a place in the log.  A transaction is stored before it is sent, together with the place that it reaches, so
that it is the same however often it is sent, and by whichever process.  What is only ephemeral is sent as it comes, and
lost when nobody listens.

Spec: application-service-api#pushing-events
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from homeserver.core.appservices.registration import Registration
from homeserver.core.appservices.transactions import Tidings, encode_transaction
from homeserver.core.backoff import wait_ms
from homeserver.core.log import LogEntry, Position
from homeserver.services.appservices import standing
from homeserver.services.appservices.ephemeral import EphemeralGathering
from homeserver.services.appservices.gathering import Gathering
from homeserver.services.appservices.settings import AppserviceTrafficSettings
from homeserver.services.appservices.standing import Claim
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ports import AppserviceEncryption, AppserviceRequests, PeerFault, PeerUnreachable
from homeserver.store.appservices import StoredTransaction
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure

log = structlog.get_logger(__name__)

LEASE_MS: Final = 15_000
"""For so long after its last word nobody takes over from a process."""
STAND_BY_SECONDS: Final = 5.0
"""How often a process that does not hold the lease looks whether it may."""
SETTLE_SECONDS: Final = 1.0
"""When it is stored that the last transaction was delivered, if no next one says so before."""
AGAIN_SECONDS: Final = 1.0
"""After something of our own has failed."""
TOGETHER_SECONDS: Final = 0.005
"""For so long what happens is gathered before it is sent."""
EPHEMERAL_SECONDS: Final = 0.1
"""The same for what is only ephemeral."""
IDLE_MAX: Final = 2_000
"""Positions of the log without anything to tell after which the place is stored."""


@frozen
class Surroundings:
    """What all queues share.  *holder*: another in every process.  *dice*: in [0, 1)."""

    database: Database
    clock: Clock
    requests: AppserviceRequests
    encryption: AppserviceEncryption
    settings: AppserviceTrafficSettings
    holder: str
    dice: Callable[[], float]


@define(eq=False)
class Queue:
    """``start`` comes first; to follow the log's tail after the interest of the same application service."""

    registration: Registration
    around: Surroundings
    gathering: Gathering
    ephemeral: EphemeralGathering
    _head: Position = field(init=False, default=Position(0))
    _reached: Position = field(init=False, default=Position(0))
    """All up to here was looked at."""
    _stored: Position = field(init=False, default=Position(0))
    _serial: int = field(init=False, default=0)
    _pending: StoredTransaction | None = field(init=False, default=None)
    """What it has to take before anything else."""
    _is_unsettled: bool = field(init=False, default=False)
    """Something was delivered that is not stored as delivered yet."""
    _leads_until_ms: int = field(init=False, default=0)
    _ephemeral_serial: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)
    _started: bool = field(init=False, default=False)
    _running: "Deferred[Any] | None" = field(init=False, default=None)
    _timer: Any = field(init=False, default=None)
    _due: float = field(init=False, default=0.0)

    @property
    def is_failing(self) -> bool:
        """Whether the service did not take what it was sent last."""
        return self._failures > 0

    @property
    def is_at_rest(self) -> bool:
        """Whether the service has taken all there is."""
        return self._running is None and self._pending is None and self._reached >= self._head

    async def start(self) -> None:
        """What happened while the server was down is sent, and so is what comes."""
        await self.around.database.write(standing.enter, self.registration.id)
        await self._load()
        self._head = max(self._head, self.around.database.head)
        self._started = True
        self._wake(0)

    async def stop(self) -> None:
        """Nothing is sent any more; the next start goes on from here."""
        self._started = False
        self._cancel_timer()
        if self._running is not None:
            self._running.cancel()
        try:
            await self._settle()
            await self.around.database.write(standing.release, self.registration.id, self.around.holder)
        except DatabaseFailure:
            # The next start sends the last transaction once more, under its own name.
            log.warning("how far an application service has come could not be stored", appservice=self.registration.id)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The log has grown by *entries*."""
        if entries:
            self._head = entries[-1].position
            if not self._failures:
                self._wake(TOGETHER_SECONDS)

    def note_ephemeral(self) -> None:
        """Somebody types, or is there, or is not any more."""
        if not self._failures:
            self._wake(EPHEMERAL_SECONDS)

    def try_now(self) -> None:
        """The service shows signs of life: what it did not take before is sent again."""
        self._failures = 0
        self._wake(0)

    # When.

    def _wake(self, seconds: float) -> None:
        """It goes on in so long, or sooner; while it is at work, it looks again when it is done."""
        if not self._started or self._running is not None:
            return
        due = self.around.clock.seconds() + seconds
        if self._timer is not None and self._timer.active():
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self.around.clock.callLater(seconds, self._run)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _run(self) -> None:
        self._timer = None
        running: Deferred[Any] = Deferred.fromCoroutine(self._send_all())
        # Without a wait it is over before anybody could know that it began.
        self._running = running
        running.addErrback(self._report).addBoth(self._rest)

    def _report(self, failure: Failure) -> float:
        """How long it rests after something of our own has failed."""
        if failure.check(CancelledError) is None:
            log.error(
                "telling an application service failed",
                appservice=self.registration.id,
                reason=failure.getErrorMessage(),
                trace=failure.getTraceback(),
            )
        return AGAIN_SECONDS

    def _rest(self, seconds: float | None) -> None:
        """*seconds*: how long at least; None: until there is something."""
        self._running = None
        if seconds is not None:
            self._wake(seconds)
        elif self._reached < self._head:
            self._wake(0)
        elif self.ephemeral.has_news:
            self._wake(EPHEMERAL_SECONDS)
        elif self._is_unsettled:
            self._wake(SETTLE_SECONDS)

    # What.

    async def _send_all(self) -> float | None:
        """All there is was sent; otherwise how long to wait."""
        was_at_rest = self._pending is None and self._reached >= self._head and not self.ephemeral.has_news
        if was_at_rest and self._is_unsettled:
            return None if await self._settle() else await self._stand_by()
        while self._started:
            if self._pending is not None:
                if not await self._lead():
                    return await self._stand_by()
                # Another process may have delivered it meanwhile.
                wait = None if self._pending is None else await self._deliver(self._pending)
                if wait is not None:
                    return wait
            elif self._reached < self._head or self.ephemeral.has_news:
                if not await self._send_next():
                    return await self._stand_by()
                if self._failures:
                    return self._pause_seconds()
            elif self._reached - self._stored >= IDLE_MAX:
                if not await self._settle():
                    return await self._stand_by()
            else:
                return None
        return None

    async def _send_next(self) -> bool:
        """Whether this process may go on; then the next piece of the log was looked at, and is pending or was empty."""
        gathered = await self.gathering.gather(self._reached, self._head)
        gathered.tidings.ephemeral += await self.ephemeral.gather()
        if not gathered.tidings.is_lasting:
            self._reached = gathered.upto
            if gathered.tidings:
                await self._send_ephemeral(gathered.tidings)
            return True
        claim = self._claim()
        # A service ignores what is called like something that it has had: no name is used twice, even if the database
        # is an older copy of itself.
        serial = max(self._serial + 1, claim.now_ms)
        transaction = StoredTransaction(
            serial, gathered.upto, self._encode(gathered.tidings), tuple(gathered.recipients)
        )
        if not await self.around.database.write(standing.begin, claim, transaction, self.around.encryption):
            return False
        self._leads_until_ms = claim.until_ms
        self._serial, self._pending, self._is_unsettled = transaction.serial, transaction, True
        self._reached = self._stored = transaction.upto
        return True

    async def _send_ephemeral(self, tidings: Tidings) -> None:
        self._ephemeral_serial += 1
        # In no other process, and in no later life of this one, is anything called so.
        name = f"e{self.around.holder}.{self._ephemeral_serial}"
        try:
            await self.around.requests.send(self.registration, name, self._encode(tidings))
        except (PeerUnreachable, PeerFault) as failure:
            self._note_failure(failure)

    async def _deliver(self, transaction: StoredTransaction) -> float | None:
        """It was taken; otherwise how long to wait."""
        assert transaction.body is not None, "what was delivered is not pending"
        try:
            await self.around.requests.send(self.registration, str(transaction.serial), transaction.body)
        except (PeerUnreachable, PeerFault) as failure:
            self._note_failure(failure)
            return self._pause_seconds()
        if self._failures:
            log.info("an application service takes what it is sent again", appservice=self.registration.id)
        self._pending, self._failures = None, 0
        return None

    def _note_failure(self, failure: PeerUnreachable | PeerFault) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning(
                "an application service does not take what it is sent",
                appservice=self.registration.id,
                reason=str(failure),
            )

    def _pause_seconds(self) -> float:
        settings = self.around.settings
        least, most = int(settings.retry_min_seconds * 1000), int(settings.retry_max_seconds * 1000)
        return wait_ms(self._failures, least, max(least, most), self.around.dice()) / 1000

    def _encode(self, tidings: Tidings) -> bytes:
        return encode_transaction(
            tidings, self.registration.ephemeral_names, encryption=self.gathering.devices.is_wanted
        )

    # Who.

    async def _lead(self) -> bool:
        """Whether this process may send what is pending."""
        if now_ms(self.around.clock) < self._leads_until_ms:
            return True
        claim = self._claim()
        if not await self.around.database.write(standing.may_go_on, claim):
            return False
        self._leads_until_ms = claim.until_ms
        await self._load()
        return True

    async def _settle(self) -> bool:
        """Whether this process may go on; then it is stored how far it has come."""
        if self._pending is not None or (not self._is_unsettled and self._reached == self._stored):
            return True
        reached = self._reached
        write = self.around.database.write
        if not await write(standing.settle, self._claim(), reached, self.around.encryption):
            return False
        self._stored, self._is_unsettled = reached, False
        return True

    async def _stand_by(self) -> float:
        """Another process is at work: what it has done need not be done here."""
        self._leads_until_ms = 0
        await self._load()
        return STAND_BY_SECONDS

    async def _load(self) -> None:
        found = await self.around.database.read(standing.standing_of, self.registration.id)
        self._reached = self._stored = found.reached
        self._serial, self._pending, self._is_unsettled = found.serial, found.pending, found.pending is not None

    def _claim(self) -> Claim:
        now = now_ms(self.around.clock)
        return Claim(self.registration.id, self.around.holder, now, now + LEASE_MS, self._serial)
