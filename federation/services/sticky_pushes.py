"""
Sends what this server's users have sticky in a room to servers that would not get it otherwise.

The outbox sends every event to the servers that are in the room then.  Those that come later are sent what is sticky
still, and so are those that were away for so long that the outbox has passed over events.
Spec: proposals/4354
"""

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from federation.core.paths import FEDERATION_V1, path_of
from federation.core.transactions import PDUS_MAX
from federation.services.destinations import Destinations
from federation.services.ports import Peers
from federation.store import sticky_pushes
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import REMOTE_MEMBERSHIP, LogEntry, Position
from homeserver.core.timeline import TimelineEvent
from homeserver.services.clock import Clock, now_ms
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.sticky_events.service import StickyEvents
from homeserver.store import joined_servers, rooms, sticky_events
from homeserver.store.database import Database

log = structlog.get_logger(__name__)

PENDING_MAX: Final = 10_000
"""Servers with rooms; beyond it nobody more is sent anything."""
AT_ONCE: Final = 20
RETRY_SECONDS: Final = 10.0
"""After a refusal; who cannot be reached is tried when the outbox may try again."""
EVENTS_MAX: Final = 5_000
"""Of a room."""
JOIN_ENTRIES: Final = 64
"""The log says within so many positions after a join that somebody has come."""

_Push = tuple[ServerName, RoomID]


@define(eq=False)
class StickyPushes:
    """Follower of the log, and runner.  ``start`` comes first."""

    server: ServerName
    database: Database
    clock: Clock
    known: KnownEvents
    live_rooms: LiveRooms
    sticky: StickyEvents
    peers: Peers
    destinations: Destinations
    transaction_id: Callable[[], str]
    """Another one at each call, also of another process."""
    _pending: dict[_Push, Deferred[None]] = field(init=False, factory=dict)
    _looking: set[Deferred[None]] = field(init=False, factory=set)
    _is_running: bool = field(init=False, default=False)
    _slots: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(AT_ONCE))

    async def start(self) -> None:
        """What was to be sent when the server stopped is being sent."""
        self._is_running = True
        for destination, room_id in await self.database.scan(sticky_pushes.everything):
            self._begin(destination, room_id)

    async def stop(self) -> None:
        """Nothing is sent any more; what is left is stored."""
        self._is_running = False
        for running in [*self._pending.values(), *self._looking]:
            running.cancel()

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Servers that came into a room are sent what is sticky there."""
        if not self._is_running or not self.sticky.rooms:
            return
        for entry in entries:
            if entry.kind == REMOTE_MEMBERSHIP and entry.ref is not None:
                self._look_at(entry)

    def push(self, destination: ServerName, room_id: RoomID) -> None:
        """The server is sent what is sticky in the room, if anything is."""
        if self._is_running and self.sticky.is_told_in(room_id, now_ms(self.clock)):
            looking: Deferred[None] = Deferred.fromCoroutine(self._note(destination, room_id))
            self._keep(looking)

    def _look_at(self, entry: LogEntry) -> None:
        self._keep(Deferred.fromCoroutine(self._welcome(entry)))

    def _keep(self, looking: "Deferred[None]") -> None:
        self._looking.add(looking)
        looking.addErrback(self._report)
        looking.addBoth(lambda _: self._looking.discard(looking))

    async def _welcome(self, entry: LogEntry) -> None:
        assert entry.ref is not None, "only those are looked at"
        user_id, server = UserID(entry.subject), server_of(UserID(entry.subject))
        found = (await self.database.read(rooms.by_nids, [entry.ref])).get(entry.ref)
        if found is None or not self.sticky.is_told_in(found.room_id, now_ms(self.clock)):
            return
        room = await self.live_rooms.find(found.room_id)
        if room is None or user_id not in room.joined:
            return
        if room.servers[server] > 1:
            # Others of the server may have come this very moment; whoever was here longer has been sent everything.
            before = Position(max(0, entry.position - JOIN_ENTRIES))
            if server in await self.database.scan(joined_servers.as_of, room.nid, before):
                return
        await self._note(server, found.room_id)

    async def _note(self, destination: ServerName, room_id: RoomID) -> None:
        if destination == self.server or (destination, room_id) in self._pending:
            return
        await self.database.write(sticky_pushes.insert, destination, room_id)
        self._begin(destination, room_id)

    def _begin(self, destination: ServerName, room_id: RoomID) -> None:
        push = destination, room_id
        if not self._is_running or push in self._pending or len(self._pending) >= PENDING_MAX:
            return
        running: Deferred[None] = Deferred.fromCoroutine(self._push(destination, room_id))
        if not running.called:
            self._pending[push] = running
        running.addErrback(self._report)
        running.addBoth(self._end, push)

    def _end(self, _: object, push: _Push) -> None:
        self._pending.pop(push, None)

    async def _push(self, destination: ServerName, room_id: RoomID) -> None:
        sent: set[int] = set()
        while self._is_running:
            events = [event for event in await self._own(room_id) if event.nid not in sent][:PDUS_MAX]
            room = await self.live_rooms.find(room_id)
            if not events or room is None or destination not in room.servers:
                await self.database.write(sticky_pushes.remove, destination, room_id)
                return
            wait_seconds = await self._send(destination, events)
            if wait_seconds is None:
                sent.update(event.nid for event in events)
            else:
                await self._pause(wait_seconds)

    async def _own(self, room_id: RoomID) -> list[TimelineEvent]:
        """What this server's users have sticky in the room, in the order in which it was sent."""
        found = await self.database.read(
            sticky_events.between, [room_id], Position(0), self.database.head, now_ms(self.clock), EVENTS_MAX
        )
        nids = [each.event_nid for each in found if server_of(each.sender) == self.server]
        events = await self.known.by_nids(nids)
        return [events[nid] for nid in nids if nid in events]

    async def _send(self, destination: ServerName, events: Sequence[TimelineEvent]) -> float | None:
        """The events are sent: None.  Otherwise after how many seconds they may be tried again."""
        body = {
            "origin": self.server,
            "origin_server_ts": now_ms(self.clock),
            "pdus": [event.event.pdu for event in events],
            "edus": [],
        }
        path = path_of(FEDERATION_V1 + "/send", self.transaction_id())
        await self._slots.acquire()
        try:
            await self.peers.send(destination, "PUT", path, body)
        except PeerUnreachable:
            outage = self.destinations.outage(destination)
            retry_at_ms = 0 if outage is None else outage.retry_at_ms
            return max(RETRY_SECONDS, retry_at_ms / 1000 - self.clock.seconds())
        except PeerFault:
            return RETRY_SECONDS
        finally:
            self._slots.release()
        return None

    async def _pause(self, seconds: float) -> None:
        if not self._is_running:
            return
        pause: Deferred[None] = Deferred()
        timer = self.clock.callLater(seconds, pause.callback, None)
        try:
            await pause
        finally:
            if timer.active():
                timer.cancel()

    def _report(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.error("what is sticky was not sent", failure=failure.getTraceback())
