"""Tests of homeserver/services/pushing/lane.py and lease.py: gateways fail, processes end, and nothing is lost."""

from homeserver.core.push_rules.rules import parse_rule
from homeserver.services.pushing.service import LEASE_MS
from homeserver.store import cursors, pushers
from tests.builders import ALICE, DAVE
from tests.databases import each_database
from tests.pushing import ERIN, FakeGateway, PushCase
from tests.waiting import at_rest


@each_database
class FailingGatewayTests(PushCase):
    async def test_tried_again_in_order(self) -> None:
        """At growing intervals; then everything comes, in its order."""
        self.gateway.unreachable = True
        first, second = await self.say("one"), await self.say("two")
        self.assertEqual(1, self.gateway.tried)
        await self.pass_time(1)
        self.assertEqual(2, self.gateway.tried)
        await self.pass_time(1.5)
        self.assertEqual(2, self.gateway.tried)
        await self.pass_time(0.5)
        self.assertEqual(3, self.gateway.tried)
        self.gateway.unreachable = False
        await self.pass_time(8)

        self.assertEqual([first, second], self.gateway.events)
        self.assertIsNone((await self.database.read(pushers.of_user, ALICE))[0].failing_since_ms)

    async def test_given_up_after_a_time(self) -> None:
        """What waited so long is skipped, what comes later is not."""
        self.gateway.unreachable = True
        await self.say("lost")
        await self.pass_time(80)
        self.gateway.unreachable = False
        await self.pass_time(20)
        self.assertEqual([], self.gateway.events)
        event_id = await self.say("later")
        await self.pass_time(20)

        self.assertEqual([event_id], self.gateway.events)

    async def test_one_that_fails_holds_nobody_up(self) -> None:
        """Another user's pusher goes on, also over a restart, and nothing is told twice."""
        await self.push.set_pusher(ERIN, "erins")
        self.gateway.fails = 10**6
        waiting = await self.say("one")
        self.gateway.fails = 0
        later = await self.say("two")
        await self.pass_time(0.5)
        told = [(each["event_id"], each["devices"][0]["pushkey"]) for each in self.gateway.notices]
        self.assertEqual([], told)
        await self.pass_time(10)
        told = [(each["event_id"], each["devices"][0]["pushkey"]) for each in self.gateway.notices]

        self.assertEqual({(event, key) for event in (waiting, later) for key in ("key", "erins")}, set(told))
        self.assertEqual(4, len(told))

    async def test_more_than_fits_into_memory(self) -> None:
        """Is found in the log again."""
        self.gateway.unreachable = True
        events = [await self.sync.say(self.room_id, DAVE, str(number)) for number in range(130)]
        await at_rest()
        self.gateway.unreachable = False
        await self.pass_time(10)

        self.assertEqual(events, self.gateway.events)

    async def test_set_again_it_is_tried_at_once(self) -> None:
        """With what is new about it."""
        self.gateway.unreachable = True
        event_id = await self.say()
        await self.pass_time(20)
        self.gateway.unreachable = False
        await self.push.set_pusher(ALICE, color="blue")
        await at_rest()

        self.assertEqual([event_id], self.gateway.events)
        self.assertEqual({"color": "blue"}, self.gateway.notices[0]["devices"][0]["data"])


@each_database
class RestartTests(PushCase):
    async def test_what_waits_survives(self) -> None:
        """A failing gateway is told after a restart, in order, of what came before and during it."""
        self.gateway.unreachable = True
        first = await self.say("one")
        await self.pass_time(2)
        await self.push.pushing.stop()
        second = await self.sync.say(self.room_id, DAVE, "two")
        self.gateway.unreachable = False
        await self.restarted()

        self.assertEqual([first, second], self.gateway.events)

    async def test_what_came_while_nobody_pushed_has_the_rules_of_then(self) -> None:
        """A room that is silenced only later is heard, and one that is heard only later is silent."""
        await self.push.pushing.stop()
        first = await self.sync.say(self.room_id, DAVE, "one")
        rule = parse_rule("room", self.room_id, {"actions": []})
        await self.sync.push_rules.add(ALICE, rule, before=None, after=None)
        await self.sync.say(self.room_id, DAVE, "silenced")
        await self.sync.push_rules.delete(ALICE, "room", self.room_id)
        last = await self.sync.say(self.room_id, DAVE, "two")
        await self.restarted()

        self.assertEqual([first, last], self.gateway.events)

    async def test_what_came_while_nobody_pushed_is_pushed(self) -> None:
        """The log is read on from where it was, and what was told is not told again."""
        first = await self.say("one")
        await self.push.pushing.stop()
        second = await self.sync.say(self.room_id, DAVE, "two")
        await self.restarted()

        self.assertEqual([first, second], self.gateway.events)

    async def test_a_crash_loses_nothing(self) -> None:
        """A process that ends without a word is followed once its lease is over."""
        await self.say("zero")
        await self.pass_time(2)
        # From here on it does nothing any more, and gives nothing up.
        self.push.pushing._started = False
        event_id = await self.sync.say(self.room_id, DAVE, "one")
        again = await self.restarted(FakeGateway())
        self.assertEqual([], again.gateway.events)
        await self.pass_time(LEASE_MS / 1000 + 10, again)

        self.assertEqual([event_id], again.gateway.events)

    async def test_two_processes_push_once(self) -> None:
        """The one without the lease stands by."""
        other = await self.restarted()
        # Both follow one log here, as they do on one database.
        events = [await self.say("one"), await self.say("two")]
        await at_rest()
        await self.pass_time(6, other)
        await self.pass_time(6)

        self.assertEqual(events, self.gateway.events)

    async def test_the_place_is_stored_with_the_work(self) -> None:
        """Not for every event, but soon; and never beyond what waits."""
        await self.say("one")
        await self.pass_time(2)
        stored = await self.database.read(cursors.position_of, "push")

        self.assertEqual(self.push.tail.head, stored)
