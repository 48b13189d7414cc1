"""Rooms that a user is invited to, knocks at, leaves or has read elsewhere."""

from tests.builders import ALICE, DAVE
from tests.databases import each_database
from tests.sliding import LIST
from tests.sliding_cases import SlidingCase


@each_database
class MembershipTests(SlidingCase):
    async def test_an_invite_and_what_becomes_of_it(self) -> None:
        """It comes stripped, under both names; once accepted the room comes whole."""
        room_id = await self.sync.new_room(DAVE, preset="private_chat", name="Moot")
        await self.sync.member(room_id, ALICE, "invite", DAVE)
        client = self.client()
        first = await client.sync()
        await self.sync.join(room_id, ALICE)
        second = await client.sync()

        invite = first["rooms"][room_id]
        self.assertEqual("invite", invite["membership"])
        self.assertEqual(invite["stripped_state"], invite["invite_state"])
        self.assertIn("Moot", [event["content"].get("name") for event in invite["stripped_state"]])
        self.assertNotIn("timeline", invite)
        self.assertNotIn("name", invite)
        self.assertEqual("join", second["rooms"][room_id]["membership"])
        self.assertTrue(second["rooms"][room_id]["initial"])
        self.assertEqual("Moot", second["rooms"][room_id]["name"])

    async def test_an_invite_that_is_declined(self) -> None:
        """The client hears that it is over, and nothing else of the room."""
        room_id = await self.sync.new_room(DAVE, preset="private_chat", name="Moot")
        await self.sync.member(room_id, ALICE, "invite", DAVE)
        client = self.client()
        await client.sync()
        await self.sync.member(room_id, ALICE, "leave")
        await self.sync.say(room_id, DAVE, "behind her back")

        second = await client.sync()
        third = await client.sync()

        room = second["rooms"][room_id]
        self.assertEqual("leave", room["membership"])
        self.assertEqual([ALICE], [event["state_key"] for event in room["required_state"]])
        self.assertNotIn("timeline", room)
        self.assertEqual({"all": {"count": 0}}, second["lists"])
        self.assertEqual({}, third["rooms"])

    async def test_a_room_that_the_user_leaves(self) -> None:
        """It comes once more, up to the leaving; who asks anew does not see it."""
        (room_id,) = await self.rooms(1)
        client = self.client(DAVE)
        await client.sync()
        left = await self.sync.member(room_id, DAVE, "leave")
        await self.sync.say(room_id, ALICE, "is he gone")

        answer = await client.sync()
        await self.sync.say(room_id, ALICE, "yes")
        later = await client.sync()
        other = await self.client(DAVE, conn_id="other").sync()

        self.assertEqual([left], [event["event_id"] for event in answer["rooms"][room_id]["timeline"]])
        self.assertEqual("leave", answer["rooms"][room_id]["membership"])
        self.assertEqual({}, later["rooms"])
        self.assertEqual({}, other["rooms"])

    async def test_a_room_that_the_user_was_put_out_of(self) -> None:
        """It stays in the lists, up to then; a ban of who never was there does not show."""
        (room_id,) = await self.rooms(1)
        banned_from = await self.sync.new_room(ALICE, preset="public_chat")
        await self.sync.member(banned_from, DAVE, "ban", ALICE)
        put_out = await self.sync.member(room_id, DAVE, "leave", ALICE)
        await self.sync.say(room_id, ALICE, "is he gone")

        client = self.client(DAVE)
        answer = await client.sync()

        self.assertEqual([room_id], list(answer["rooms"]))
        self.assertEqual(put_out, answer["rooms"][room_id]["timeline"][-1]["event_id"])
        self.assertEqual("leave", answer["rooms"][room_id]["membership"])

    async def test_a_knock(self) -> None:
        """It shows what the room shows of itself."""
        room_id = await self.sync.new_room(ALICE, preset="private_chat", name="Moot")
        await self.sync.set_state(room_id, ALICE, "m.room.join_rules", {"join_rule": "knock"})
        await self.sync.member(room_id, DAVE, "knock")

        answer = await self.client(DAVE).sync()

        self.assertEqual("knock", answer["rooms"][room_id]["membership"])
        self.assertIn("stripped_state", answer["rooms"][room_id])

    async def test_invites_by_ignored_users_do_not_show(self) -> None:
        """They are neither shown nor counted."""
        room_id = await self.sync.new_room(DAVE, preset="private_chat")
        await self.sync.member(room_id, ALICE, "invite", DAVE)
        await self.database.write(self.put, ALICE, "", "m.ignored_user_list", f'{{"ignored_users":{{"{DAVE}":{{}}}}}}')

        answer = await self.client(lists={"all": LIST, "invites": {**LIST, "filters": {"is_invite": True}}}).sync()

        self.assertEqual({}, answer["rooms"])
        self.assertEqual([0, 0], [each["count"] for each in answer["lists"].values()])

    async def test_reading_elsewhere_clears_the_counts(self) -> None:
        """When another client of the user's has read the room, the counts come without an event."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        said = await self.sync.say(room_id, DAVE)
        await client.sync()
        self.assertEqual(1, client.rooms[room_id]["notification_count"])
        await self.sync.receipts.advance(ALICE, room_id, "m.read", said)

        answer = await client.sync()

        self.assertEqual(0, answer["rooms"][room_id]["notification_count"])
        self.assertNotIn("timeline", answer["rooms"][room_id])
