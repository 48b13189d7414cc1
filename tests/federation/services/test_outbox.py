"""Tests of federation/services/outbox.py and lane.py, on both databases."""

import json
from collections.abc import Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any

from attrs import define, evolve, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import Clock, deferLater

from federation.core.edus import Receipt, Typing, UserPresence
from federation.core.transactions import PduPlace
from federation.services.destinations import Destinations
from federation.services.lane import LIVE_MAX, Surroundings
from federation.services.outbox import Outbox, receipt_edus
from federation.services.outgoing_pdus import OutgoingPdus
from federation.services.ports import Outgoing
from federation.services.settings import FederationSettings, RetrySettings
from federation.store import outbox as stored
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName
from homeserver.core.log import ACCOUNT_DATA, EVENT, RECEIPT, LogEntry, Position
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.store.write import Write
from tests.builders import ALICE, a_room
from tests.databases import DatabaseCase, each_database

ONE, TWO, THREE = ServerName("one.example"), ServerName("two.example"), ServerName("three.example")
SETTINGS = FederationSettings(retry=RetrySettings(min_seconds=1, max_seconds=8), catch_up_after_seconds=60)
ROOM, OTHER_ROOM = RoomID("!room:one.example"), RoomID("!other:one.example")
TURNS_MAX = 20_000
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
        for _ in range(20):
            await self.database.write(add_entry, ACCOUNT_DATA, ALICE)
        for _ in range(TURNS_MAX):
            if len(self.outbox._running) <= self.peers.unanswered:
                return
            await deferLater(reactor, 0.001)
        raise AssertionError("the outbox never comes to rest")

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


@each_database
class OutboxTests(OutboxCase):
    """What other servers are told reaches them."""

    async def test_an_event_goes_to_each_server_of_its_room(self) -> None:
        """Once, and then nothing waits any more."""
        self.rooms.servers = {ONE, TWO, THREE}
        await self.say("hello")
        sent = [await self.deliver(), await self.deliver()]
        await self.settle()

        self.assertEqual({TWO, THREE}, {each.destination for each in sent})
        self.assertEqual([["hello"], ["hello"]], [each.texts for each in sent])
        self.assertEqual(ONE, sent[0].body["origin"])
        self.assertEqual(1_000_000_000, sent[0].body["origin_server_ts"])
        self.assertTrue(self.nothing_arrived())
        self.assertEqual([], await self.database.read(waiting))

    async def test_one_transaction_at_a_time(self) -> None:
        """What comes while one is under way waits for its end, and then goes together, 50 at most, in order."""
        await self.say("first")
        first = await self.arrival()
        texts = [f"{number}" for number in range(70)]
        for text in texts:
            await self.say(text)
        await self.settle()
        self.assertTrue(self.nothing_arrived())
        first.confirm()
        second = await self.deliver()
        third = await self.deliver()
        await self.settle()

        self.assertEqual((texts[:50], texts[50:]), (second.texts, third.texts))
        self.assertEqual(3, len({first.transaction_id, second.transaction_id, third.transaction_id}))
        self.assertEqual([], await self.database.read(waiting))

    async def test_a_slow_server_does_not_hold_up_others(self) -> None:
        """Each has a lane of its own."""
        self.rooms.servers = {ONE, TWO, THREE}
        await self.say("first")
        by_server = {each.destination: each for each in (await self.arrival(), await self.arrival())}
        by_server[TWO].confirm()
        await self.say("second")

        self.assertEqual((TWO, ["second"]), ((sent := await self.deliver()).destination, sent.texts))

    async def test_a_failed_transaction_is_the_same_when_tried_again(self) -> None:
        """Same ID, same time, same content; what came meanwhile follows in the next."""
        await self.say("first")
        failed = await self.arrival()
        failed.fail(PeerUnreachable(TWO, "gone"))
        await self.settle()
        await self.say("second")
        await self.settle()
        self.assertTrue(self.nothing_arrived())
        self.clock.advance(1)
        again = await self.deliver()
        following = await self.deliver()

        self.assertEqual((failed.transaction_id, failed.body), (again.transaction_id, again.body))
        self.assertEqual(["second"], following.texts)

    async def test_waits_grow_and_end_with_a_sign_of_life(self) -> None:
        """A server that is down is tried at growing intervals; when it speaks, at once."""
        self.peers.down.add(TWO)
        await self.say("first")
        await self.settle()
        tries = [len(self.peers.tried)]
        for seconds in (1, 2, 4, 8, 8):
            self.clock.advance(seconds - 0.01)
            await self.settle()
            tries.append(len(self.peers.tried))
            self.clock.advance(0.01)
            await self.settle()
            tries.append(len(self.peers.tried))
        self.assertEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6], tries)

        self.peers.down.clear()
        self.clock.advance(1)
        self.assertTrue(self.nothing_arrived())
        self.destinations.heard_from(TWO)
        self.assertEqual(["first"], (await self.deliver()).texts)

    async def test_a_kill_loses_nothing(self) -> None:
        """The transaction under way is sent again as it was, and what waited behind it follows."""
        await self.say("first")
        before = await self.arrival()
        await self.say("second")
        await self.say("third", OTHER_ROOM)
        await self.settle()
        await self.kill()
        again = await self.deliver()
        following = await self.deliver()
        await self.settle()

        self.assertEqual((before.transaction_id, before.body), (again.transaction_id, again.body))
        self.assertEqual(["second", "third"], following.texts)
        self.assertEqual([], await self.database.read(waiting))

    async def test_what_the_log_held_unread_is_sent_after_a_start(self) -> None:
        """A commit that the outbox never saw is in the log, and that is enough."""
        await self.outbox.stop()
        await self.say("unseen")
        await self.begin()

        self.assertEqual(["unseen"], (await self.deliver()).texts)

    async def test_a_long_outage_leaves_the_latest_event_of_each_room(self) -> None:
        """The rest is for the server to fetch; afterwards all is as before."""
        self.peers.down.add(TWO)
        await self.say("lost")
        await self.settle()
        self.clock.advance(61)
        for number in range(60):
            await self.say(f"a{number}")
            await self.say(f"b{number}", OTHER_ROOM)
        await self.settle()
        self.peers.down.clear()
        self.clock.advance(8)
        self.assertEqual(["lost"], (await self.deliver()).texts)
        self.assertEqual(["a59", "b59"], (await self.deliver()).texts)
        await self.settle()
        self.assertEqual([], await self.database.read(waiting))
        await self.say("now")
        self.assertEqual(["now"], (await self.deliver()).texts)

    async def test_a_short_outage_leaves_nothing_out(self) -> None:
        """Everything that was missed is sent, in order, however many rooms."""
        self.peers.down.add(TWO)
        await self.say("lost")
        await self.settle()
        texts = []
        for number in range(60):
            await self.say(f"a{number}")
            await self.say(f"b{number}", OTHER_ROOM)
            texts += [f"a{number}", f"b{number}"]
        await self.settle()
        self.peers.down.clear()
        self.clock.advance(2)
        received: list[str] = []
        while len(received) < 1 + len(texts):
            received += (await self.deliver()).texts

        self.assertCountEqual(["lost", *texts], received)
        for name in "ab":
            self.assertEqual(
                [text for text in texts if text[0] == name], [text for text in received if text[0] == name]
            )

    async def test_a_long_outage_is_remembered_over_a_restart(self) -> None:
        """How long a server was away does not depend on how long we were."""
        self.peers.down.add(TWO)
        await self.say("lost")
        await self.settle()
        for number in range(3):
            await self.say(f"a{number}")
        self.clock.advance(61)
        await self.kill()
        # What waits for its next attempt after the last failure, waits no longer than this.
        self.clock.advance(SETTINGS.retry.max_seconds)
        self.assertEqual(["lost"], (await self.deliver()).texts)
        self.assertEqual(["a2"], (await self.deliver()).texts)

    async def test_a_server_that_left_is_not_sent_what_came_later(self) -> None:
        """Also when it catches up: an event goes to who was in the room then."""
        self.peers.down.add(TWO)
        await self.say("before")
        await self.settle()
        self.rooms.servers = {ONE, THREE}
        await self.say("after")
        await self.deliver()
        self.peers.down.clear()
        self.clock.advance(8)
        sent = await self.deliver()
        await self.settle()

        self.assertEqual((TWO, ["before"]), (sent.destination, sent.texts))
        self.assertTrue(self.nothing_arrived())

    async def test_a_place_before_others_widens_what_waits(self) -> None:
        """Events may come to the outbox in another order than that in which they were stored."""
        for position in (5, 9, 3, 7):
            await self.database.write(stored.queue_pdu, TWO, PduPlace(ROOM, Position(position)))
        self.assertEqual([stored.WaitingRoom(ROOM, Position(3), Position(9))], await self.waiting_rooms())
        await self.database.write(stored.skip, TWO, [PduPlace(ROOM, Position(5))])
        self.assertEqual([stored.WaitingRoom(ROOM, Position(6), Position(9))], await self.waiting_rooms())
        await self.database.write(stored.skip, TWO, [PduPlace(ROOM, Position(9))])

        self.assertEqual([], await self.waiting_rooms())

    async def waiting_rooms(self) -> list[stored.WaitingRoom]:
        return await self.database.read(stored.rooms, TWO, 10)

    async def test_memory_is_bounded_for_a_slow_server(self) -> None:
        """What does not fit is read from the store again, and still nothing is left out or sent twice."""
        await self.say("first")
        first = await self.arrival()
        texts = [f"{number}" for number in range(LIVE_MAX + 20)]
        for text in texts:
            await self.say(text)
        await self.settle()
        lane = self.outbox._lanes[TWO]
        self.assertTrue(lane.behind)
        first.confirm()
        received: list[str] = []
        while len(received) < len(texts):
            received += (await self.deliver()).texts

        self.assertEqual(texts, received)

    async def test_refusals(self) -> None:
        """A faulty server is tried for ever; a transaction that is refused for good is dropped after some attempts."""
        await self.say("poison")
        statuses = [500] * 7 + [403] * 7 + [400] * 5
        for status in statuses:
            sent = await self.arrival()
            self.assertEqual(["poison"], sent.texts)
            sent.fail(PeerFault(TWO, status, "M_X"))
            await self.settle()
            self.clock.advance(8)
        await self.say("after")

        self.assertEqual(["after"], (await self.deliver()).texts)

    async def test_a_sign_of_life_also_ends_the_wait_after_refusals(self) -> None:
        """A server that refused while it started is tried again soon after it speaks."""
        await self.say("early")
        for _ in range(4):
            (await self.arrival()).fail(PeerFault(TWO, 401, "M_UNAUTHORIZED"))
            await self.settle()
            self.clock.advance(8)
        (await self.arrival()).fail(PeerFault(TWO, 401, "M_UNAUTHORIZED"))
        await self.settle()
        self.clock.advance(1)
        await self.settle()
        self.assertTrue(self.nothing_arrived())
        self.destinations.heard_from(TWO)

        self.assertEqual(["early"], (await self.deliver()).texts)

    async def test_events_of_rooms_of_our_own_go_nowhere(self) -> None:
        """And cost no lane."""
        self.rooms.servers = {ONE}
        await self.say("alone")
        await self.settle()

        self.assertTrue(self.nothing_arrived())
        self.assertEqual({}, self.outbox._lanes)

    async def test_random_failures_and_kills_lose_nothing(self) -> None:
        """Whatever fails, and whenever the process is killed, each server gets each event, those of a room in order."""
        random = Random(7)
        self.rooms.servers = {ONE, TWO, THREE}
        said: list[str] = []
        received: dict[ServerName, list[str]] = {TWO: [], THREE: []}
        settings = evolve(SETTINGS, catch_up_after_seconds=10**6)
        await self.kill(settings)
        for number in range(120):
            if number < 90:
                said.append(f"{number}")
                await self.say(said[-1], random.choice([ROOM, OTHER_ROOM]))
            if random.random() < 0.1:
                await self.kill(settings)
            await self.settle()
            while self.peers.arrived.pending:
                sent = await self.arrival()
                if number < 100 and random.random() < 0.3:
                    error = PeerUnreachable(sent.destination, "x") if random.random() < 0.5 else PeerFault("x", 502)
                    sent.fail(error)
                else:
                    received[sent.destination] += sent.texts
                    if number >= 100 or random.random() < 0.8:
                        sent.confirm()
                await self.settle()
            self.clock.advance(random.choice([0, 1, 8]) if number < 100 else 8)

        for server, texts in received.items():
            with self.subTest(server=server):
                self.assertEqual(said, sorted(set(texts), key=int))
                firsts = list(dict.fromkeys(texts))
                for room in (ROOM, OTHER_ROOM):
                    ours = [e.content["body"] for e in self.rooms.events.values() if e.room_id == room]
                    self.assertEqual(ours, [text for text in firsts if text in ours])
        self.assertEqual([], await self.database.read(waiting))


@each_database
class EduTests(OutboxCase):
    """EDUs, stored and not."""

    async def queue(self, body: str, subject: str | None = None) -> None:
        edu: JSONObject = {"edu_type": "m.x", "content": {"body": body}}
        await self.database.write(stored.queue_edu, (TWO,), edu, subject)

    def bodies(self, sent: Sent) -> list[str]:
        return [edu["content"]["body"] for edu in sent.edus]

    async def test_queued_edus_are_sent_in_order(self) -> None:
        """A hundred at a time, and over a restart."""
        self.peers.down.add(TWO)
        for number in range(130):
            await self.queue(str(number))
        await self.settle()
        await self.kill()
        self.clock.advance(8)
        received: list[str] = []
        while len(received) < 130:
            sent = await self.deliver()
            self.assertLessEqual(len(sent.edus), 100)
            received += self.bodies(sent)
        await self.settle()

        self.assertEqual([str(number) for number in range(130)], received)
        self.assertEqual([], await self.database.read(waiting))

    async def test_a_later_edu_takes_the_place_of_one_that_waits(self) -> None:
        """Only of the same subject, and only while it waits."""
        await self.queue("first", "a")
        first = await self.arrival()
        await self.queue("second", "a")
        await self.queue("third", "b")
        await self.queue("fourth", "a")
        await self.queue("fifth")
        await self.queue("sixth")
        await self.settle()
        first.confirm()

        self.assertEqual(["first"], self.bodies(first))
        self.assertEqual(["third", "fourth", "fifth", "sixth"], self.bodies(await self.deliver()))

    async def test_waiting_edus_are_bounded(self) -> None:
        """For a server that is away the oldest are dropped."""
        await self.kill(evolve(SETTINGS, queued_edus_max=100))
        self.peers.down.add(TWO)
        for number in range(350):
            await self.queue(str(number))
        await self.settle()
        for _ in range(3):
            self.clock.advance(8)
            await self.settle()
        self.peers.down.clear()
        self.clock.advance(8)
        under_way = self.bodies(await self.deliver())
        rest = self.bodies(await self.deliver())

        self.assertEqual("0", under_way[0])
        self.assertEqual([str(number) for number in range(250, 350)], rest)

    async def test_typing_goes_to_the_servers_of_the_room(self) -> None:
        """Only the last of a user in a room; not to one that is away; and it is not stored."""
        self.rooms.servers = {ONE, TWO, THREE}
        self.peers.down.add(THREE)
        await self.destinations.failed(THREE)
        await self.say("under way")
        under_way = await self.arrival()
        for typing in (True, False, True):
            await self.outbox.send_typing(Typing(ROOM, ALICE, typing))
        under_way.confirm()
        sent = await self.deliver()
        await self.settle()

        self.assertEqual((TWO, []), (sent.destination, sent.texts))
        self.assertEqual([("m.typing", True)], [(e["edu_type"], e["content"]["typing"]) for e in sent.edus])
        self.peers.down.clear()
        self.clock.advance(8)
        self.assertEqual((THREE, []), ((late := await self.deliver()).destination, late.edus))

    async def test_presence_is_sent_at_once(self) -> None:
        """To the servers that are named, but not to ourselves."""
        self.outbox.send_presence([ONE, TWO], UserPresence(ALICE, "online", 5))
        sent = await self.deliver()

        self.assertEqual(TWO, sent.destination)
        self.assertEqual("online", sent.edus[0]["content"]["push"][0]["presence"])

    async def test_receipts_are_read_from_the_log(self) -> None:
        """They go to the servers of the room, and survive a kill while their server is busy."""
        receipt = Receipt(ROOM, ALICE, EventID("$e"), 5)
        self.rooms.receipts[Position(self.database.head + 1)] = receipt
        await self.database.write(add_entry, RECEIPT, ROOM)
        first = await self.arrival()
        self.assertEqual("m.receipt", first.edus[0]["edu_type"])
        for event_id in ("$f", "$g"):
            self.rooms.receipts[Position(self.database.head + 1)] = evolve(receipt, event_id=EventID(event_id))
            await self.database.write(add_entry, RECEIPT, ROOM)
            await self.settle()
        await self.kill()
        again = await self.deliver()
        last = await self.deliver()

        self.assertEqual(first.body, again.body)
        [edu] = last.edus
        self.assertEqual(["$g"], edu["content"][ROOM]["m.read"][ALICE]["event_ids"])

    async def test_receipts_of_threads_do_not_overwrite_each_other(self) -> None:
        """One EDU holds one receipt for each user and room."""
        main = Receipt(ROOM, ALICE, EventID("$m"), 1, "main")
        thread = Receipt(ROOM, ALICE, EventID("$t"), 2, "$root")
        later = Receipt(ROOM, ALICE, EventID("$n"), 3, "main")

        edus: list[Any] = receipt_edus([main, thread, later])
        events = [edu["content"][ROOM]["m.read"][ALICE]["event_ids"] for edu in edus]
        self.assertEqual([["$n"], ["$t"]], events)
