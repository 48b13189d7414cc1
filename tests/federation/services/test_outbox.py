"""Tests of federation/services/outbox.py and lane.py, on both databases."""

from random import Random

from attrs import evolve

from federation.core.transactions import PduPlace
from federation.services.lane import LIVE_MAX
from federation.store import outbox as stored
from homeserver.core.identifiers import ServerName
from homeserver.core.log import Position
from homeserver.services.ports import PeerFault, PeerUnreachable
from tests.databases import each_database
from tests.federation.outboxes import ONE, OTHER_ROOM, ROOM, SETTINGS, THREE, TWO, OutboxCase, waiting
from tests.waiting import until


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

    async def test_many_destinations_begin_in_turns(self) -> None:
        """What waits for many at a start is begun a few at a time, and for none forgotten."""
        many = {ServerName(f"s{number}.example") for number in range(12)}
        self.rooms.servers = {ONE, *many}
        await self.say("to all")
        await self.settle()
        await self.kill()
        await self.settle()
        begun = len(self.peers.tried)
        await until(lambda: len(self.peers.tried) == len(many), "all begin", clock=self.clock, step=0)

        self.assertLess(begun, len(many))
        self.assertEqual(many, {destination for destination, _ in self.peers.tried})

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
            await self.database.write(stored.queue_pdus, TWO, ROOM, Position(position), Position(position))
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
