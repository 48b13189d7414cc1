"""Who may read what of a room, by every setting of its history visibility, over HTTP."""

from tests.databases import each_database
from tests.room_api import RoomAPICase, User

SETTINGS = ("world_readable", "shared", "invited", "joined")


@each_database
class VisibilityTests(RoomAPICase):
    async def a_story(self, setting: str) -> str:
        """
        A room in which something is said while @bob is outside, invited, in, out again and back; @carol was in it once,
        and @dave never.
        """
        state = [{"type": "m.room.history_visibility", "content": {"history_visibility": setting}}]
        room_id = await self.alice.create_room(preset="public_chat", initial_state=state)
        await self.alice.say(room_id, "outside")
        await self.carol.join(room_id)
        await self.alice.act(room_id, "invite", user_id=self.bob.user_id)
        await self.alice.say(room_id, "invited")
        await self.bob.join(room_id)
        await self.alice.say(room_id, "in")
        await self.carol.act(room_id, "leave")
        await self.bob.act(room_id, "leave")
        await self.alice.say(room_id, "out")
        await self.bob.join(room_id)
        await self.alice.say(room_id, "back")
        return room_id

    async def test_members(self) -> None:
        """What a member may see of the time before, and of the time between two stays."""
        expected = {
            "world_readable": ["outside", "invited", "in", "out", "back"],
            "shared": ["outside", "invited", "in", "out", "back"],
            "invited": ["invited", "in", "back"],
            "joined": ["in", "back"],
        }
        for setting in SETTINGS:
            room_id = await self.a_story(setting)

            self.assertEqual(expected[setting], await self.bob.texts(room_id), setting)

    async def test_former_members(self) -> None:
        """Who has left sees what they could see, and nothing since."""
        expected = {
            "world_readable": ["outside", "invited", "in", "out", "back"],
            "shared": ["outside", "invited", "in"],
            "invited": ["invited", "in"],
            "joined": ["invited", "in"],
        }
        for setting in SETTINGS:
            room_id = await self.a_story(setting)

            self.assertEqual(expected[setting], await self.carol.texts(room_id), setting)

    async def test_strangers(self) -> None:
        """Only what is world-readable is for everybody: the timeline, the state and the members."""
        dave = await self.api.user("dave")
        for setting in SETTINGS:
            room_id = await self.a_story(setting)
            if setting == "world_readable":
                self.assertEqual(["outside", "invited", "in", "out", "back"], await dave.texts(room_id))
                self.assertEqual(200, (await dave.room(room_id, "state")).status)
                self.assertEqual(200, (await dave.room(room_id, "members")).status)
                event_id = (await dave.messages(room_id, limit=1))["chunk"][0]["event_id"]
                self.assertEqual(event_id, (await dave.room(room_id, f"event/{event_id}")).json["event_id"])
                self.assertEqual(200, (await dave.room(room_id, f"context/{event_id}")).status)
                # Spec: client-server-api#get_matrixclientv3roomsroomidjoined_members
                self.assertEqual(403, (await dave.room(room_id, "joined_members")).status)
            else:
                for what in ("state", "members", "joined_members", "state/m.room.create/"):
                    self.assert_refused(403, "M_FORBIDDEN", await dave.room(room_id, what))
                self.assert_refused(403, "M_FORBIDDEN", await dave.room(room_id, "messages", dir="b"))
                said = (await self.alice.messages(room_id, limit=1))["chunk"][0]["event_id"]
                self.assert_refused(404, "M_NOT_FOUND", await dave.room(room_id, f"event/{said}"))
                self.assert_refused(403, "M_FORBIDDEN", await dave.room(room_id, f"context/{said}"))

    async def test_the_invited_are_strangers_until_they_come(self) -> None:
        """An invite alone opens nothing, and neither does declining it."""
        room_id = await self.alice.create_room(invite=[self.bob.user_id])
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(room_id, "state"))
        await self.bob.act(room_id, "leave")

        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(room_id, "state"))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(room_id, "messages", dir="b"))

    async def test_a_setting_counts_from_when_it_was_made(self) -> None:
        """What was said under one setting keeps it; the change itself is seen by whom either setting lets."""
        dave = await self.api.user("dave")
        room_id = await self.alice.create_room(preset="public_chat")

        async def turn(setting: str) -> None:
            await self.alice.set_state(room_id, "m.room.history_visibility", {"history_visibility": setting})

        await self.alice.say(room_id, "shared")
        await turn("joined")
        await self.alice.say(room_id, "joined")
        await turn("world_readable")
        await self.alice.say(room_id, "open")

        self.assertEqual(["open"], await dave.texts(room_id))
        changes = [e["content"] for e in (await dave.messages(room_id, limit=100))["chunk"] if "state_key" in e]
        self.assertEqual([{"history_visibility": "world_readable"}], changes)
        await dave.join(room_id)
        self.assertEqual(["shared", "open"], await dave.texts(room_id))
        await turn("nonsense")
        await self.alice.say(room_id, "default")
        self.assertEqual(["shared", "open", "default"], await dave.texts(room_id))

    async def test_pages_go_past_what_is_hidden(self) -> None:
        """A small page over a long stretch that is hidden does not end the history."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.alice.say(room_id, "first")
        await self.alice.set_state(room_id, "m.room.history_visibility", {"history_visibility": "joined"})
        for number in range(30):
            await self.alice.say(room_id, str(number))
        await self.bob.join(room_id)
        texts, token = [], None
        for _ in range(40):
            page = await self.bob.messages(room_id, limit=2, **({"from_": token} if token else {}))
            texts += [event["content"].get("body") for event in page["chunk"] if "state_key" not in event]
            token = page.get("end")
            if token is None:
                break

        self.assertIsNone(token)
        self.assertEqual(["first"], texts)

    async def test_the_state_after_leaving(self) -> None:
        """Who has left, or was banned later, sees the state as it was when they left."""
        room_id = await self.alice.create_room(preset="public_chat", name="then")
        for user in (self.bob, self.carol):
            await user.join(room_id)
        await self.bob.act(room_id, "leave")
        await self.alice.set_state(room_id, "m.room.name", {"name": "now"})
        await self.alice.act(room_id, "ban", user_id=self.bob.user_id)

        self.assertEqual({"name": "then"}, (await self.bob.state(room_id, "m.room.name")).json)
        self.assertEqual({"name": "now"}, (await self.carol.state(room_id, "m.room.name")).json)
        names = [
            e["content"]["name"] for e in (await self.bob.room(room_id, "state")).json if e["type"] == "m.room.name"
        ]
        self.assertEqual(["then"], names)
        self.assertEqual("leave", await self.own_membership(self.bob, room_id))

    async def own_membership(self, user: User, room_id: str) -> str:
        members = (await user.room(room_id, "members")).json["chunk"]
        return str(next(e["content"]["membership"] for e in members if e["state_key"] == user.user_id))

    async def test_redacted_and_refused_events(self) -> None:
        """What was redacted shows nothing of what it was, to nobody."""
        room_id = await self.alice.create_room(preset="public_chat")
        event_id = await self.alice.say(room_id, "secret")
        await self.alice.client.put(f"/_matrix/client/v3/rooms/{room_id}/redact/{event_id}/t", {})
        await self.bob.join(room_id)
        for user in (self.alice, self.bob):
            page = await user.messages(room_id, limit=100)
            self.assertNotIn(b"secret", (await user.room(room_id, f"event/{event_id}")).body)
            self.assertEqual([{}], [e["content"] for e in page["chunk"] if e["event_id"] == event_id])
