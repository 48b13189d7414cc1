"""Lists of sliding sync: which rooms they hold, and in what order."""

from typing import Any

from homeserver.core.identifiers import RoomID
from tests.builders import ALICE, DAVE
from tests.databases import each_database
from tests.sliding import LIST
from tests.sliding_cases import SlidingCase, ranged


@each_database
class ListTests(SlidingCase):
    async def test_a_range_shows_the_rooms_where_something_happened_last(self) -> None:
        """The latest rooms come, and how many there are."""
        rooms = await self.rooms(5)

        answer = await self.client(lists={"top": ranged((0, 1))}).sync()

        self.assertEqual([rooms[4], rooms[3]], list(answer["rooms"]))
        self.assertEqual({"top": {"count": 5}}, answer["lists"])
        self.assertEqual(["top"], answer["rooms"][rooms[4]]["lists"])

    async def test_a_message_moves_a_room_to_the_top(self) -> None:
        """A room that was out of the range comes into it whole, with the one event as live."""
        rooms = await self.rooms(4)
        client = self.client(lists={"top": ranged((0, 1))})
        await client.sync()
        said = await self.sync.say(rooms[0], DAVE)

        answer = await client.sync()

        self.assertEqual([rooms[0]], list(answer["rooms"]))
        self.assertTrue(answer["rooms"][rooms[0]]["initial"])
        self.assertEqual(1, answer["rooms"][rooms[0]]["num_live"])
        self.assertEqual(said, client.timelines[rooms[0]][-1])

    async def test_what_the_client_has_does_not_come_again(self) -> None:
        """Of a room that it knows come the new events alone, and then nothing."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        said = await self.sync.say(room_id, DAVE)

        second = await client.sync()
        third = await client.sync()

        room = second["rooms"][room_id]
        self.assertEqual([said], [event["event_id"] for event in room["timeline"]])
        self.assertNotIn("initial", room)
        self.assertNotIn("name", room)
        self.assertNotIn("limited", room)
        self.assertEqual(1, room["num_live"])
        self.assertEqual(1, room["notification_count"])
        self.assertEqual({}, third["rooms"])

    async def test_a_range_that_grows_brings_the_rest_alone(self) -> None:
        """Rooms that were sent by the smaller range are not sent again."""
        rooms = await self.rooms(4)
        client = self.client(lists={"top": ranged((0, 1))})
        await client.sync()
        client.lists = {"top": ranged((0, 9))}

        answer = await client.sync()

        self.assertEqual({rooms[0], rooms[1]}, set(answer["rooms"]))

    async def test_a_room_that_fell_behind_is_brought_up_to_date(self) -> None:
        """What happened while no list showed it comes as soon as one does."""
        rooms = await self.rooms(3)
        client = self.client(lists={"top": ranged((0, 9))})
        await client.sync()
        client.lists = {"top": ranged((0, 0))}
        missed = await self.sync.say(rooms[0], DAVE, "missed")
        await self.sync.say(rooms[1], DAVE, "on top")
        narrow = await client.sync()
        client.lists = {"top": ranged((0, 9))}

        answer = await client.sync()

        self.assertEqual([rooms[1]], list(narrow["rooms"]))
        self.assertEqual([rooms[0]], list(answer["rooms"]))
        self.assertEqual([missed], [event["event_id"] for event in answer["rooms"][rooms[0]]["timeline"]])
        self.assertEqual(0, answer["rooms"][rooms[0]]["num_live"])

    async def test_two_ranges(self) -> None:
        """Each of them shows its rooms; where they meet nothing comes twice."""
        rooms = await self.rooms(5)

        answer = await self.client(lists={"some": ranged((0, 1), (1, 1), (3, 3))}).sync()

        self.assertEqual([rooms[4], rooms[3], rooms[1]], list(answer["rooms"]))

    async def test_filters(self) -> None:
        """Each of them lets its rooms through, as they are now."""
        plain, direct, tagged, secret = await self.rooms(4)
        space = await self.sync.new_room(ALICE, preset="private_chat", creation_content={"type": "m.space"})
        await self.sync.set_state(space, ALICE, "m.space.child", {"via": ["one.example"]}, plain)
        await self.sync.set_state(secret, ALICE, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        invited = await self.sync.new_room(DAVE, preset="private_chat")
        await self.sync.member(invited, ALICE, "invite", DAVE)
        await self.database.write(self.put, ALICE, "", "m.direct", f'{{"{DAVE}":["{direct}"]}}')
        await self.database.write(self.put, ALICE, tagged, "m.tag", '{"tags":{"m.favourite":{}}}')
        every = {plain, direct, tagged, secret, space, invited}
        expected: list[tuple[dict[str, Any], set[RoomID]]] = [
            ({"is_dm": True}, {direct}),
            ({"is_dm": False}, every - {direct}),
            ({"is_encrypted": True}, {secret}),
            ({"is_invite": True}, {invited}),
            ({"is_invited": False}, every - {invited}),
            ({"room_types": ["m.space"]}, {space}),
            ({"room_types": [None], "is_invited": False}, every - {space, invited}),
            ({"not_room_types": ["m.space"]}, every - {space}),
            ({"tags": ["m.favourite", "other"]}, {tagged}),
            ({"not_tags": ["m.favourite"]}, every - {tagged}),
            ({"spaces": [space]}, {plain}),
            ({"spaces": [plain]}, set()),
            ({"room_name_like": "oom 3"}, {secret}),
        ]
        for filters, wanted in expected:
            with self.subTest(filters=filters):
                answer = await self.client(lists={"some": {**LIST, "filters": filters}}).sync()

                self.assertEqual(wanted, set(answer["rooms"]))
                self.assertEqual(len(wanted), answer["lists"]["some"]["count"])

    async def test_filters_follow_what_changes(self) -> None:
        """A room comes into a list once it is encrypted, direct, tagged, or a child of a space."""
        room_id, other = await self.rooms(2)
        space = await self.sync.new_room(ALICE, preset="private_chat", creation_content={"type": "m.space"})
        lists: dict[str, Any] = {
            "direct": {**LIST, "filters": {"is_dm": True}},
            "secret": {**LIST, "filters": {"is_encrypted": True}},
            "tagged": {**LIST, "filters": {"tags": ["x"]}},
            "children": {**LIST, "filters": {"spaces": [space]}},
        }
        client = self.client(lists=lists)
        first = await client.sync()
        self.assertEqual([0, 0, 0, 0], [each["count"] for each in first["lists"].values()])

        await self.sync.set_state(room_id, ALICE, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        await self.sync.set_state(space, ALICE, "m.space.child", {"via": ["one.example"]}, room_id)
        await self.database.write(self.put, ALICE, "", "m.direct", f'{{"{DAVE}":["{room_id}"]}}')
        await self.database.write(self.put, ALICE, room_id, "m.tag", '{"tags":{"x":{}}}')
        second = await client.sync()
        await self.sync.set_state(space, ALICE, "m.space.child", {}, room_id)
        await self.database.write(self.put, ALICE, room_id, "m.tag", '{"tags":{}}')
        third = await client.sync()

        self.assertEqual([1, 1, 1, 1], [each["count"] for each in second["lists"].values()])
        self.assertEqual(["direct", "secret", "tagged", "children"], second["rooms"][room_id]["lists"])
        self.assertEqual([1, 1, 0, 0], [each["count"] for each in third["lists"].values()])
        self.assertNotIn(other, client.rooms)

    async def test_a_room_says_when_it_becomes_direct(self) -> None:
        """A room that the client has is told of anew, in a list or not."""
        room_id, other = await self.rooms(2)
        client = self.client()
        await client.sync()
        client.lists = {"top": ranged((0, 0))}
        await client.sync()
        await self.database.write(self.put, ALICE, "", "m.direct", f'{{"{DAVE}":["{room_id}","{other}"]}}')

        answer = await client.sync()
        again = await client.sync()

        self.assertTrue(answer["rooms"][room_id]["is_dm"])
        self.assertTrue(answer["rooms"][other]["is_dm"])
        self.assertEqual({}, again["rooms"])
