"""Extensions of sliding sync."""

from typing import Any

from tests.builders import ALICE, DAVE
from tests.databases import each_database
from tests.sliding import LIST
from tests.sliding_cases import ERIN, SlidingCase, ranged


@each_database
class ExtensionTests(SlidingCase):
    async def test_only_what_is_asked_for_comes(self) -> None:
        """Extensions that are not enabled say nothing."""
        await self.rooms(1)

        answer = await self.client(extensions={"typing": {"enabled": False}}).sync()

        self.assertEqual({}, answer["extensions"])

    async def test_account_data(self) -> None:
        """All of it with the first answer, of rooms when they come; then what changes."""
        rooms = await self.rooms(2)
        await self.database.write(self.put, ALICE, "", "x.own", '{"a":1}')
        for room_id in rooms:
            await self.database.write(self.put, ALICE, room_id, "x.room", '{"b":2}')
        client = self.client(lists={"top": ranged((0, 0))}, extensions={"account_data": {"enabled": True}})
        first = (await client.sync())["extensions"]["account_data"]
        client.lists = {"top": ranged((0, 1))}
        second = (await client.sync())["extensions"]["account_data"]
        third = (await client.sync())["extensions"]
        await self.database.write(self.put, ALICE, "", "x.own", '{"a":2}')
        fourth = (await client.sync())["extensions"]["account_data"]

        self.assertEqual({"x.own", "m.push_rules"}, {event["type"] for event in first["global"]})
        self.assertEqual([rooms[1]], list(first["rooms"]))
        self.assertEqual([rooms[0]], list(second["rooms"]))
        self.assertEqual([], second["global"])
        self.assertEqual({}, third)
        self.assertEqual([{"type": "x.own", "content": {"a": 2}}], fourth["global"])

    async def test_receipts(self) -> None:
        """Of a new room those in what is shown; then those that move, in lists or not."""
        rooms = await self.rooms(2)
        old = await self.sync.say(rooms[1], ALICE, "old")
        new = await self.sync.say(rooms[1], ALICE, "new")
        await self.sync.join(rooms[1], ERIN)
        await self.sync.receipts.advance(DAVE, rooms[1], "m.read", new)
        await self.sync.receipts.advance(ERIN, rooms[1], "m.read", old)
        lists = {"top": ranged((0, 0), timeline_limit=2)}
        client = self.client(lists=lists, extensions={"receipts": {"enabled": True}})
        first = (await client.sync())["extensions"]["receipts"]["rooms"]
        said = await self.sync.say(rooms[0], ALICE, "on top")
        await client.sync()
        await self.sync.receipts.advance(ERIN, rooms[1], "m.read", new)
        await self.sync.receipts.advance(DAVE, rooms[0], "m.read.private", said)
        second = (await client.sync())["extensions"]["receipts"]["rooms"]

        self.assertEqual({rooms[1]: {"m.read": {DAVE}}}, {room: _readers(event) for room, event in first.items()})
        self.assertEqual({rooms[1]: {"m.read": {ERIN}}}, {room: _readers(event) for room, event in second.items()})

    async def test_typing(self) -> None:
        """Who types in a room that the client has; when nobody does any more, that."""
        (room_id,) = await self.rooms(1)
        client = self.client(extensions={"typing": {"enabled": True}})
        await client.sync()
        waiting = client.wait()
        await self.sync.typing.set(room_id, DAVE, True)
        await self.sync.turn()
        first = await waiting
        client.take(first)
        await self.sync.typing.set(room_id, DAVE, False)
        second = await client.sync()
        third = await client.sync()

        self.assertEqual([DAVE], first["extensions"]["typing"]["rooms"][room_id]["content"]["user_ids"])
        self.assertEqual([], second["extensions"]["typing"]["rooms"][room_id]["content"]["user_ids"])
        self.assertEqual({}, third["extensions"])

    async def test_an_extension_that_is_switched_on_later(self) -> None:
        """It tells everything of the rooms that the client has."""
        (room_id,) = await self.rooms(1)
        await self.database.write(self.put, ALICE, room_id, "x.room", '{"b":2}')
        client = self.client()
        await client.sync()
        client.extensions = {"account_data": {"enabled": True}}

        answer = await client.sync()
        again = await client.sync()

        self.assertIn(room_id, answer["extensions"]["account_data"]["rooms"])
        self.assertEqual({}, again["extensions"])

    async def test_an_extension_for_some_lists_only(self) -> None:
        """Rooms of other lists are left out."""
        room_id, _ = await self.rooms(2)
        await self.database.write(self.put, ALICE, "", "m.direct", f'{{"{DAVE}":["{room_id}"]}}')
        lists = {"all": LIST, "direct": {**LIST, "filters": {"is_dm": True}}}
        client = self.client(lists=lists, extensions={"typing": {"enabled": True, "lists": ["direct"]}})
        await client.sync()
        for each in client.rooms:
            await self.sync.typing.set(each, DAVE, True)

        answer = await client.sync()

        self.assertEqual([room_id], list(answer["extensions"]["typing"]["rooms"]))


def _readers(event: Any) -> dict[str, set[str]]:
    return {kind: set(users) for kinds in event["content"].values() for kind, users in kinds.items()}
