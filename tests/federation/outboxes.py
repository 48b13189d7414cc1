"""An outbox for tests, beside other servers that take what it sends, or do not."""

import json
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import Clock

from federation.core.edus import Receipt
from federation.services.destinations import Destinations
from federation.services.lane import Surroundings
from federation.services.outbox import Outbox
from federation.services.outgoing_pdus import OutgoingPdus
from federation.services.ports import Outgoing
from federation.services.settings import FederationSettings, RetrySettings
from federation.store import outbox as stored
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName
from homeserver.core.log import EVENT, LogEntry, Position
from homeserver.services.ports import PeerUnreachable
from homeserver.store.write import Write
from tests.builders import a_room
from tests.databases import DatabaseCase
from tests.waiting import at_rest

ONE, TWO, THREE = ServerName("one.example"), ServerName("two.example"), ServerName("three.example")


SETTINGS = FederationSettings(retry=RetrySettings(min_seconds=1, max_seconds=8), catch_up_after_seconds=60)


ROOM, OTHER_ROOM = RoomID("!room:one.example"), RoomID("!other:one.example")


TEMPLATE = a_room("10").event("m.room.message", {"body": ""})


@define(eq=False)
class Sent:
    """A transaction as a peer receives it; *answer* fires to answer it."""

    destination: ServerName
    transaction_id: str
    body: dict[str, Any]
    answer: "Deferred[JSONObject]" = field(factory=Deferred)

    @property
    def texts(self) -> list[str]:
        return [pdu["content"]["body"] for pdu in self.body["pdus"]]

    @property
    def edus(self) -> list[dict[str, Any]]:
        edus: list[dict[str, Any]] = self.body["edus"]
        return edus

    def confirm(self) -> None:
        self.answer.callback({"pdus": {}})

    def fail(self, error: Exception) -> None:
        self.answer.errback(error)


@define(eq=False)
class Peers:
    """Other servers: what arrives waits in a queue to be answered; those *down* are not reached."""

    destinations: Destinations
    arrived: "DeferredQueue[Sent]" = field(factory=DeferredQueue)
    down: set[ServerName] = field(factory=set)
    tried: list[tuple[ServerName, str]] = field(factory=list)
    unanswered: int = 0

    async def send(self, destination: ServerName, method: str, path: str, body: object, **_: Any) -> JSONObject:
        assert method == "PUT"
        transaction_id = path.removeprefix("/_matrix/federation/v1/send/")
        self.tried.append((destination, transaction_id))
        if destination in self.down:
            await self.destinations.failed(destination)
            raise PeerUnreachable(destination, "it is down")
        sent = Sent(destination, transaction_id, json.loads(encode_canonical(body)))
        self.unanswered += 1
        self.arrived.put(sent)
        try:
            answer = await self._answer_to(sent)
        except PeerUnreachable:
            await self.destinations.failed(destination)
            raise
        await self.destinations.reached(destination)
        return answer

    async def _answer_to(self, sent: Sent) -> JSONObject:
        try:
            return await sent.answer
        finally:
            self.unanswered -= 1

    async def fetch(self, *_: Any, **__: Any) -> JSONObject:
        raise AssertionError("an outbox fetches nothing")


@define(eq=False)
class Rooms:
    """The rooms of a test: *servers* take part in all of them unless *elsewhere* says otherwise."""

    servers: set[ServerName] = field(factory=lambda: {ONE, TWO})
    elsewhere: dict[RoomID, set[ServerName]] = field(factory=dict)
    events: dict[Position, Event] = field(factory=dict)
    receipts: dict[Position, Receipt] = field(factory=dict)

    async def events_between(self, after: Position, upto: Position) -> Sequence[Outgoing]:
        return [Outgoing(at, event) for at, event in sorted(self.events.items()) if after < at <= upto]

    async def events_in_room(self, room_id: RoomID, first: Position, last: Position, limit: int) -> Sequence[Outgoing]:
        found = await self.events_between(Position(first - 1), last)
        return [each for each in found if each.event.room_id == room_id][:limit]

    async def events_at(self, positions: Sequence[Position]) -> Sequence[Outgoing]:
        return [Outgoing(at, self.events[at]) for at in positions if at in self.events]

    async def servers_in_room(self, room_id: RoomID, before: Position) -> set[ServerName]:
        return self.elsewhere.get(room_id, self.servers)

    async def receipts_between(self, after: Position, upto: Position) -> Sequence[Receipt]:
        return [receipt for at, receipt in sorted(self.receipts.items()) if after < at <= upto]


def add_entry(tx: Write, kind: str, subject: str) -> Position:
    return tx.log(kind, subject)


def waiting(tx: Any) -> list[ServerName]:
    return stored.destinations(tx)


class OutboxCase(DatabaseCase):
    """An outbox with a database, a clock, and peers that answer when told to."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.rooms = Rooms()
        self.instance = 0
        self.database.subscribe(self._follow)
        await self.begin()

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.outbox.stop()

    def _follow(self, entries: Sequence[LogEntry]) -> None:
        self.outbox.follow(entries)

    async def begin(self, settings: FederationSettings = SETTINGS) -> None:
        """A process begins: nothing is in memory."""
        self.instance += 1
        self.destinations = Destinations(self.database, self.clock, settings.retry, lambda: 0.5)
        self.peers = Peers(self.destinations)
        around = Surroundings(
            ONE,
            self.database,
            self.clock,
            self.peers,
            self.destinations,
            self.rooms,
            OutgoingPdus(self.rooms),
            settings,
            partial(next, (f"i{self.instance}.{number}" for number in count())),
            lambda: 0.5,
        )
        self.outbox = Outbox(around, self.rooms)
        await self.destinations.load()
        await self.outbox.start()

    async def kill(self, settings: FederationSettings = SETTINGS) -> None:
        """The process is gone without a word, and another begins."""
        await self.outbox.stop()
        # What a dead process had begun to write is written or lost by the time another begins.
        await self.database.catch_up()
        await self.begin(settings)

    async def say(self, text: str, room_id: RoomID = ROOM) -> None:
        """An event of a local user is committed."""
        pdu: JSONObject = {**TEMPLATE.pdu, "content": {"body": text}, "room_id": room_id}
        event = evolve(TEMPLATE, event_id=EventID("$" + text), room_id=room_id, content={"body": text}, pdu=pdu)
        self.rooms.events[Position(self.database.head + 1)] = event
        await self.database.write(add_entry, EVENT, room_id)

    async def settle(self) -> None:
        """Whatever was begun has come to where it waits for a peer or the clock."""
        await at_rest()

    async def arrival(self) -> Sent:
        """The next transaction that a peer receives."""
        return await self.peers.arrived.get()

    async def deliver(self) -> Sent:
        """The same, confirmed."""
        sent = await self.arrival()
        sent.confirm()
        return sent

    def nothing_arrived(self) -> bool:
        return not self.peers.arrived.pending
