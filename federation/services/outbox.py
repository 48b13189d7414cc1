"""
The outbox: everything that other servers are to be told reaches them, also over outages of theirs and crashes of ours.

It reads the log from where it was.  In one write it notes for each destination which events wait, begins a transaction
for every destination that has nothing else under way, and moves its place in the log; then they are sent.
"""

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from federation.core.edus import Receipt, Typing, UserPresence, presence_edu, receipts_edu, typing_edu
from federation.core.recipients import recipients_of
from federation.core.transactions import EDUS_MAX, PDUS_MAX, OutgoingTransaction, PduPlace
from federation.services.lane import Lane, Surroundings
from federation.services.ports import Outgoing, OutgoingReceipts
from federation.store import outbox
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.log import EVENT, OUTBOX, RECEIPT, LogEntry, Position
from homeserver.services.clock import now_ms
from homeserver.services.sync.pacing import Pace
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

PASS_MAX: Final = 1_000
"""Positions of the log that are read at once."""
CURSOR_LAG_MAX: Final = 1_000
"""How far the stored place in the log may stay behind while nothing is to be sent."""
READ_AGAIN_SECONDS: Final = 1.0
"""After reading the log has failed."""
EVENTS_AT_ONCE: Final = 50
"""Of a backlog; then others go first."""
SENDING_MAX: Final = 200
"""Transactions under way at once, over all destinations."""


@define(eq=False)
class _Pass:
    """What one reading of the log brings, by destination."""

    pdus: dict[ServerName, list[PduPlace]] = field(factory=dict)
    receipts: dict[ServerName, list[Receipt]] = field(factory=dict)


@define(eq=False)
class Outbox:
    """All lanes, and the reading of the log into them.  ``start`` comes first."""

    around: Surroundings
    receipts: OutgoingReceipts
    _lanes: dict[ServerName, Lane] = field(init=False, factory=dict)
    _timers: dict[ServerName, Any] = field(init=False, factory=dict)
    _running: set[Deferred[None]] = field(init=False, factory=set)
    _sending: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(SENDING_MAX))
    _head: Position = field(init=False, default=Position(0))
    _cursor: Position = field(init=False, default=Position(0))
    _stored_cursor: Position = field(init=False, default=Position(0))
    _reading: bool = field(init=False, default=False)
    _started: bool = field(init=False, default=False)

    async def start(self) -> None:
        """What waited when the server stopped is being sent, and so is what comes."""
        database = self.around.database
        cursor = await database.read(outbox.cursor)
        if cursor is None:
            cursor = database.head
            await database.write(outbox.advance, cursor)
        self._cursor = self._stored_cursor = cursor
        self._head = max(self._head, database.head)
        self.around.destinations.follow(self._try_sooner)
        for destination, backlog in (await database.scan(outbox.backlogs)).items():
            self._lane(destination).resume(backlog)
        self._started = True
        self._in_background(self._resume(list(self._lanes))).addErrback(self._report)
        self._read()

    async def _resume(self, destinations: Iterable[ServerName]) -> None:
        """After an outage of ours something may wait for thousands: a few begin in each turn."""
        pace = Pace(self.around.clock)
        for destination in destinations:
            self._wake(destination)
            await pace.step()

    async def stop(self) -> None:
        """Nothing is sent any more; what waits is stored."""
        self._started = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for running in list(self._running):
            running.cancel()

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The log has grown by *entries*.  To be called after every commit, in order."""
        if not entries:
            return
        self._head = entries[-1].position
        concerned = False
        for entry in entries:
            if entry.kind == OUTBOX:
                destination = ServerName(entry.subject)
                self._lane(destination).edus_waiting = True
                self._wake(destination)
            elif entry.kind in {EVENT, RECEIPT}:
                concerned = True
        if concerned or self._head - self._cursor >= CURSOR_LAG_MAX:
            self._read()

    @property
    def read_upto(self) -> Position:
        """Whatever is in the log up to there is sent, or waits for its destinations."""
        return self._cursor

    async def send_typing(self, typing: Typing) -> None:
        """The other servers of the room learn of it, if they can be reached now."""
        servers = await self._servers_now(typing.room_id)
        self._send_ephemeral(servers, f"typing {typing.room_id} {typing.user_id}", typing_edu(typing))

    def send_presence(self, servers: Iterable[ServerName], presence: UserPresence) -> None:
        """*servers* learn of it, if they can be reached now."""
        self._send_ephemeral(servers, f"presence {presence.user_id}", presence_edu([presence]))

    def _send_ephemeral(self, servers: Iterable[ServerName], subject: str, edu: JSONObject) -> None:
        for server in servers:
            if server != self.around.server_name:
                self._lane(server).add_ephemeral(subject, edu)
                self._wake(server)

    async def _servers_now(self, room_id: RoomID) -> Iterable[ServerName]:
        return await self.around.events.servers_in_room(room_id, Position(self._head + 1))

    # Reading the log.

    def _read(self) -> None:
        if self._started and not self._reading:
            self._reading = True
            running = self._in_background(self._read_all())
            running.addErrback(self._report)
            running.addCallback(lambda _: self._stop_reading())

    def _stop_reading(self) -> None:
        self._reading = False
        # Only when something failed: otherwise it goes on until it has reached the head.
        if self._started and self._cursor < self._head:
            self.around.clock.callLater(READ_AGAIN_SECONDS, self._read)

    async def _read_all(self) -> None:
        while self._started and self._cursor < self._head:
            upto = Position(min(self._head, self._cursor + PASS_MAX))
            read = await self._gather(self._cursor, upto)
            await self._record(read, upto)
            self._cursor = upto

    async def _gather(self, after: Position, upto: Position) -> _Pass:
        read = _Pass()
        outgoing = await self.around.events.events_between(after, upto)
        sent: list[Outgoing] = []
        pace = Pace(self.around.clock)
        for number, each in enumerate(outgoing, 1):
            if number % EVENTS_AT_ONCE == 0:
                self.around.pdus.add(sent)
                sent = []
                await pace.turn()
            event = each.event
            servers = await self.around.events.servers_in_room(event.room_id, each.position)
            recipients = recipients_of(event, servers, self.around.server_name)
            for recipient in recipients:
                read.pdus.setdefault(recipient, []).append(PduPlace(event.room_id, each.position))
            if recipients:
                sent.append(each)
        self.around.pdus.add(sent)
        for receipt in await self.receipts.receipts_between(after, upto):
            for server in await self.around.events.servers_in_room(receipt.room_id, Position(upto + 1)):
                if server != self.around.server_name:
                    read.receipts.setdefault(server, []).append(receipt)
        return read

    async def _record(self, read: _Pass, upto: Position) -> None:
        """What was read is stored, and on its way."""
        if not read.pdus and not read.receipts and upto - self._stored_cursor < CURSOR_LAG_MAX:
            return
        begun: dict[ServerName, OutgoingTransaction] = {}
        for destination in read.pdus.keys() | read.receipts.keys():
            lane = self._lane(destination)
            if lane.is_idle and now_ms(self.around.clock) >= lane.wait_until_ms:
                begun[destination] = self._first_transaction(destination, read)
                # Nobody else begins a transaction for it meanwhile.
                lane.busy = True
        try:
            await self.around.database.write(_record, read, begun, upto)
        finally:
            for destination in begun:
                self._lanes[destination].busy = False
        self._stored_cursor = upto
        for destination in read.pdus.keys() | read.receipts.keys():
            self._hand_over(destination, read, begun.get(destination), upto)

    def _first_transaction(self, destination: ServerName, read: _Pass) -> OutgoingTransaction:
        pdus = tuple(read.pdus.get(destination, ())[:PDUS_MAX])
        edus = receipt_edus(read.receipts.get(destination, ()))[:EDUS_MAX]
        return OutgoingTransaction(self.around.transaction_id(), now_ms(self.around.clock), pdus, tuple(edus))

    def _hand_over(
        self, destination: ServerName, read: _Pass, begun: OutgoingTransaction | None, upto: Position
    ) -> None:
        lane = self._lane(destination)
        places = read.pdus.get(destination, [])
        if begun is not None:
            lane.current = begun
            places = places[len(begun.pdus) :]
        lane.add_live(places, upto)
        self._wake(destination)

    # Sending.

    def _lane(self, destination: ServerName) -> Lane:
        lane = self._lanes.get(destination)
        if lane is None:
            lane = self._lanes[destination] = Lane(destination, self.around)
        return lane

    def _wake(self, destination: ServerName) -> None:
        lane = self._lanes.get(destination)
        if lane is None or lane.busy or not self._started or destination in self._timers:
            return
        wait_ms = lane.wait_until_ms - now_ms(self.around.clock)
        if wait_ms > 0:
            lane.wait()
            self._timers[destination] = self.around.clock.callLater(wait_ms / 1000, self._time_is_up, destination)
            return
        lane.busy = True
        running = self._in_background(self._run(lane))
        running.addErrback(self._break_down, lane)
        running.addCallback(lambda _: self._finish(lane))

    def _try_sooner(self, destination: ServerName) -> None:
        timer = self._timers.pop(destination, None)
        if timer is not None:
            timer.cancel()
            self._lanes[destination].hear()
            self._wake(destination)

    def _time_is_up(self, destination: ServerName) -> None:
        self._timers.pop(destination, None)
        self._wake(destination)

    async def _run(self, lane: Lane) -> None:
        await self._sending.acquire()
        try:
            await lane.run()
        finally:
            self._sending.release()

    def _finish(self, lane: Lane) -> None:
        lane.busy = False
        if lane.is_idle:
            self._lanes.pop(lane.destination, None)
        else:
            self._wake(lane.destination)

    def _break_down(self, failure: Failure, lane: Lane) -> None:
        self._report(failure)
        lane.break_down()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> "Deferred[None]":
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(running)
        running.addBoth(self._discard, running)
        return running

    def _discard(self, result: Failure | None, running: "Deferred[None]") -> Failure | None:
        self._running.discard(running)
        return result

    def _report(self, failure: Failure) -> None:
        if self._started:
            log.error("the outbox failed", failure=failure.getTraceback())


def receipt_edus(receipts: Iterable[Receipt]) -> list[JSONObject]:
    """As few EDUs as say all *receipts*: one holds one receipt for each user in each room."""
    edus: list[dict[tuple[RoomID, UserID], Receipt]] = []
    for receipt in receipts:
        key = (receipt.room_id, receipt.user_id)
        for taken in edus:
            if key not in taken or taken[key].thread_id == receipt.thread_id:
                taken[key] = receipt
                break
        else:
            edus.append({key: receipt})
    return [receipts_edu(taken.values()) for taken in edus]


def _record(tx: Write, read: _Pass, begun: Mapping[ServerName, OutgoingTransaction], upto: Position) -> None:
    for destination, places in read.pdus.items():
        by_room: dict[RoomID, list[Position]] = {}
        for place in places:
            by_room.setdefault(place.room_id, []).append(place.position)
        for room_id, positions in by_room.items():
            outbox.queue_pdus(tx, destination, room_id, min(positions), max(positions))
    for destination, receipts in read.receipts.items():
        if destination in begun and len(begun[destination].edus) < EDUS_MAX:
            continue  # they are all in it
        for receipt in receipts:
            subject = f"receipt {receipt.room_id} {receipt.user_id} {receipt.thread_id or ''}"
            outbox.queue_edu(tx, (destination,), receipts_edu([receipt]), subject)
    for destination, transaction in begun.items():
        outbox.begin(tx, destination, transaction)
    outbox.advance(tx, upto)
