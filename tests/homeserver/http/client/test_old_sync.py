"""What was there before /sync: snapshots, and events one after the other."""

from typing import Any

from homeserver.services.old_sync import stream
from tests.client import Pending
from tests.databases import each_database
from tests.room_api import V3, RoomAPICase, User
from tests.waiting import at_rest, turn


@each_database
class OldSyncTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat", visibility="public", name="The orchard")

    def listen(self, user: User, token: str, **query: Any) -> Pending:
        return user.client.start("GET", f"{V3}/events", query={"from": token, "timeout": 0, **query})

    async def events(self, user: User, token: str, **query: Any) -> Any:
        return await user.ok(self.listen(user, token, **query).arrived)

    async def token(self, user: User) -> str:
        return str((await user.ok(user.client.get(f"{V3}/initialSync")))["end"])

    async def test_a_snapshot_of_everything(self) -> None:
        """Rooms that the user is in or invited to, with what is said and set in them; left ones when asked for."""
        for number in range(4):
            await self.alice.say(self.room_id, str(number))
        left = await self.alice.create_room()
        await self.alice.act(left, "leave")
        invited = await self.bob.create_room()
        await self.bob.act(invited, "invite", user_id=self.alice.user_id)
        whole = await self.alice.ok(self.alice.client.get(f"{V3}/initialSync", limit=2))
        rooms = {room["room_id"]: room for room in whole["rooms"]}
        room = rooms[self.room_id]

        self.assertEqual({self.room_id, invited}, set(rooms))
        self.assertEqual(["2", "3"], [event["content"]["body"] for event in room["messages"]["chunk"]])
        self.assertEqual(("join", "public"), (room["membership"], room["visibility"]))
        self.assertIn("m.room.name", {event["type"] for event in room["state"]})
        older = await self.alice.messages(self.room_id, "b", from_=room["messages"]["start"], limit=1)
        self.assertEqual("1", older["chunk"][0]["content"]["body"])
        self.assertEqual(("invite", "invite"), (rooms[invited]["membership"], rooms[invited]["invite"]["content"]["membership"]))  # fmt: skip # noqa: E501
        self.assertIn("m.push_rules", {data["type"] for data in whole["account_data"]})
        archived = await self.alice.ok(self.alice.client.get(f"{V3}/initialSync", archived=True))
        rooms = {room["room_id"]: room for room in archived["rooms"]}
        self.assertEqual("leave", rooms[left]["membership"])
        await self.alice.ignore(self.bob)
        ignoring = await self.alice.ok(self.alice.client.get(f"{V3}/initialSync"))
        self.assertEqual([self.room_id], [room["room_id"] for room in ignoring["rooms"]])

    async def test_a_snapshot_of_one_room(self) -> None:
        """For members, for who was one, and for anybody where everybody may look."""
        private = await self.alice.create_room()
        await self.alice.say(private, "one")
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(private, "initialSync"))
        await self.alice.act(private, "invite", user_id=self.bob.user_id)
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(private, "initialSync"))
        await self.bob.join(private)
        await self.bob.act(private, "leave")
        await self.alice.say(private, "two")
        shown = await self.bob.ok(self.bob.room(private, "initialSync"))
        bodies = [event["content"].get("body") for event in shown["messages"]["chunk"]]
        self.assertEqual(("leave", "one", True), (shown["membership"], bodies[-4], "two" not in bodies))
        await self.alice.set_state(private, "m.room.history_visibility", {"history_visibility": "world_readable"})
        await self.alice.say(private, "three")
        guest = await self.api.user("guest", is_guest=True)
        shown = await guest.ok(guest.room(private, "initialSync"))
        self.assertNotIn("membership", shown)
        self.assertEqual("three", shown["messages"]["chunk"][-1]["content"]["body"])

    async def test_events_follow_a_snapshot(self) -> None:
        """Each event comes once, in order, as long as it is of the user's rooms; also what is said of oneself."""
        token = await self.token(self.bob)
        await self.alice.say(self.room_id, "unseen")
        await self.bob.join(self.room_id)
        await self.alice.say(self.room_id, "seen")
        private = await self.alice.create_room()
        await self.alice.act(private, "invite", user_id=self.bob.user_id)
        await self.alice.act(self.room_id, "kick", user_id=self.bob.user_id)
        await self.alice.say(self.room_id, "unseen")
        answer = await self.events(self.bob, token)
        seen = [event["content"].get("body") or event["content"].get("membership") for event in answer["chunk"]]

        self.assertEqual(token, answer["start"])
        self.assertEqual(["join", "seen", "invite", "leave"], [text for text in seen if text != "unseen"])
        self.assertNotIn("unseen", seen[-1:])
        self.assertEqual([], (await self.events(self.bob, answer["end"]))["chunk"])

    async def test_pages_of_events(self) -> None:
        """Where there are many, one answer goes on where the last ended."""
        self.patch(stream, "EVENTS_MAX", 3)
        self.patch(stream, "ENTRIES_AT_ONCE", 5)
        token = await self.token(self.alice)
        other = await self.bob.create_room()
        for number in range(10):
            await self.alice.say(self.room_id, str(number))
            await self.bob.say(other, "elsewhere")
        bodies: list[str] = []
        while chunk := (answer := await self.events(self.alice, token))["chunk"]:
            self.assertLessEqual(len(chunk), 3)
            bodies += [event["content"]["body"] for event in chunk]
            token = answer["end"]
        self.assertEqual([str(number) for number in range(10)], bodies)

    async def test_who_waits_is_told(self) -> None:
        """At once when something happens in the room, and with nothing when the time is over."""
        token = await self.token(self.alice)
        await self.bob.join(self.room_id)
        token = (await self.events(self.alice, token))["end"]
        waiting = self.listen(self.alice, token, timeout=10_000)
        over = self.listen(self.bob, token, timeout=1_000)
        await at_rest()
        self.assertIsNone(waiting.response)
        self.api.clock.advance(1)
        self.assertEqual([], (await self.bob.ok(over.arrived))["chunk"])
        await self.bob.say(self.room_id, "hello")
        await turn(self.api.clock)
        self.assertEqual("hello", (await self.alice.ok(waiting.arrived))["chunk"][0]["content"]["body"])

    async def test_peeking(self) -> None:
        """Guests follow a room that everybody may read, without being in it, and only that room."""
        open_room = await self.alice.create_room(
            initial_state=[
                {
                    "type": "m.room.history_visibility",
                    "state_key": "",
                    "content": {"history_visibility": "world_readable"},
                }
            ]
        )
        guest = await self.api.user("guest", is_guest=True)
        token = (await guest.ok(guest.room(open_room, "initialSync")))["messages"]["end"]
        token = f"s{self.api.rooms.tail.head}_0" if token.startswith("t") else token
        waiting = self.listen(guest, token, timeout=10_000, room_id=open_room)
        await self.alice.say(self.room_id, "elsewhere")
        await turn(self.api.clock)
        self.assertIsNone(waiting.response)
        await self.alice.say(open_room, "hello")
        await turn(self.api.clock)
        answer = await guest.ok(waiting.arrived)
        self.assertEqual(["hello"], [event["content"]["body"] for event in answer["chunk"]])
        await self.alice.set_state(open_room, "m.room.history_visibility", {"history_visibility": "joined"})
        refused = await self.listen(guest, answer["end"], room_id=open_room).arrived
        self.assert_refused(403, "M_FORBIDDEN", refused)
        hidden = await self.listen(guest, answer["end"], room_id="!none:localhost").arrived
        self.assert_refused(403, "M_FORBIDDEN", hidden)

    async def test_one_event(self) -> None:
        """Whoever may see it gets it by its ID alone."""
        event_id = await self.alice.say(self.room_id, "hello")
        shown = await self.alice.ok(self.alice.client.get(f"{V3}/events/{event_id}"))

        self.assertEqual(("hello", self.room_id), (shown["content"]["body"], shown["room_id"]))
        self.assert_refused(404, "M_NOT_FOUND", await self.bob.client.get(f"{V3}/events/{event_id}"))
        self.assert_refused(404, "M_NOT_FOUND", await self.alice.client.get(f"{V3}/events/$none"))

    async def test_bad_tokens(self) -> None:
        """They are refused."""
        for query in ({"from": "x"}, {"timeout": "x"}, {"room_id": "x"}):
            response = await self.alice.client.request("GET", f"{V3}/events", query=query)
            self.assertEqual(400, response.status, query)
        self.assertEqual(401, (await self.api.stranger.get(f"{V3}/events")).status)
