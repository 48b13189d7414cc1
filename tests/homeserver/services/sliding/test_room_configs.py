"""What a client asks for of rooms, and gets."""

from typing import Any

from tests.builders import ALICE, DAVE
from tests.databases import each_database
from tests.sliding import LIST
from tests.sliding_cases import ERIN, SlidingCase, ranged


@each_database
class ConfigTests(SlidingCase):
    async def test_required_state(self) -> None:
        """What is asked for comes, in the spelling of today's clients and in the proposal's; the rest does not."""
        (room_id,) = await self.rooms(1)
        await self.sync.set_state(room_id, ALICE, "m.room.topic", {"topic": "x"})
        name, topic = ("m.room.name", ""), ("m.room.topic", "")
        own, his = ("m.room.member", ALICE), ("m.room.member", DAVE)
        cases: list[tuple[Any, set[tuple[str, str]], set[tuple[str, str]]]] = [
            ([["m.room.name", ""]], {name}, {topic, own, his}),
            ([["m.room.member", "$ME"]], {own}, {name, his}),
            ([["m.room.member", "*"]], {own, his}, {name}),
            ([["*", ""]], {name, topic}, {own, his}),
            ([["*", "*"]], {name, topic, own, his}, set()),
            ([["*", "*"], ["m.room.member", "$LAZY"]], {name, topic, own}, {his}),
            ({"include": [{}], "lazy_members": True}, {name, topic, own}, {his}),
            ({"include": [{}], "exclude": [{"type": "m.room.name"}]}, {topic, own, his}, {name}),
            ({"include": [{"state_key": DAVE}]}, {his}, {name, own}),
            ({"include": [{"type": "m.room.member", "state_key": DAVE}], "lazy_members": True}, {his, own}, {name}),
            ({}, set(), {name, topic, own, his}),
        ]
        for required, there, missing in cases:
            with self.subTest(required=required):
                client = self.client(lists={"all": {"timeline_limit": 1, "required_state": required}})
                await client.sync()

                state = client.states[room_id].keys()
                self.assertLessEqual(there, state)
                self.assertTrue(missing.isdisjoint(state), missing & state)

    async def test_changes_of_required_state(self) -> None:
        """An entry that changes comes again, whether the timeline shows it or not."""
        (room_id,) = await self.rooms(1)
        client = self.client(lists={"all": {"timeline_limit": 1, "required_state": [["m.room.topic", ""]]}})
        await client.sync()
        topic = await self.sync.set_state(room_id, ALICE, "m.room.topic", {"topic": "x"})
        await self.sync.say(room_id, ALICE, "hides it")
        await self.sync.say(room_id, ALICE, "from the timeline")

        answer = await client.sync()

        self.assertEqual([topic], [event["event_id"] for event in answer["rooms"][room_id]["required_state"]])
        self.assertEqual("join", answer["rooms"][room_id]["required_state"][0]["unsigned"]["membership"])
        self.assertTrue(answer["rooms"][room_id]["limited"])
        self.assertEqual("Room 0", client.rooms[room_id]["name"])

    async def test_names_and_avatars_that_change(self) -> None:
        """They come when they change, and as null when they are taken away; then members name the room."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        await self.sync.set_state(room_id, ALICE, "m.room.avatar", {"url": "mxc://one.example/a"})
        await self.sync.set_state(room_id, ALICE, "m.room.name", {"name": "New"})
        second = await client.sync()
        await self.sync.set_state(room_id, ALICE, "m.room.name", {})
        third = await client.sync()

        self.assertEqual("New", second["rooms"][room_id]["name"])
        self.assertEqual("mxc://one.example/a", second["rooms"][room_id]["avatar"])
        self.assertNotIn("heroes", second["rooms"][room_id])
        self.assertIsNone(third["rooms"][room_id]["name"])
        self.assertEqual([{"user_id": DAVE}], third["rooms"][room_id]["heroes"])
        self.assertNotIn("avatar", third["rooms"][room_id])

    async def test_members_that_come(self) -> None:
        """Their number comes with them."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        await self.sync.join(room_id, ERIN)

        answer = await client.sync()

        self.assertEqual(3, answer["rooms"][room_id]["joined_count"])

    async def test_lazy_members_are_told_of_once(self) -> None:
        """Who sends something is told of with the first event, and not with the second."""
        (room_id,) = await self.rooms(1)
        lazy = {"timeline_limit": 1, "required_state": [["m.room.member", "$LAZY"]]}
        await self.sync.say(room_id, ALICE)
        client = self.client(lists={"all": lazy})
        await client.sync()
        await self.sync.say(room_id, DAVE, "one")
        second = await client.sync()
        await self.sync.say(room_id, DAVE, "two")
        third = await client.sync()

        self.assertEqual([DAVE], [event["state_key"] for event in second["rooms"][room_id]["required_state"]])
        self.assertNotIn("required_state", third["rooms"][room_id])

    async def test_an_expanded_timeline(self) -> None:
        """Whoever wants more events than before gets the latest of them at once, and hears that they are older."""
        (room_id,) = await self.rooms(1)
        said = [await self.sync.say(room_id, DAVE, f"{number}") for number in range(8)]
        client = self.client(lists={"all": {**LIST, "timeline_limit": 1}})
        first = await client.sync()
        client.subscriptions = {room_id: {**LIST, "timeline_limit": 5}}
        second = await client.sync()
        third = await client.sync()
        client.subscriptions = {}
        last = await self.sync.say(room_id, DAVE, "last")
        fourth = await client.sync()

        self.assertEqual(said[-1:], [event["event_id"] for event in first["rooms"][room_id]["timeline"]])
        self.assertEqual(said[-5:], [event["event_id"] for event in second["rooms"][room_id]["timeline"]])
        self.assertTrue(second["rooms"][room_id]["expanded_timeline"])
        self.assertTrue(second["rooms"][room_id]["unstable_expanded_timeline"])
        self.assertEqual({}, third["rooms"])
        self.assertEqual([last], [event["event_id"] for event in fourth["rooms"][room_id]["timeline"]])

    async def test_an_expanded_required_state(self) -> None:
        """State that is wanted now and was not before comes at once; what came before does not."""
        (room_id,) = await self.rooms(1)
        client = self.client(lists={"all": {**LIST, "required_state": [["m.room.name", ""]]}})
        await client.sync()
        client.lists = {"all": {**LIST, "required_state": [["m.room.name", ""], ["m.room.join_rules", ""]]}}

        answer = await client.sync()
        again = await client.sync()

        types = [event["type"] for event in answer["rooms"][room_id]["required_state"]]
        self.assertEqual(["m.room.join_rules"], types)
        self.assertNotIn("timeline", answer["rooms"][room_id])
        self.assertEqual({}, again["rooms"])

    async def test_subscriptions(self) -> None:
        """A room is shown that no list shows; one that is not there, or not the user's, is passed over."""
        rooms = await self.rooms(3)
        strange = await self.sync.new_room(DAVE, preset="private_chat")
        client = self.client(
            lists={"top": ranged((0, 0))}, subscriptions={rooms[0]: LIST, strange: LIST, "!none:one.example": LIST}
        )
        first = await client.sync()
        await self.sync.say(rooms[0], DAVE, "bumped to the top")
        await self.sync.say(rooms[1], DAVE, "bumped above")
        second = await client.sync()

        self.assertEqual({rooms[2], rooms[0]}, set(first["rooms"]))
        self.assertNotIn("lists", first["rooms"][rooms[0]])
        self.assertEqual({rooms[0], rooms[1]}, set(second["rooms"]))

    async def test_bump_stamps_ignore_what_says_nothing(self) -> None:
        """A message raises it, a change of the topic does not; the order of the lists follows both."""
        rooms = await self.rooms(2)
        client = self.client(lists={"top": ranged((0, 9))})
        await client.sync()
        before = client.rooms[rooms[0]]["bump_stamp"]
        await self.sync.set_state(rooms[0], ALICE, "m.room.topic", {"topic": "x"})
        await client.sync()
        after_topic = client.rooms[rooms[0]]["bump_stamp"]
        await self.sync.say(rooms[0], DAVE)
        await client.sync()

        self.assertEqual(before, after_topic)
        self.assertLess(after_topic, client.rooms[rooms[0]]["bump_stamp"])
