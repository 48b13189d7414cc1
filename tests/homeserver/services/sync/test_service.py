"""Tests of homeserver.services.sync.service: waiting, waking, and syncs that follow one another."""

import random
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.services.presence import PresenceSettings
from homeserver.services.sync.settings import SyncSettings
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.syncing import Follower, SyncServices
from tests.waiting import at_rest

ERIN = UserID("@erin:one.example")
USERS = (ALICE, DAVE, ERIN)
SILENT = PresenceSettings(enabled=False)


@each_database
class WaitingTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database, presence=SILENT)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)
        self.since = (await self.services.sync(ALICE))["next_batch"]

    async def settled(self, waiting: "Deferred[Any]") -> Any:
        """What a sync that was woken answers."""
        await self.services.turn()
        return await waiting

    async def test_a_sync_waits_for_news(self) -> None:
        """It answers when something is said, with what was said."""
        waiting = self.services.start(ALICE, self.since, timeout_ms=30_000)
        await at_rest()
        self.assertNoResult(waiting)
        sent = await self.services.say(self.room_id, DAVE)

        answer = await self.settled(waiting)

        timeline = answer["rooms"]["join"][self.room_id]["timeline"]
        self.assertEqual([sent], [event["event_id"] for event in timeline["events"]])

    async def test_a_sync_without_news_ends_in_time(self) -> None:
        """When the timeout is over it answers with nothing, and a token that is good."""
        waiting = self.services.start(ALICE, self.since, timeout_ms=30_000)
        await at_rest()
        self.services.clock.advance(29)
        await at_rest()
        self.assertNoResult(waiting)
        self.services.clock.advance(2)

        answer = await waiting

        self.assertEqual({"next_batch"}, answer.keys())

    async def test_without_a_timeout_nothing_waits(self) -> None:
        """A sync with timeout 0 answers at once."""
        answer = await self.services.sync(ALICE, self.since)

        self.assertEqual({"next_batch"}, answer.keys())

    async def test_a_timeout_has_a_bound(self) -> None:
        """However long a client wants to wait, the settings say when it is over."""
        services = SyncServices(self.database, SyncSettings(timeout_max_seconds=60), SILENT, rooms=self.services.rooms)
        waiting = services.start(ALICE, self.since, timeout_ms=10**9)
        await at_rest()
        services.clock.advance(61)

        self.assertEqual({"next_batch"}, (await waiting).keys())

    async def test_what_happens_elsewhere_wakes_nobody(self) -> None:
        """Only rooms that the user is in matter."""
        waiting = self.services.start(ALICE, self.since, timeout_ms=30_000)
        other = await self.services.new_room(DAVE)
        await self.services.say(other, DAVE)
        await self.services.turn()

        self.assertNoResult(waiting)
        self.services.clock.advance(31)
        await waiting

    async def test_what_the_filter_hides_ends_no_wait(self) -> None:
        """An event that the client does not want is passed over, and what comes after it is not."""
        wants = {"room": {"timeline": {"not_types": ["m.room.message"]}, "ephemeral": {"not_types": ["*"]}}}
        waiting = self.services.start(ALICE, self.since, filter=wants, timeout_ms=30_000)
        await self.services.say(self.room_id, DAVE)
        await self.services.turn()
        self.assertNoResult(waiting)
        name = await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "Moot"})

        answer = await self.settled(waiting)

        timeline = answer["rooms"]["join"][self.room_id]["timeline"]
        self.assertEqual([name], [event["event_id"] for event in timeline["events"]])

    async def test_a_join_and_what_follows_wakes(self) -> None:
        """Who waits, is joined to a room and waits on, hears what is said there."""
        follower = Follower(self.services, ERIN)
        await follower.sync()
        waiting = self.services.start(ERIN, follower.since, timeout_ms=30_000)
        await self.services.join(self.room_id, ERIN)
        follower.take(await self.settled(waiting))
        waiting = self.services.start(ERIN, follower.since, timeout_ms=30_000)
        await at_rest()
        self.assertNoResult(waiting)
        sent = await self.services.say(self.room_id, DAVE)

        follower.take(await self.settled(waiting))

        self.assertEqual(sent, follower.timelines[self.room_id][-1])

    async def test_many_wait_for_the_same(self) -> None:
        """All fifty that wait get the message."""
        users = [UserID(f"@user{number}:one.example") for number in range(50)]
        await self.services.join(self.room_id, *users)
        tokens = [(await self.services.sync(user))["next_batch"] for user in users]
        waiting = [
            self.services.start(user, token, timeout_ms=30_000) for user, token in zip(users, tokens, strict=True)
        ]
        sent = await self.services.say(self.room_id, DAVE)
        await self.services.turn()

        answers = await gatherResults(waiting)

        for answer in answers:
            timeline = answer["rooms"]["join"][self.room_id]["timeline"]
            self.assertEqual([sent], [event["event_id"] for event in timeline["events"]])

    async def test_a_client_that_leaves_leaves_nothing(self) -> None:
        """A cancelled sync listens no more."""
        waiting = self.services.start(ALICE, self.since, timeout_ms=30_000)
        waiting.addErrback(lambda failure: None)
        waiting.cancel()

        self.assertEqual([], list(self.services.wakeups.waiting()))


@each_database
class FollowingTests(DatabaseCase):
    """Properties of syncs that follow one another, on rooms where everything happens."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database, presence=SILENT)

    async def test_following_is_as_good_as_starting_afresh(self) -> None:
        """
        Whatever happens, who follows with small steps ends with the timeline and the state that a first sync gives.

        With limited timelines too, and with ``state_after``.
        """
        for seed in range(4):
            chance = random.Random(seed)
            rooms = [await self.services.new_room(ALICE, preset="public_chat") for _ in range(3)]
            followers = [
                Follower(self.services, user, {"room": {"timeline": {"limit": limit}}}, more={"state_after": after})
                for user in USERS
                for limit, after in ((100, False), (2, False), (2, True))
            ]
            for _ in range(60):
                await self._happen(chance, rooms)
                if chance.random() < 0.3:
                    await chance.choice(followers).sync()
            for follower in followers:
                await self._check(follower, set(rooms))

    async def _happen(self, chance: random.Random, rooms: list[RoomID]) -> None:
        room_id, user_id = chance.choice(rooms), chance.choice(USERS)
        is_in = room_id in (await self.services.memberships.of(user_id)).joined
        if not is_in:
            await self.services.join(room_id, user_id)
        elif chance.random() < 0.15 and user_id != ALICE:
            await self.services.member(room_id, user_id, "leave")
        elif chance.random() < 0.3:
            await self.services.set_state(
                room_id, ALICE, f"org.example.{chance.randrange(3)}", {"n": chance.randrange(10**6)}
            )
        else:
            await self.services.say(room_id, user_id, str(chance.random()))

    async def _check(self, follower: Follower, rooms: set[RoomID]) -> None:
        await follower.sync()
        afresh = Follower(self.services, follower.user_id, {"room": {"timeline": {"limit": 100}}}, more=follower.more)
        await afresh.sync()
        joined = (await self.services.memberships.of(follower.user_id)).joined.keys() & rooms
        self.assertEqual(joined, (follower.timelines.keys() - follower.left) & rooms)
        for room_id in joined:
            self.assertEqual(afresh.states[room_id], follower.states[room_id])
            seen, all_there_is = follower.timelines[room_id], afresh.timelines[room_id]
            if seen:
                self.assertEqual(all_there_is[-len(seen) :], seen)
            if room_id not in follower.gaps and follower.filter == {"room": {"timeline": {"limit": 100}}}:
                self.assertEqual(all_there_is, seen)

    async def test_who_loads_members_lazily_knows_everyone_who_speaks(self) -> None:
        """Whatever happens, the membership of every sender in a timeline is known when the event comes."""
        chance = random.Random(7)
        rooms = [await self.services.new_room(ALICE, preset="public_chat") for _ in range(2)]
        lazy = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 3}}}
        followers = [
            Follower(self.services, user, lazy, more={"state_after": after})
            for user in USERS
            for after in (False, True)
        ]
        for _ in range(120):
            await self._happen(chance, rooms)
            follower = chance.choice(followers)
            answer = await follower.sync()
            for room_id, room in answer.get("rooms", {}).get("join", {}).items():
                for event in room["timeline"]["events"]:
                    self.assertIn(("m.room.member", event["sender"]), follower.states[room_id])

    async def test_nothing_comes_twice_and_nothing_is_missed_under_concurrent_sends(self) -> None:
        """Who syncs while many send at once gets every event once, in the order of the room."""
        room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(room_id, DAVE, ERIN)
        everything = {"room": {"timeline": {"limit": 500}}}
        followers = [Follower(self.services, user, everything) for user in USERS]
        for follower in followers:
            await follower.sync()
        sends: list[Deferred[EventID]] = []
        for burst in range(10):
            for user in USERS:
                sends += [ensureDeferred(self.services.say(room_id, user, f"{burst} {n}")) for n in range(3)]
            await followers[burst % 3].sync()
        sent = await gatherResults(sends)
        for follower in followers:
            await follower.sync()

        self.assertLessEqual(set(sent), set(followers[0].timelines[room_id]))
        self.assertEqual(followers[0].timelines, followers[1].timelines)
        self.assertEqual(followers[0].timelines, followers[2].timelines)
        self.assertEqual([], followers[0].gaps)

    async def test_a_token_outlives_a_restart(self) -> None:
        """Another process, which has nothing in memory, goes on from a token of the first."""
        room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(room_id, DAVE)
        first = await self.services.sync(ALICE)
        sent = await self.services.say(room_id, DAVE)
        name = await self.services.set_state(room_id, ALICE, "m.room.name", {"name": "Moot"})
        await self.database.close()
        self.database = self.open()

        again = SyncServices(self.database, presence=SILENT)
        again.clock.advance(3600)
        answer = await again.sync(ALICE, first["next_batch"])
        after = await again.sync(ALICE, answer["next_batch"])

        timeline = answer["rooms"]["join"][room_id]["timeline"]
        self.assertEqual([sent, name], [event["event_id"] for event in timeline["events"]])
        self.assertEqual({"next_batch"}, after.keys())

    async def test_a_token_from_far_back_works(self) -> None:
        """When the changes since the token are too many to look through, each room is asked, and all is found."""
        services = SyncServices(self.database, SyncSettings(entries_max=0), SILENT, rooms=self.services.rooms)
        rooms = [await services.new_room(ALICE, preset="public_chat") for _ in range(3)]
        first = await services.sync(ALICE)
        sent = await services.say(rooms[1], ALICE)
        await services.account_data.set(ALICE, None, "org.example", {"a": 1})

        answer = await services.sync(ALICE, first["next_batch"])

        self.assertEqual([rooms[1]], list(answer["rooms"]["join"]))
        timeline = answer["rooms"]["join"][rooms[1]]["timeline"]
        self.assertEqual([sent], [event["event_id"] for event in timeline["events"]])
        self.assertIn("org.example", [event["type"] for event in answer["account_data"]["events"]])

    async def test_a_token_from_the_future_is_waited_for(self) -> None:
        """A token past what this process has seen, as of another process, is answered with nothing, and stays good."""
        answer = await self.services.sync(ALICE, "s999999_0")

        self.assertTrue(answer["next_batch"].startswith("s999999_"))
