"""
Keeps sticky events from the write that stores them until they are sticky no more.

What soft-failed is looked at again when the membership of its sender changes.  What is more than one sender may have
told of at once waits: nobody is told everything at once, and nothing is lost.
Spec: proposals/4354
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog
from attrs import define, evolve, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from homeserver.core.auth_events import rule_keys_of
from homeserver.core.authorization.rules import check_event
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import MEMBERSHIP, REMOTE_MEMBERSHIP, LogEntry
from homeserver.core.sticky import DURATION_MS_MAX, STICKY, duration_ms_of, ends_ms
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.services.admission import relate, store_event
from homeserver.services.clock import Clock, now_ms
from homeserver.services.companions import Beside
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.refusals import TooSoon
from homeserver.services.sticky_events.settings import StickyEventSettings
from homeserver.services.wakeups import Wakeups
from homeserver.store import sticky_events
from homeserver.store.database import Database
from homeserver.store.sticky_events import StickyEvent
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

__all__ = ["StickyEvent", "StickyEvents"]

TICK_SECONDS: Final = 10.0
RELEASED_AT_ONCE: Final = 500
"""Of those that are held back."""


@define(eq=False)
class StickyEvents:
    """
    Companion of the events' writes, follower of the log, and runner.

    ``start`` comes first.
    """

    server: ServerName
    database: Database
    clock: Clock
    known: KnownEvents
    live_rooms: LiveRooms
    wakeups: Wakeups
    settings: StickyEventSettings = StickyEventSettings()
    recommendations: Recommendations | None = None
    """Of the policy servers that rooms use."""
    _rooms: dict[RoomID, int] = field(init=False, factory=dict)
    """Where something is told, and until when there may be."""
    _doubted: dict[UserID, int] = field(init=False, factory=dict)
    """Those of whom something soft-failed, and until when there may be."""
    _timer: Any = field(init=False, default=None)
    _is_running: bool = field(init=False, default=False)
    _running: set[Deferred[None]] = field(init=False, factory=set)

    async def start(self) -> None:
        """What was sticky when the server stopped is known, and is told as long as it is so still."""
        now = now_ms(self.clock)
        for room_id, end in (await self.database.scan(sticky_events.rooms, now)).items():
            self._rooms[room_id] = max(end, self._rooms.get(room_id, 0))
        for user_id, end in (await self.database.scan(sticky_events.doubted, now)).items():
            self._doubted[user_id] = max(end, self._doubted.get(user_id, 0))
        self._is_running = True
        for user_id in list(self._doubted):
            await self.judge_again(user_id)
        self._timer = self.clock.callLater(TICK_SECONDS, self._tick)

    async def stop(self) -> None:
        """Nothing is begun any more, and what was begun is done."""
        self._is_running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        await DeferredList(list(self._running))

    def beside(self, entry: TimelineEvent) -> Beside | None:
        """What keeps a sticky event, written with it; for a local user who has too many, what refuses it."""
        duration_ms = duration_ms_of(entry.event.pdu)
        if not duration_ms or entry.status is Status.REJECTED:
            return None
        now, event = now_ms(self.clock), entry.event
        end = ends_ms(event.origin_server_ts, now, duration_ms)
        if end <= now:
            return None
        if entry.status is Status.SOFT_FAILED:
            self._doubted[event.sender] = max(end, self._doubted.get(event.sender, 0))
        most = self.settings.per_sender_max
        is_own = server_of(event.sender) == self.server
        return partial(_keep, end=end, now=now, most=most, is_own=is_own)

    @property
    def rooms(self) -> Mapping[RoomID, int]:
        """The rooms where something may be told, and until when; in others there is nothing to tell."""
        return self._rooms

    def is_told_in(self, room_id: RoomID, now: int) -> bool:
        """Whether something may be told in the room then."""
        return self._rooms.get(room_id, 0) > now

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What the log says is told is told; of whom something soft-failed it is judged again when they come or go."""
        for entry in entries:
            if entry.kind == STICKY:
                room_id = RoomID(entry.subject)
                # By the hour: what exactly ends when is in the store.
                self._rooms[room_id] = now_ms(self.clock) + DURATION_MS_MAX
                self.wakeups.ring_room(room_id)
            elif entry.kind in {MEMBERSHIP, REMOTE_MEMBERSHIP} and entry.subject in self._doubted:
                self._in_background(self.judge_again(UserID(entry.subject)))

    async def judge_again(self, sender: UserID) -> None:
        """
        Of the user's sticky events that soft-failed, those that the rooms would let in now are told, and are in the
        timeline from now on.
        """
        now = now_ms(self.clock)
        doubted = await self.database.read(sticky_events.soft_failed_of, sender, now)
        events = await self.known.by_nids([each.event_nid for each in doubted])
        for each in doubted:
            entry = events.get(each.event_nid)
            room = None if entry is None else await self.live_rooms.find(entry.event.room_id)
            if entry is None or room is None or not await self._is_allowed(room, entry):
                continue
            accepted = evolve(entry, status=Status.ACCEPTED)
            await self.database.write(_let_in, room.nid, accepted, each, now, self.settings.per_sender_max)
            self.known.forget(entry.event_id)

    async def release(self) -> None:
        """What was held back is told as far as others have ended; what has ended is forgotten."""
        now = now_ms(self.clock)
        held = await self.database.read(sticky_events.held, now, RELEASED_AT_ONCE)
        if held:
            await self.database.write(_release_all, held, now, self.settings.per_sender_max)
        await self.database.write(sticky_events.prune, now)
        self._rooms = {room_id: end for room_id, end in self._rooms.items() if end > now}
        self._doubted = {user_id: end for user_id, end in self._doubted.items() if end > now}

    async def _is_allowed(self, room: LiveRoom, entry: TimelineEvent) -> bool:
        """By the current state, and by the room's policy server.  Spec: server-server-api#soft-failure"""
        event = entry.event
        if self.recommendations is not None and not await self.recommendations.admit(room, event):
            return False
        wanted = {key: room.state[key] for key in rule_keys_of(event) if key in room.state}
        found = await self.known.by_ids(wanted.values())
        return bool(check_event(event, {key: found[event_id].event for key, event_id in wanted.items()}))

    def _tick(self) -> None:
        if not self._is_running:
            return
        if self._rooms or self._doubted:
            self._in_background(self.release())
        self._timer = self.clock.callLater(TICK_SECONDS, self._tick)

    def _in_background(self, work: Any) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(running)
        running.addErrback(_report)
        running.addBoth(lambda _: self._running.discard(running))


def _keep(tx: Write, room_nid: int, entry: TimelineEvent, *, end: int, now: int, most: int, is_own: bool) -> None:
    event = entry.event
    soft_failed = entry.status is Status.SOFT_FAILED
    count, first_end = sticky_events.told_of(tx.connection, event.room_id, event.sender, now)
    is_held = soft_failed or count >= most
    if is_held and is_own and not soft_failed:
        raise TooSoon((first_end or now) - now, "Too many of your events are sticky in this room.")
    position = None if is_held else tx.log(STICKY, event.room_id, entry.nid)
    sticky_events.insert(tx, StickyEvent(entry.nid, event.room_id, event.sender, end, position, soft_failed))


def _let_in(tx: Write, room_nid: int, entry: TimelineEvent, event: StickyEvent, now: int, most: int) -> None:
    # Another process has judged it meanwhile, if there are several.
    if not sticky_events.is_soft_failed(tx.connection, event.event_nid):
        return
    # What a state event changes is for the room's state to say, where it has counted all the time.
    if not entry.event.is_state:
        store_event(tx, room_nid, entry, was_outlier=True)
        relate(tx, room_nid, entry)
    _release(tx, event, now, most)


def _release(tx: Write, event: StickyEvent, now: int, most: int) -> None:
    count, _ = sticky_events.told_of(tx.connection, event.room_id, event.sender, now)
    if not sticky_events.is_waiting(tx.connection, event.event_nid):
        return
    if count >= most:
        sticky_events.absolve(tx, event.event_nid)
    else:
        sticky_events.tell(tx, event.event_nid, tx.log(STICKY, event.room_id, event.event_nid))


def _release_all(tx: Write, events: Sequence[StickyEvent], now: int, most: int) -> None:
    for event in events:
        _release(tx, event, now, most)


def _report(failure: Failure) -> None:
    log.error("sticky events were not looked after", failure=failure.getTraceback())
