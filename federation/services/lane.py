"""
One destination's way out of this server.

A lane sends one transaction at a time, and the same one until it is confirmed.  While all goes well it takes events
from memory.  Once anything fails it is *behind*: it forgets them, and later reads from the store what it has missed.
"""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

import structlog
from attrs import define, field, frozen

from federation.core.paths import FEDERATION_V1, path_of
from federation.core.recipients import recipients_of
from federation.core.transactions import PDUS_MAX, OutgoingTransaction, PduPlace
from federation.services.destinations import Destinations
from federation.services.outgoing_pdus import OutgoingPdus
from federation.services.ports import Outgoing, OutgoingEvents, Peers
from federation.services.settings import FederationSettings
from federation.store import outbox
from homeserver.core.backoff import wait_ms
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.log import Position
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.store.database import Database

log = structlog.get_logger(__name__)

LIVE_MAX: Final = 500
"""Events that wait in memory; with more the lane falls behind, and reads them from the store."""
EPHEMERAL_MAX: Final = 50
"""EDUs that wait in memory only; beyond it the oldest are dropped."""
REFUSALS_MAX: Final = 5
"""A transaction that a destination refuses so often, as malformed or too large, is dropped."""

_PASSING: Final = frozenset({401, 403, 404, 405, 408, 425, 429})
"""Refusals that are about the moment (keys not fetched yet, a proxy without its server), not about the transaction."""


class Delivery(Enum):
    """What came of an attempt."""

    DONE = "done"
    TRY_LATER = "try later"


@frozen
class Surroundings:
    """What all lanes share."""

    server_name: ServerName
    database: Database
    clock: Clock
    peers: Peers
    destinations: Destinations
    events: OutgoingEvents
    pdus: OutgoingPdus
    settings: FederationSettings
    transaction_id: Callable[[], str]
    """Answers another one at each call, also of another process."""
    dice: Callable[[], float]
    skipped: Sequence[Callable[[ServerName, RoomID], None]] = ()
    """Called when a server is not sent some events of a room, having been away for so long."""


@define(eq=False)
class Lane:
    """
    What waits for *destination*, and the sending of it.

    *current*: the transaction that is under way, stored already.
    """

    destination: ServerName
    around: Surroundings
    current: OutgoingTransaction | None = None
    behind: bool = False
    edus_waiting: bool = False
    busy: bool = False
    retry_at_ms: int = 0
    """After a refusal: nothing is sent before."""
    _live: deque[PduPlace] = field(init=False, factory=deque)
    _ephemeral: dict[str, JSONObject] = field(init=False, factory=dict)
    _read_upto: Position = field(init=False, default=Position(0))
    _away_since_ms: int | None = field(init=False, default=None)
    _refusals: int = field(init=False, default=0)
    _refusals_for_good: int = field(init=False, default=0)
    _refused_at_ms: int = field(init=False, default=0)

    def resume(self, backlog: outbox.Backlog) -> None:
        """What waited when the server stopped waits again."""
        self.current, self.behind, self.edus_waiting = backlog.transaction, backlog.has_pdus, backlog.has_edus
        self._note_absence()

    @property
    def is_idle(self) -> bool:
        """Nothing waits: what comes next may be sent at once, with nothing else."""
        return not (self.busy or self.current or self.behind or self.edus_waiting or self._live or self._ephemeral)

    @property
    def wait_until_ms(self) -> int:
        """When the next attempt may be made."""
        outage = self.around.destinations.outage(self.destination)
        return max(self.retry_at_ms, 0 if outage is None else outage.retry_at_ms)

    def add_live(self, places: Sequence[PduPlace], upto: Position) -> None:
        """Events that are stored as waiting, with the log up to *upto*, wait in memory as well."""
        # What was read from the store while these were on their way is not sent twice.
        if self.behind or upto <= self._read_upto:
            return
        self._live.extend(places)
        if len(self._live) > LIVE_MAX:
            self._fall_behind()

    def add_ephemeral(self, subject: str, edu: JSONObject) -> None:
        """*edu* waits in memory, in the place of one of the same *subject*; what is behind is not told such things."""
        if self.behind:
            return
        self._ephemeral.pop(subject, None)
        self._ephemeral[subject] = edu
        while len(self._ephemeral) > EPHEMERAL_MAX:
            self._ephemeral.pop(next(iter(self._ephemeral)))

    def wait(self) -> None:
        """The next attempt is some time away: until then nothing is kept in memory."""
        self._note_absence()
        self._fall_behind()

    def break_down(self) -> None:
        """Something of ours failed while this was at work: it relies on what is stored."""
        self._fall_behind()
        self.edus_waiting = True
        self.retry_at_ms = now_ms(self.around.clock) + int(self.around.settings.retry.min_seconds * 1000)

    def hear(self) -> None:
        """The destination has sent something itself: after a refusal it is tried again soon."""
        sooner = self._refused_at_ms + int(self.around.settings.retry.min_seconds * 1000)
        self.retry_at_ms = min(self.retry_at_ms, sooner)

    async def run(self) -> Delivery:
        """Everything that waits is sent, or an attempt has failed."""
        ended: OutgoingTransaction | None = None
        while True:
            if self.current is None:
                self.current = await self._compose(ended)
                ended = None
                if self.current is None:
                    return Delivery.DONE
            if await self._deliver(self.current) is Delivery.TRY_LATER:
                await self._fail()
                return Delivery.TRY_LATER
            ended, self.current = self.current, None

    async def _compose(self, ended: OutgoingTransaction | None) -> OutgoingTransaction | None:
        """The next transaction, stored in one write with the end of the last; None: nothing waits."""
        database = self.around.database
        pdus: tuple[PduPlace, ...]
        if self.behind:
            if ended is not None:
                # What was missed is read from the store, which must know what was not.
                await database.write(outbox.end, self.destination, ended)
                ended = None
            pdus = await self._missed()
        else:
            pdus = tuple(self._live.popleft() for _ in range(min(PDUS_MAX, len(self._live))))
        edus = tuple(self._ephemeral.values())
        self._ephemeral.clear()
        if not (pdus or edus or ended or self.edus_waiting):
            return None
        # What is queued while this is written sets it again.
        self.edus_waiting = False
        made = OutgoingTransaction(self.around.transaction_id(), now_ms(self.around.clock), pdus, edus)
        begun, more = await database.write(outbox.exchange, self.destination, ended, made)
        self.edus_waiting = self.edus_waiting or more
        return begun

    async def _deliver(self, transaction: OutgoingTransaction) -> Delivery:
        pdus = await self.around.pdus.encoded(transaction.pdus)
        body = {
            "origin": self.around.server_name,
            "origin_server_ts": transaction.made_ms,
            "pdus": pdus,
            "edus": transaction.edus,
        }
        path = path_of(FEDERATION_V1 + "/send", transaction.transaction_id)
        try:
            await self.around.peers.send(self.destination, "PUT", path, body)
        except PeerUnreachable:
            return Delivery.TRY_LATER
        except PeerFault as fault:
            return self._refused(fault)
        self._refusals = self._refusals_for_good = 0
        return Delivery.DONE

    def _refused(self, fault: PeerFault) -> Delivery:
        self._refusals += 1
        if 400 <= fault.status < 500 and fault.status not in _PASSING:
            self._refusals_for_good += 1
        if self._refusals_for_good >= REFUSALS_MAX:
            log.warning("a transaction was refused for good", destination=self.destination, status=fault.status)
            self._refusals = self._refusals_for_good = 0
            return Delivery.DONE
        retry = self.around.settings.retry
        wait = wait_ms(self._refusals, int(retry.min_seconds * 1000), int(retry.max_seconds * 1000), self.around.dice())
        self._refused_at_ms = now_ms(self.around.clock)
        self.retry_at_ms = self._refused_at_ms + wait
        return Delivery.TRY_LATER

    async def _fail(self) -> None:
        self.wait()
        await self.around.database.write(
            outbox.drop_oldest_edus, self.destination, self.around.settings.queued_edus_max
        )

    def _note_absence(self) -> None:
        outage = self.around.destinations.outage(self.destination)
        if self._away_since_ms is None and outage is not None:
            self._away_since_ms = outage.since_ms

    def _fall_behind(self) -> None:
        self.behind = True
        self._live.clear()
        self._ephemeral.clear()

    async def _missed(self) -> tuple[PduPlace, ...]:
        """The next events that were missed; empty: none are left, and the lane is not behind any more."""
        while True:
            waiting, upto = await self.around.database.read(outbox.rooms_and_cursor, self.destination, PDUS_MAX)
            if not waiting:
                self.behind, self._read_upto, self._away_since_ms = False, upto, None
                return ()
            if self._was_away_long():
                # The latest event of a room leads to all before it: the destination fetches those itself.
                self._tell_of_gaps(waiting)
                return tuple(PduPlace(room.room_id, room.last) for room in waiting)
            found: list[PduPlace] = []
            nothing: list[PduPlace] = []
            for room in waiting:
                places = await self._missed_in(room, PDUS_MAX - len(found))
                found += places
                if not places:
                    nothing.append(PduPlace(room.room_id, room.last))
                if len(found) >= PDUS_MAX:
                    break
            if found:
                return tuple(sorted(found, key=lambda place: place.position))
            await self.around.database.write(outbox.skip, self.destination, nothing)

    def _tell_of_gaps(self, waiting: Sequence[outbox.WaitingRoom]) -> None:
        for room in waiting:
            if room.first < room.last:
                for tell in self.around.skipped:
                    tell(self.destination, room.room_id)

    async def _missed_in(self, room: outbox.WaitingRoom, limit: int) -> list[PduPlace]:
        """The first of the room's events that this destination is to have; empty: they are gone from the store."""
        first = room.first
        while True:
            some = await self.around.events.events_in_room(room.room_id, first, room.last, limit)
            places = [PduPlace(room.room_id, each.position) for each in some if await self._concerns(each)]
            if places or len(some) < limit:
                return places
            first = Position(some[-1].position + 1)

    async def _concerns(self, outgoing: Outgoing) -> bool:
        event = outgoing.event
        servers = await self.around.events.servers_in_room(event.room_id, outgoing.position)
        return self.destination in recipients_of(event, servers, self.around.server_name)

    def _was_away_long(self) -> bool:
        if self._away_since_ms is None:
            return False
        away_ms = now_ms(self.around.clock) - self._away_since_ms
        return away_ms > self.around.settings.catch_up_after_seconds * 1000
