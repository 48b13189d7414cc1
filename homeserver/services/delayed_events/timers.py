"""
What sends events when their time has come.

Each process sends what was scheduled or restarted in it, and after a moment what others have left lying, as one that
was killed has.  Two that send the same do no harm: the write lets one of them through.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.python.failure import Failure

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed
from homeserver.services.clock import Clock, now_ms
from homeserver.services.delayed_events.service import DelayedEvents, NotScheduled
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.rate_limits import RateLimiter
from homeserver.services.refusals import Refusal
from homeserver.store import delayed_events
from homeserver.store.delayed_events import DelayedEvent

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 10.0
"""How often what other processes scheduled is looked for."""
GRACE_MS: Final = 1_000
"""For so long whoever scheduled an event is left to send it."""
AT_ONCE_MAX: Final = 1_000
"""Events that are begun together."""
ROOMS_AT_ONCE: Final = 20
PRUNE_SECONDS: Final = 3_600.0
DAY_MS: Final = 86_400_000


@define(eq=False)
class DelayedEventTimers:
    """From ``start`` to ``stop``, sends *events* when they are due."""

    events: DelayedEvents
    clock: Clock
    describe: Callable[[Exception], JSONObject]
    """The error that a client is told."""
    limiter: RateLimiter | None = None
    """How much of one user is sent; None: everything."""
    _timer: Any = field(init=False, default=None)
    _timer_ms: int = field(init=False, default=0)
    _looked_ms: int = field(init=False, default=0)
    _pruned_ms: int = field(init=False, default=0)
    _is_running: bool = field(init=False, default=False)
    _running: set[Deferred[None]] = field(init=False, factory=set)
    _rooms: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(ROOMS_AT_ONCE))

    async def start(self) -> None:
        """What was due while nobody was here is being sent, in its order."""
        self._is_running = True
        self.events.changed = self._arm
        await self._look(GRACE_MS)
        self._arm()

    async def stop(self) -> None:
        """Nothing is begun any more, and what was begun is done."""
        self._is_running = False
        self.events.changed = lambda: None
        self._disarm()
        await DeferredList(list(self._running))

    def _arm(self) -> None:
        """The next call comes when the next event is due, or it is time to look for others."""
        if not self._is_running:
            return
        next_ms = self._looked_ms + int(LOOK_SECONDS * 1000)
        due_ms = self.events.dues.next_ms
        if due_ms is not None:
            next_ms = min(next_ms, due_ms)
        if self._timer is not None and self._timer_ms <= next_ms:
            return
        self._disarm()
        # Never before its time: what is a fraction of a millisecond away is a millisecond away.
        wait_seconds = max(0.0, next_ms / 1000 - self.clock.seconds())
        self._timer, self._timer_ms = self.clock.callLater(wait_seconds, self._ring), next_ms

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._begin()
        now = now_ms(self.clock)
        if now - self._looked_ms >= LOOK_SECONDS * 1000:
            self._looked_ms = now
            self._in_background(self._look(0))
        self._arm()

    async def _look(self, ahead_ms: int) -> None:
        """What others may have left lying is known; *ahead_ms* takes away from how long they are left alone."""
        now = self._looked_ms = now_ms(self.clock)
        upto = now + int(LOOK_SECONDS * 1000)
        for each in await self.events.database.read(delayed_events.due, upto, AT_ONCE_MAX):
            if each.delay_id not in self.events.dues:
                self.events.dues.set(each.delay_id, each.send_at_ms + GRACE_MS - ahead_ms)
        self._arm()
        if now - self._pruned_ms >= PRUNE_SECONDS * 1000:
            self._pruned_ms = now
            before = now - int(self.events.settings.finalised_kept_days * DAY_MS)
            await self.events.database.write(delayed_events.prune, before)

    def _begin(self) -> None:
        """Everything that is due is being sent, what goes into one room in its order."""
        due = self.events.dues.take(now_ms(self.clock), AT_ONCE_MAX)
        if due:
            self._in_background(self._send_all(due))

    async def _send_all(self, delay_ids: Sequence[str]) -> None:
        by_room: dict[RoomID, list[DelayedEvent]] = {}
        for delay_id in delay_ids:
            event = await self.events.database.read(delayed_events.by_id, delay_id)
            if event is None or event.send_at_ms is None:
                continue
            if event.send_at_ms > now_ms(self.clock):
                # Another process has restarted it.
                self.events.dues.set(delay_id, event.send_at_ms + GRACE_MS)
                continue
            by_room.setdefault(event.room_id, []).append(event)
        for events in by_room.values():
            self._in_background(self._send_room(events))
        self._arm()

    async def _send_room(self, events: Sequence[DelayedEvent]) -> None:
        await self._rooms.acquire()
        try:
            for event in events:
                await self._send(event)
        finally:
            self._rooms.release()

    async def _send(self, event: DelayedEvent) -> None:
        try:
            if self.limiter is not None:
                self.limiter.take(event.user_id)
            await self.events.deliver(event)
        except NotScheduled:
            return
        except (Refusal, Malformed, PeerFault, PeerUnreachable) as error:
            await self.events.finalise(event, error=self.describe(error))

    def _in_background(self, work: Any) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(running)
        running.addErrback(self._report)
        running.addBoth(lambda _: self._running.discard(running))

    def _report(self, failure: Failure) -> None:
        # What was not sent is found again when it is looked for.
        log.error("a delayed event was not sent", failure=failure.getTraceback())
