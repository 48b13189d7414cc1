"""Tests of homeserver.services.sync.ephemeral, .presence, .account_data and .unread, through whole syncs."""

from typing import Any

from homeserver.core.identifiers import UserID
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")


class EphemeralTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)
        self.event_id = await self.services.say(self.room_id, DAVE)
        await self.services.sync(DAVE)
        self.since = (await self.services.sync(ALICE))["next_batch"]

    async def news(self, user_id: UserID = ALICE, since: str | None = None) -> Any:
        """The next answer, from which *self.since* goes on."""
        answer = await self.services.sync(user_id, since or self.since)
        self.since = answer["next_batch"]
        return answer

    def ephemeral(self, answer: Any) -> dict[str, Any]:
        room = answer.get("rooms", {}).get("join", {}).get(self.room_id, {})
        return {event["type"]: event["content"] for event in room.get("ephemeral", {}).get("events", [])}

    async def test_who_types_is_shown_until_they_stop(self) -> None:
        """Typing is told when it starts and when it ends, and not in between."""
        await self.services.typing.set(self.room_id, DAVE, True, 10_000)
        self.assertEqual({"m.typing": {"user_ids": [DAVE]}}, self.ephemeral(await self.news()))
        await self.services.typing.set(self.room_id, DAVE, True, 10_000)
        self.assertEqual({}, self.ephemeral(await self.news()))
        self.services.clock.advance(11)

        self.assertEqual({"m.typing": {"user_ids": []}}, self.ephemeral(await self.news()))
        self.assertEqual({}, self.ephemeral(await self.news()))

    async def test_who_leaves_types_no_more(self) -> None:
        """By their own will or another's, at once; who stays goes on."""
        await self.services.join(self.room_id, ERIN)
        for user_id in (ERIN, DAVE):
            await self.services.typing.set(self.room_id, user_id, True)
        await self.services.member(self.room_id, ERIN, "ban", ALICE)
        self.assertEqual({"m.typing": {"user_ids": [DAVE]}}, self.ephemeral(await self.news()))
        await self.services.member(self.room_id, DAVE, "leave")

        self.assertEqual({"m.typing": {"user_ids": []}}, self.ephemeral(await self.news()))

    async def test_typing_wakes(self) -> None:
        """A waiting sync answers when somebody types."""
        waiting = self.services.start(ALICE, self.since, timeout_ms=30_000)
        await self.services.typing.set(self.room_id, DAVE, True)
        await self.services.turn()

        self.assertEqual({"m.typing": {"user_ids": [DAVE]}}, self.ephemeral(await waiting))

    async def test_receipts_are_shown_to_the_room(self) -> None:
        """A public receipt is shown to all, a private one to its owner alone; a first sync has them all."""
        await self.services.receipts.advance(DAVE, self.room_id, "m.read.private", self.event_id)
        self.assertEqual({}, self.ephemeral(await self.news()))
        await self.services.receipts.advance(DAVE, self.room_id, "m.read", self.event_id)

        content = self.ephemeral(await self.news())["m.receipt"]
        own = self.ephemeral(await self.services.sync(DAVE))["m.receipt"]

        self.assertEqual({"m.read": {DAVE: {"ts": int(self.services.clock.seconds() * 1000)}}}, content[self.event_id])
        self.assertEqual({"m.read", "m.read.private"}, own[self.event_id].keys())
        self.assertEqual({}, self.ephemeral(await self.news()))

    async def test_who_read_room_and_thread_up_to_the_same_event(self) -> None:
        """Both receipts are told, each once."""
        await self.services.receipts.advance(DAVE, self.room_id, "m.read", self.event_id)
        await self.services.receipts.advance(DAVE, self.room_id, "m.read", self.event_id, "main")

        room = (await self.news())["rooms"]["join"][self.room_id]

        threads = [
            event["content"][self.event_id]["m.read"][DAVE].get("thread_id") for event in room["ephemeral"]["events"]
        ]
        self.assertEqual({None, "main"}, set(threads))

    async def test_counts_come_with_what_changes_them(self) -> None:
        """A message brings the new count with it, and the reader's own receipt the cleared one."""
        first = (await self.news(ALICE, "s0_0"))["rooms"]["join"][self.room_id]
        event_id = await self.services.say(self.room_id, DAVE, "more")
        second = (await self.news())["rooms"]["join"][self.room_id]
        await self.services.receipts.advance(ALICE, self.room_id, "m.read", event_id)
        third = (await self.news())["rooms"]["join"][self.room_id]

        counts = [room["unread_notifications"]["notification_count"] for room in (first, second, third)]
        self.assertEqual([1, 2, 0], counts)

    async def test_counts_fall_for_who_wants_no_receipts(self) -> None:
        """Reading on one device is seen on another, whatever its filter, unless it does not want the room."""
        wants = {"room": {"ephemeral": {"not_types": ["m.receipt"]}}}
        for filter, counts in ((wants, [0]), ({"room": {**wants["room"], "not_rooms": [self.room_id]}}, [])):
            self.event_id = await self.services.say(self.room_id, DAVE)
            since = (await self.services.sync(ALICE, filter=filter))["next_batch"]
            waiting = self.services.start(ALICE, since, filter=filter, timeout_ms=30_000)
            await self.services.receipts.advance(ALICE, self.room_id, "m.read", self.event_id)
            await self.services.turn()
            self.services.clock.advance(31)
            rooms = (await waiting).get("rooms", {}).get("join", {}).values()

            self.assertEqual(counts, [room["unread_notifications"]["notification_count"] for room in rooms])

    async def test_threads_are_counted_apart_on_request(self) -> None:
        """With ``unread_thread_notifications`` the count of the room is that of the main timeline."""
        relation = {"rel_type": "m.thread", "event_id": self.event_id}
        await self.services.say(self.room_id, DAVE, "reply", **{"m.relates_to": relation})
        wants = {"room": {"timeline": {"unread_thread_notifications": True}}}

        room = (await self.services.sync(ALICE, filter=wants))["rooms"]["join"][self.room_id]

        self.assertEqual(1, room["unread_notifications"]["notification_count"])
        counts = {self.event_id: {"notification_count": 1, "highlight_count": 0}}
        self.assertEqual(counts, room["unread_thread_notifications"])

    async def test_account_data_comes_when_it_changes(self) -> None:
        """The account's own and that of a room, each once; a first sync has the push rules."""
        await self.services.account_data.set(ALICE, None, "org.example.a", {"a": 1})
        await self.services.account_data.set(ALICE, self.room_id, "org.example.b", {"b": 2})

        answer = await self.news()
        nothing = await self.news()
        first = await self.services.sync(ALICE)

        own = {event["type"]: event["content"] for event in answer["account_data"]["events"]}
        of_room = answer["rooms"]["join"][self.room_id]["account_data"]["events"]
        self.assertEqual({"org.example.a": {"a": 1}}, own)
        self.assertEqual([{"type": "org.example.b", "content": {"b": 2}}], of_room)
        self.assertNotIn("account_data", nothing)
        self.assertLessEqual(
            {"m.push_rules", "org.example.a"}, {event["type"] for event in first["account_data"]["events"]}
        )

    async def test_presence_is_shown_to_who_shares_a_room(self) -> None:
        """Who comes online is shown to the members of their rooms, and to nobody else."""
        await self.services.sync(ERIN)
        stranger = (await self.services.sync(ERIN))["next_batch"]
        await self.news()
        await self.services.presence.state(DAVE, None, "online", "hello")

        events = (await self.news())["presence"]["events"]
        others = await self.services.sync(ERIN, stranger)

        shown = {event["sender"]: event["content"] for event in events}
        self.assertEqual("online", shown[DAVE]["presence"])
        self.assertEqual("hello", shown[DAVE]["status_msg"])
        self.assertNotIn("presence", others)

    async def test_an_offline_sync_leaves_presence_alone(self) -> None:
        """``set_presence=offline`` is no sign of life."""
        await self.services.sync(ERIN, set_presence="offline")
        self.assertEqual("offline", (await self.services.presence.seen_by(ERIN, ERIN)).state)
        await self.services.sync(ERIN)

        self.assertEqual("online", (await self.services.presence.seen_by(ERIN, ERIN)).state)
