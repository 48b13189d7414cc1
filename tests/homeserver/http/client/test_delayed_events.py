"""Events that clients schedule to be sent later."""

from typing import Any
from urllib.parse import quote

from homeserver.services.callers import Caller
from homeserver.services.delayed_events.settings import DelayedEventSettings
from homeserver.store import users
from tests.client import Response
from tests.databases import each_database
from tests.delayed import UNSTABLE, Delayed
from tests.room_api import V1, V3, RoomAPI, RoomAPICase, User
from tests.waiting import at_rest

HELLO = {"msgtype": "m.text", "body": "later"}


class DelayedEventCase(RoomAPICase):
    """``self.delayed`` is there, its timers run, and @alice has a room."""

    limits = DelayedEventSettings(delay_max_seconds=3600, scheduled_max=60)

    def extend(self, api: RoomAPI) -> None:
        self.delayed = Delayed(api, self.limits)
        self.delayed.serve()

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")
        await self.delayed.timers.start()
        self.addCleanup(self.stop)

    async def stop(self) -> None:
        await self.delayed.timers.stop()

    async def schedule(self, user: User, delay_ms: int = 5_000, txn: str = "t", **body: Any) -> Response:
        """What scheduling a message answers."""
        path = f"{V3}/rooms/{self.room_id}/delayed_event/{body.pop('type', 'm.room.message')}/{txn}"
        return await user.client.put(path, {"delay_ms": delay_ms, "content": HELLO, **body})

    async def delay_id(self, user: User, delay_ms: int = 5_000, txn: str = "t", **body: Any) -> str:
        """The ID of a message that is scheduled."""
        response = await self.schedule(user, delay_ms, txn, **body)
        self.assertEqual(200, response.status, response.body)
        return str(response.json["delay_id"])

    async def act(self, user: User, delay_id: str, action: str) -> Response:
        return await user.client.post(f"{V1}/delayed_events/{delay_id}/{action}", {})

    async def shown(self, user: User, delay_id: str) -> Any:
        return (await user.client.get(f"{V1}/delayed_events/{delay_id}")).json

    async def pass_seconds(self, seconds: float) -> None:
        """So much time passes, and what it sets off is done."""
        self.api.clock.advance(seconds)
        await at_rest()
        self.assertFalse(self.delayed.timers._running)


@each_database
class SchedulingTests(DelayedEventCase):
    async def test_an_event_is_sent_when_its_time_has_come(self) -> None:
        """Not before, once, and with the time of sending."""
        delay_id = await self.delay_id(self.alice)
        await self.pass_seconds(4.9)
        before = await self.alice.texts(self.room_id)
        await self.pass_seconds(0.1)
        after = await self.alice.texts(self.room_id)
        await self.pass_seconds(100)

        self.assertEqual(([], ["later"], ["later"]), (before, after, await self.alice.texts(self.room_id)))
        found = await self.shown(self.alice, delay_id)
        event = await self.alice.ok(self.alice.room(self.room_id, f"event/{found['event_id']}"))
        self.assertEqual(found["scheduled_at"] + 5_000, event["origin_server_ts"])
        self.assertEqual(found["scheduled_at"] + 5_000, found["finalised_ts"])
        self.assertNotIn("error", found)

    async def test_state_is_sent_too(self) -> None:
        """An empty state key is one."""
        await self.delay_id(self.alice, type="m.room.topic", state_key="", content={"topic": "lunch"})
        await self.pass_seconds(5)

        self.assertEqual("lunch", (await self.alice.state(self.room_id, "m.room.topic")).json["topic"])

    async def test_state_that_is_there_already_finalises(self) -> None:
        """Nothing is sent twice; the event that says the same is the answer."""
        topic = await self.alice.ok(self.alice.set_state(self.room_id, "m.room.topic", {"topic": "lunch"}))
        delay_id = await self.delay_id(self.alice, type="m.room.topic", state_key="", content={"topic": "lunch"})
        await self.pass_seconds(5)

        self.assertEqual(topic["event_id"], (await self.shown(self.alice, delay_id))["event_id"])

    async def test_the_same_request_again_schedules_nothing(self) -> None:
        """Spec: client-server-api#transaction-identifiers"""
        first, again = await self.delay_id(self.alice), await self.delay_id(self.alice)
        other = await self.delay_id(self.alice, txn="u")

        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    async def test_bad_requests_are_refused(self) -> None:
        """With the spec's errors, and nothing is scheduled."""
        for body, code in (
            ({"delay_ms": 0}, "M_INVALID_PARAM"),
            ({"delay_ms": -5}, "M_INVALID_PARAM"),
            ({"delay_ms": "5"}, "M_BAD_JSON"),
            ({"content": []}, "M_BAD_JSON"),
            ({"state_key": 5}, "M_BAD_JSON"),
        ):
            with self.subTest(body=body):
                whole: Any = {"delay_ms": 5_000, **body}
                response = await self.schedule(self.alice, **whole)
                self.assert_refused(400, code, response)
        self.assert_refused(403, "M_FORBIDDEN", await self.schedule(self.alice, 3_600_001))
        self.assert_refused(413, "M_TOO_LARGE", await self.schedule(self.alice, content={"body": "x" * 70_000}))
        self.assertEqual([], (await self.alice.client.get(f"{V1}/delayed_events")).json["delayed_events"])

    async def test_a_user_has_only_so_many(self) -> None:
        """The answer says when the first of them is sent; other users are not concerned."""
        for number in range(60):
            await self.delay_id(self.alice, 8_000, txn=str(number))
        response = await self.schedule(self.alice, txn="more")

        self.assert_refused(429, "M_LIMIT_EXCEEDED", response)
        self.assertEqual("8", response.headers["retry-after"])
        self.assertEqual(200, (await self.schedule(self.bob)).status)

    async def test_guests_may_schedule(self) -> None:
        """They take part in calls."""
        guest = await self.api.user("guest", is_guest=True)

        delay_id = await self.delay_id(guest)
        self.assertEqual(200, (await self.act(guest, delay_id, "restart")).status)
        self.assertEqual("m.room.message", (await self.shown(guest, delay_id))["type"])


@each_database
class ManagingTests(DelayedEventCase):
    async def test_restarting_puts_off(self) -> None:
        """By the whole delay, from now on."""
        delay_id = await self.delay_id(self.alice)
        for _ in range(3):
            await self.pass_seconds(4)
            self.assertEqual(200, (await self.act(self.alice, delay_id, "restart")).status)
        shown = await self.shown(self.alice, delay_id)
        self.assertEqual([], await self.alice.texts(self.room_id))
        await self.pass_seconds(5)

        self.assertEqual(["later"], await self.alice.texts(self.room_id))
        self.assertEqual(1_700_000_012_000, shown["scheduled_at"])
        self.assert_refused(404, "M_NOT_FOUND", await self.act(self.alice, delay_id, "restart"))

    async def test_what_is_canceled_is_never_sent(self) -> None:
        """Canceling it again is no mistake; anything else is."""
        delay_id = await self.delay_id(self.alice)
        self.assertEqual([200, 200], [(await self.act(self.alice, delay_id, "cancel")).status for _ in range(2)])
        await self.pass_seconds(20)

        self.assertEqual([], await self.alice.texts(self.room_id))
        shown = await self.shown(self.alice, delay_id)
        self.assertIn("finalised_ts", shown)
        self.assertFalse({"event_id", "error"} & shown.keys())
        self.assert_refused(409, "M_UNKNOWN", await self.act(self.alice, delay_id, "send"))
        self.assert_refused(409, "M_UNKNOWN", await self.act(self.alice, delay_id, "restart"))

    async def test_what_is_sent_at_once_is_sent_once(self) -> None:
        """Sending it again is no mistake; canceling it is."""
        delay_id = await self.delay_id(self.alice)
        await self.pass_seconds(1)
        self.assertEqual([200, 200], [(await self.act(self.alice, delay_id, "send")).status for _ in range(2)])
        await self.pass_seconds(20)

        self.assertEqual(["later"], await self.alice.texts(self.room_id))
        shown = await self.shown(self.alice, delay_id)
        self.assertLess(shown["finalised_ts"], shown["scheduled_at"] + shown["delay_ms"])
        self.assert_refused(409, "M_UNKNOWN", await self.act(self.alice, delay_id, "cancel"))

    async def test_what_cannot_be_sent_now_stays(self) -> None:
        """The error is that of sending, and the event is sent at its time when it may be by then."""
        delay_id = await self.delay_id(self.bob)
        self.assert_refused(403, "M_FORBIDDEN", await self.act(self.bob, delay_id, "send"))
        await self.bob.join(self.room_id)
        await self.pass_seconds(5)

        self.assertEqual(["later"], await self.alice.texts(self.room_id))

    async def test_what_cannot_be_sent_at_its_time_is_over(self) -> None:
        """Its error can be looked up, and it is not tried again."""
        delay_id = await self.delay_id(self.bob)
        await self.pass_seconds(5)
        await self.bob.join(self.room_id)
        await self.pass_seconds(20)

        self.assertEqual([], await self.alice.texts(self.room_id))
        self.assertEqual("M_FORBIDDEN", (await self.shown(self.bob, delay_id))["error"]["errcode"])
        self.assertEqual(200, (await self.act(self.bob, delay_id, "cancel")).status)

    async def test_nobody_else_finds_it(self) -> None:
        """Neither to look at nor to act on."""
        delay_id = await self.delay_id(self.alice)

        self.assert_refused(404, "M_NOT_FOUND", await self.bob.client.get(f"{V1}/delayed_events/{delay_id}"))
        for action in ("send", "cancel", "restart"):
            self.assert_refused(404, "M_NOT_FOUND", await self.act(self.bob, delay_id, action))
            self.assert_refused(404, "M_NOT_FOUND", await self.act(self.alice, "nothing", action))
        self.assert_refused(400, "M_INVALID_PARAM", await self.act(self.alice, delay_id, "explode"))
        response = await self.api.stranger.post(f"{V1}/delayed_events/{delay_id}/cancel", {})
        self.assert_refused(401, "M_MISSING_TOKEN", response)

    async def test_the_list_is_of_what_is_still_to_be_sent(self) -> None:
        """In the order of sending."""
        last, first = await self.delay_id(self.alice, 9_000, "a"), await self.delay_id(self.alice, 7_000, "b")
        done = await self.delay_id(self.alice, 8_000, "c")
        await self.act(self.alice, done, "send")
        await self.delay_id(self.bob)
        listed = (await self.alice.client.get(f"{V1}/delayed_events")).json["delayed_events"]

        self.assertEqual([first, last], [each["delay_id"] for each in listed])
        self.assertEqual(
            {"delay_id", "room_id", "type", "delay_ms", "scheduled_at", "content", "delay", "running_since"},
            listed[0].keys(),
        )

    async def test_the_sender_is_told_the_delay_id(self) -> None:
        """At each device, and nobody else."""
        await self.bob.join(self.room_id)
        delay_id = await self.delay_id(self.alice)
        await self.pass_seconds(5)
        event_id = (await self.shown(self.alice, delay_id))["event_id"]
        path = f"event/{quote(event_id)}"
        own, other = [
            (await user.ok(user.room(self.room_id, path)))["unsigned"] for user in (self.alice.other_device, self.bob)
        ]

        self.assertEqual(delay_id, own["org.matrix.msc4140.delay_id"])
        self.assertNotIn("org.matrix.msc4140.delay_id", other)
        self.assertNotIn("transaction_id", own)


class EarlierTextTests(DelayedEventCase):
    """What clients do that follow earlier texts of the proposal."""

    async def test_a_parameter_of_sending_schedules(self) -> None:
        """Messages and state, under both names."""
        answers = []
        for name in ("delay", "org.matrix.msc4140.delay"):
            path = f"{V3}/rooms/{self.room_id}/send/m.room.message/{name}"
            answers.append(await self.alice.client.put(f"{path}?{name}=5000&x=org.matrix.msc4140.delay", HELLO))
        path = f"{V3}/rooms/{self.room_id}/state/m.room.topic/"
        answers.append(await self.alice.client.put(path, {"topic": "lunch"}, **{"org.matrix.msc4140.delay": 5000}))
        self.assertEqual([["delay_id"]] * 3, [list(answer.json) for answer in answers])
        await self.pass_seconds(5)

        self.assertEqual(["later", "later"], await self.alice.texts(self.room_id))
        self.assertEqual("lunch", (await self.alice.state(self.room_id, "m.room.topic")).json["topic"])

    async def test_too_long_a_delay_says_how_long_it_may_be(self) -> None:
        """So that clients shorten it."""
        path = f"{V3}/rooms/{self.room_id}/send/m.room.message/t"
        response = await self.alice.client.put(path, HELLO, **{"org.matrix.msc4140.delay": 3_600_001})

        self.assert_refused(400, "M_UNKNOWN", response)
        self.assertEqual("M_MAX_DELAY_EXCEEDED", response.json["org.matrix.msc4140.errcode"])
        self.assertEqual(3_600_000, response.json["org.matrix.msc4140.max_delay"])
        for bad in ("x", "", "1.5", "0"):
            response = await self.alice.client.put(path, HELLO, **{"org.matrix.msc4140.delay": bad})
            self.assert_refused(400, "M_INVALID_PARAM", response)

    async def test_the_action_may_be_in_the_body(self) -> None:
        """As an earlier text of the proposal has it."""
        delay_id = await self.delay_id(self.alice)
        path = f"{UNSTABLE}/delayed_events/{delay_id}"
        statuses = [
            (await self.alice.client.post(path, {"action": "restart"})).status,
            (await self.alice.client.post(path, {"action": "send"})).status,
        ]

        self.assertEqual([200, 200], statuses)
        self.assertEqual(["later"], await self.alice.texts(self.room_id))
        self.assert_refused(400, "M_BAD_JSON", await self.alice.client.post(path, {"action": "explode"}))
        self.assert_refused(404, "M_NOT_FOUND", await self.bob.client.post(path, {"action": "send"}))

    async def test_to_know_the_id_is_not_enough(self) -> None:
        """Every endpoint wants the token of whoever scheduled the event, under either path."""
        delay_id = await self.delay_id(self.alice)
        stranger, item = self.api.stranger, f"delayed_events/{delay_id}"
        answers = [await stranger.post(f"{UNSTABLE}/{item}", {"action": "send"})]
        for prefix in (UNSTABLE, V1):
            answers += [
                await stranger.post(f"{prefix}/{item}/{action}", {}) for action in ("restart", "send", "cancel")
            ]
            answers.append(await stranger.get(f"{prefix}/{item}"))

        for answer in answers:
            self.assert_refused(401, "M_MISSING_TOKEN", answer)
        self.assertEqual([], await self.alice.texts(self.room_id))

    async def test_the_unstable_paths_are_the_same(self) -> None:
        """Scheduling, listing and looking up."""
        path = f"{UNSTABLE}/rooms/{self.room_id}/delayed_event/m.room.message/t"
        delay_id = (await self.alice.client.put(path, {"delay_ms": 5_000, "content": HELLO})).json["delay_id"]
        listed = (await self.alice.client.get(f"{UNSTABLE}/delayed_events")).json["delayed_events"]

        self.assertEqual([delay_id], [each["delay_id"] for each in listed])
        self.assertEqual(listed[0], (await self.alice.client.get(f"{UNSTABLE}/delayed_events/{delay_id}")).json)


@each_database
class OutageTests(DelayedEventCase):
    async def test_what_was_due_while_nobody_was_there_is_sent_in_its_order(self) -> None:
        """At once when somebody is there again."""
        await self.stop()
        for delay_ms, body in ((3_000, "third"), (1_000, "first"), (2_000, "second")):
            await self.delay_id(self.alice, delay_ms, body, content={"msgtype": "m.text", "body": body})
        self.api.clock.advance(60)
        await self._another_process()

        self.assertEqual(["first", "second", "third"], await self.alice.texts(self.room_id))

    async def test_what_is_due_later_is_sent_by_whoever_is_there_then(self) -> None:
        """After a restart too."""
        await self.delay_id(self.alice, 30_000)
        await self.stop()
        await self._another_process()
        await self.pass_seconds(25)
        self.assertEqual([], await self.alice.texts(self.room_id))
        await self.pass_seconds(6)

        self.assertEqual(["later"], await self.alice.texts(self.room_id))

    async def test_two_that_send_the_same_send_it_once(self) -> None:
        """Whoever is first; for the other it is done."""
        delay_id = await self.delay_id(self.alice)
        event = await self.delayed.events.one(delay_id, self.alice.user_id)
        results = [self.delayed.events.send(delay_id, self.alice.user_id) for _ in range(4)]
        for result in results:
            await result
        self.delayed.events.dues.set(delay_id, 0)
        await self.pass_seconds(10)

        self.assertEqual(["later"], await self.alice.texts(self.room_id))
        self.assertIsNotNone(event.send_at_ms)

    async def test_an_event_is_sent_and_finalised_or_neither(self) -> None:
        """What another process has just canceled is not in the room, and the room goes on."""
        from homeserver.services.delayed_events.service import NotScheduled

        delay_id = await self.delay_id(self.alice)
        stale = await self.delayed.events.one(delay_id, self.alice.user_id)
        await self.act(self.alice, delay_id, "cancel")
        with self.assertRaises(NotScheduled):
            await self.delayed.events.deliver(stale)
        await self.alice.say(self.room_id, "hello")

        self.assertEqual(["hello"], await self.alice.texts(self.room_id))

    async def test_a_locked_account_sends_nothing(self) -> None:
        """Nor does one that is suspended."""
        delay_id = await self.delay_id(self.alice)
        await self.api.database.write(lambda tx: users.set_suspended(tx, self.alice.user_id, suspended=True))
        await self.pass_seconds(5)

        self.assertEqual("M_FORBIDDEN", (await self.shown(self.alice, delay_id))["error"]["errcode"])

    async def _another_process(self) -> None:
        self.delayed = Delayed(self.api, self.limits)
        await self.delayed.timers.start()
        await self.pass_seconds(0)


class LimitTests(DelayedEventCase):
    limits = DelayedEventSettings(finalised_kept=3, finalised_kept_days=1)

    async def test_a_flood_at_one_moment_is_limited(self) -> None:
        """What is past the rate is not sent, and says why."""
        ids = [await self.delay_id(self.alice, 5_000, str(number)) for number in range(60)]
        self.delayed.events.settings = DelayedEventSettings()
        await self.pass_seconds(5)
        errors = [(await self.shown(self.alice, delay_id)).get("error", {}).get("errcode") for delay_id in ids]

        self.assertEqual(50, len(await self.alice.texts(self.room_id)))
        self.assertEqual(10, errors.count("M_LIMIT_EXCEEDED"))

    async def test_few_that_are_over_are_remembered(self) -> None:
        """The last of each user's, and these not for long."""
        ids = []
        for number in range(6):
            ids.append(await self.delay_id(self.alice, 5_000, str(number)))
            self.api.clock.advance(0.01)
            await self.act(self.alice, ids[-1], "cancel")
        kept = [delay_id for delay_id in ids if "room_id" in await self.shown(self.alice, delay_id)]
        await self.pass_seconds(86_400)
        await self.pass_seconds(3_700)

        self.assertEqual(ids[-3:], kept)
        self.assertEqual("M_NOT_FOUND", (await self.shown(self.alice, ids[-1]))["errcode"])


class ClosedTests(DelayedEventCase):
    limits = DelayedEventSettings(scheduled_max=0)

    async def test_nobody_schedules_where_nobody_may(self) -> None:
        """That is forbidden, and no matter of waiting."""
        self.assert_refused(403, "M_FORBIDDEN", await self.schedule(self.alice))


class AppserviceTests(DelayedEventCase):
    async def test_an_application_service_says_the_time(self) -> None:
        """Of the event, not of its sending; others do not."""
        self.api.tokens.callers["alice"] = Caller(self.alice.user_id, None, appservice_id="bridge")
        delay_id = await self._scheduled_at(self.alice, 12_345)
        await self.bob.join(self.room_id)
        ordinary = await self._scheduled_at(self.bob, 12_345)
        await self.pass_seconds(5)
        times = []
        for user, each in ((self.alice, delay_id), (self.bob, ordinary)):
            event_id = (await self.shown(user, each))["event_id"]
            times.append((await self.bob.ok(self.bob.room(self.room_id, f"event/{event_id}")))["origin_server_ts"])

        self.assertEqual([12_345, 1_700_000_005_000], times)

    async def _scheduled_at(self, user: User, ts: int) -> str:
        path = f"{V3}/rooms/{self.room_id}/delayed_event/m.room.message/t?ts={ts}"
        return str((await user.client.put(path, {"delay_ms": 5_000, "content": HELLO})).json["delay_id"])
