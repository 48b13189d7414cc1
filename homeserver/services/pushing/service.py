"""
Follows the log, and has gateways told of what concerns the users with pushers.

What a pusher is to be told waits in its lane.  The place in the log that is stored is behind all that waits in lanes
that do not fail, and a pusher's own cursor says how far it has come: after a crash, reading on from there repeats a
little, which gateways recognize by the event ID, and misses nothing.  Pushers whose gateways fail hold nobody up: they
are stored as failing, and go on from their own cursors.

Of several processes the one that holds the lease does all this.
"""

from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from homeserver.core.canonical import parse_json_object
from homeserver.core.identifiers import UserID
from homeserver.core.log import EVENT, MEMBERSHIP, PUSHERS, RECEIPT, LogEntry, Position
from homeserver.core.pushers import EMAIL, stored_pusher
from homeserver.services.clock import Clock, now_ms
from homeserver.services.pushing.dues import Due, Dues
from homeserver.services.pushing.lane import PASS_MAX, Key, Lane, Surroundings
from homeserver.services.pushing.lease import Progress, start_of, store, take
from homeserver.services.pushing.notices import Addressee
from homeserver.services.pushing.ports import Digests
from homeserver.store import pushers
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure
from homeserver.store.pushers import StoredPusher
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

LEASE_MS: Final = 15_000
"""For so long one process pushes without saying so again."""
SAVE_SECONDS: Final = 1.0
"""How often it is stored how far the pushers have come."""
AGAIN_SECONDS: Final = 1.0
"""After something of our own has failed."""
STAND_BY_SECONDS: Final = 5.0
"""How often a process that does not hold the lease looks whether it may."""
SENDING_MAX: Final = 100
"""Pushes under way at once, over all gateways."""
WOKEN_AT_ONCE: Final = 10
"""Pushes that are made in one turn of the reactor."""

_KINDS: Final = frozenset({EVENT, RECEIPT, MEMBERSHIP, PUSHERS})


@define(eq=False)
class Pushing:
    """``start`` comes first.  *holder* is another in every process."""

    database: Database
    clock: Clock
    dues: Dues
    around: Surroundings
    holder: str
    digests: Digests | None = None
    """None: nobody is told by mail."""
    _lanes: dict[Key, Lane] = field(init=False, factory=dict)
    _timers: dict[Key, Any] = field(init=False, factory=dict)
    _running: set["Deferred[None]"] = field(init=False, factory=set)
    _sending: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(SENDING_MAX))
    _head: Position = field(init=False, default=Position(0))
    _stored: Position = field(init=False, default=Position(0))
    _leads_until_ms: int = field(init=False, default=0)
    _started: bool = field(init=False, default=False)
    _reading: bool = field(init=False, default=False)
    _read_timer: Any = field(init=False, default=None)
    _save_timer: Any = field(init=False, default=None)

    async def start(self) -> None:
        """What happened while the server was down is being pushed, and so is what comes."""
        await self.dues.index.load()
        stored, start, any_failing = await self.database.read(start_of, self.database.head)
        self._stored, self.dues.reached = stored, start
        self._head = max(self._head, self.database.head)
        self._started = True
        if any_failing:
            self._in_background(self._take_over())
        self._read()

    async def stop(self) -> None:
        """Nothing is pushed any more; the next start goes on from here."""
        self._started = False
        for timer in (*self._timers.values(), self._read_timer, self._save_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._timers.clear()
        for running in list(self._running):
            running.cancel()
        if self._leads_until_ms > now_ms(self.clock):
            try:
                await self._save(release=True)
            except DatabaseFailure:
                # The lease ends by itself, and the next start repeats a little.
                log.warning("how far pushes have come could not be stored")

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The log has grown by *entries*."""
        if not entries:
            return
        self._head = entries[-1].position
        if not self._started or self._reading:
            return
        if self.dues.index.is_empty and not any(entry.kind == PUSHERS for entry in entries):
            # The common case: there is nobody to be told of anything.
            self.dues.reached = self._head
        elif self._read_timer is None and any(entry.kind in _KINDS for entry in entries):
            self._read()

    # Reading the log.

    def _read(self) -> None:
        self._read_timer = None
        if self._started and not self._reading and self.dues.reached < self._head:
            self._reading = True
            self._in_background(self._read_all()).addBoth(lambda _: self._stop_reading())

    def _stop_reading(self) -> None:
        self._reading = False
        if self._started and self._read_timer is None and self.dues.reached < self._head:
            # Only when something failed: otherwise it goes on until it has reached the head.
            self._read_timer = self.clock.callLater(AGAIN_SECONDS, self._read)

    async def _read_all(self) -> None:
        while self._started and self.dues.reached < self._head:
            after = self.dues.reached
            upto = Position(min(self._head, after + PASS_MAX))
            entries = await self.dues.entries(after, upto)
            await self._renew_all(entries)
            found = [due async for due in self.dues.of(entries)]
            is_worth_storing = bool(found) or (upto - self._stored >= PASS_MAX and not self.dues.index.is_empty)
            if is_worth_storing and not await self._lead():
                self._stand_by()
                return
            if self.dues.reached != after:
                # What another process has left begins elsewhere.
                continue
            pairs = await self._pushers_for(found)
            await self._note_mail(pairs)
            lanes = [(due, self._lane(pusher)) for due, pusher in pairs if pusher.kind != EMAIL]
            for due, lane in lanes:
                lane.add(due)
            # At once, and before any lane runs: a lane that is behind reads the log up to what was reached.
            self.dues.reached = upto
            self._wake_all(deque(lane for _, lane in lanes))
            if is_worth_storing:
                self._save_soon()

    async def _pushers_for(self, found: Sequence[Due]) -> list[tuple[Due, StoredPusher]]:
        if not found:
            return []
        stored = await self.database.read(pushers.of_users, list({due.user_id for due in found}))
        by_user: dict[UserID, list[StoredPusher]] = {}
        for pusher in stored:
            if pusher.enabled:
                by_user.setdefault(pusher.user_id, []).append(pusher)
        return [
            (due, pusher)
            for due in found
            for pusher in by_user.get(due.user_id, ())
            # Who has set a pusher since is told of nothing that came before.
            if due.position > pusher.cursor
        ]

    async def _note_mail(self, pairs: Sequence[tuple[Due, StoredPusher]]) -> None:
        """Mail has no lane: it waits, and then tells of all there is."""
        if self.digests is not None:
            mail = [(due, pusher) for due, pusher in pairs if pusher.kind == EMAIL and (due.actions or due.has_read)]
            if mail:
                await self.digests.note(mail)

    async def _renew_all(self, entries: Sequence[LogEntry]) -> None:
        for user_id in {UserID(entry.subject) for entry in entries if entry.kind == PUSHERS}:
            await self._renew(user_id)

    async def _renew(self, user_id: UserID) -> None:
        await self.dues.index.renew(user_id)
        stored = {_key(each): each for each in await self.database.read(pushers.of_user, user_id)}
        for lane in [lane for lane in self._lanes.values() if lane.key[0] == user_id]:
            pusher = stored.get(lane.key)
            if pusher is None or not pusher.enabled:
                self._drop(lane)
            else:
                lane.renew(_addressee(pusher))
                self._cancel_timer(lane.key)
                self._wake(lane)

    # The lease.

    async def _lead(self) -> bool:
        """Whether pushing is this process's work."""
        now = now_ms(self.clock)
        if now < self._leads_until_ms - LEASE_MS // 2:
            return True
        lease = await self.database.write(take, self.holder, now, now + LEASE_MS)
        if lease is None:
            self._drop_all()
            return False
        self._leads_until_ms = now + LEASE_MS
        if not lease.is_continued:
            self._drop_all()
            self.dues.reached = self._stored = lease.start
            for pusher in lease.failing:
                lane = self._lane(pusher)
                lane.fall_behind()
                self._wake(lane)
        return True

    async def _take_over(self) -> None:
        """Those whose gateways failed are tried again, though nothing new is there for them."""
        if not await self._lead():
            self._stand_by()

    def _stand_by(self) -> None:
        if self._started and self._read_timer is None:
            self._read_timer = self.clock.callLater(STAND_BY_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._in_background(self._skip_done()).addBoth(lambda _: self._read())

    async def _skip_done(self) -> None:
        """What the other process has done need not be looked at."""
        self._stored, start, any_failing = await self.database.read(start_of, self._head)
        start = min(start, self._head)
        while self.dues.reached < start:
            upto = Position(min(start, self.dues.reached + PASS_MAX))
            await self._renew_all(await self.dues.entries(self.dues.reached, upto))
            self.dues.reached = upto
        if any_failing:
            await self._lead()

    # Sending.

    def _lane(self, pusher: StoredPusher) -> Lane:
        key = _key(pusher)
        lane = self._lanes.get(key)
        if lane is None:
            failing = pusher.failing_since_ms
            cursor = pusher.cursor if failing is not None else max(pusher.cursor, self.dues.reached)
            lane = Lane(key, self.around, _addressee(pusher), cursor, failing, (pusher.cursor, failing))
            self._lanes[key] = lane
        return lane

    def _wake(self, lane: Lane) -> None:
        if lane.busy or lane.ended or not self._started or lane.key in self._timers or lane.pending_from is None:
            return
        wait_ms = lane.retry_at_ms - now_ms(self.clock)
        if wait_ms > 0:
            self._timers[lane.key] = self.clock.callLater(wait_ms / 1000, self._time_is_up, lane)
            return
        lane.busy = True
        self._in_background(self._run(lane), lane).addBoth(lambda _: self._finish(lane))

    def _wake_all(self, lanes: deque[Lane]) -> None:
        """A few in each turn of the reactor: a message in a large room must not stop everything else."""
        for _ in range(min(WOKEN_AT_ONCE, len(lanes))):
            self._wake(lanes.popleft())
        if lanes and self._started:
            self.clock.callLater(0, self._wake_all, lanes)

    def _time_is_up(self, lane: Lane) -> None:
        self._timers.pop(lane.key, None)
        self._wake(lane)

    async def _run(self, lane: Lane) -> None:
        await self._sending.acquire()
        try:
            await lane.run()
        finally:
            self._sending.release()
        if lane.rejected:
            log.info("a push gateway knows a pushkey no more", url=lane.addressee.pusher.url)
            self._drop(lane)
            await self.database.write(_delete, lane.key)

    def _finish(self, lane: Lane) -> None:
        lane.busy = False
        self._wake(lane)
        self._save_soon()

    def _drop(self, lane: Lane) -> None:
        lane.ended = True
        self._cancel_timer(lane.key)
        if self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]

    def _drop_all(self) -> None:
        for lane in list(self._lanes.values()):
            self._drop(lane)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None and timer.active():
            timer.cancel()

    # Storing how far they have come.

    def _save_soon(self) -> None:
        if self._started and self._save_timer is None:
            self._save_timer = self.clock.callLater(SAVE_SECONDS, self._time_to_save)

    def _time_to_save(self) -> None:
        self._save_timer = None
        self._in_background(self._save()).addBoth(lambda _: self._save_soon() if self._lanes else None)

    async def _save(self, *, release: bool = False) -> None:
        now = now_ms(self.clock)
        lanes = list(self._lanes.values())
        moved = [lane for lane in lanes if (lane.cursor, lane.failing_since_ms) != lane.saved]
        waiting = [lane.pending_from for lane in lanes if lane.failing_since_ms is None]
        settled = min([self.dues.reached, *(Position(first - 1) for first in waiting if first is not None)])
        ends_soon = bool(lanes) and now >= self._leads_until_ms - LEASE_MS // 2
        if not moved and settled <= self._stored and not ends_soon and not release:
            self._forget_idle()
            return
        progress = [Progress(lane.key, lane.cursor, lane.failing_since_ms) for lane in moved]
        until = None if release else now + LEASE_MS
        if not await self.database.write(store, self.holder, now, until, progress, settled):
            # Another process has taken over: it was silent here for too long.
            self._leads_until_ms = 0
            self._drop_all()
            return
        self._stored = max(self._stored, settled)
        self._leads_until_ms = now + LEASE_MS if until is not None else 0
        for lane, each in zip(moved, progress, strict=True):
            lane.saved = (each.cursor, each.failing_since_ms)
        self._forget_idle()

    def _forget_idle(self) -> None:
        for lane in list(self._lanes.values()):
            is_saved = lane.saved == (lane.cursor, lane.failing_since_ms)
            if is_saved and not lane.busy and lane.pending_from is None:
                self._drop(lane)

    def _in_background(self, work: Coroutine[Any, Any, None], lane: Lane | None = None) -> "Deferred[None]":
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(running)
        running.addBoth(self._discard, running)
        return running.addErrback(self._report, lane)

    def _discard(self, result: Failure | None, running: "Deferred[None]") -> Failure | None:
        self._running.discard(running)
        return result

    def _report(self, failure: Failure, lane: Lane | None) -> None:
        if not self._started:
            return
        if lane is not None:
            lane.fail("this server has made a mistake")
        log.error("pushing failed", failure=failure.getTraceback())


def _key(pusher: StoredPusher) -> Key:
    return pusher.user_id, pusher.app_id, pusher.pushkey


def _addressee(pusher: StoredPusher) -> Addressee:
    form = parse_json_object(pusher.description.encode())
    return Addressee(pusher.user_id, stored_pusher(form), pusher.created_ms)


def _delete(tx: Write, key: Key) -> None:
    if pushers.delete(tx, *key):
        tx.log(PUSHERS, key[0])
