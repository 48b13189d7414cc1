"""State and members over HTTP."""

from typing import Any

from tests.databases import each_database
from tests.room_api import V3, RoomAPICase
from tests.waiting import until


class StateTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat", name="Moot")

    async def members(self, **query: Any) -> dict[str, str]:
        chunk = (await self.alice.room(self.room_id, "members", **query)).json["chunk"]
        return {event["state_key"]: event["content"]["membership"] for event in chunk}

    async def test_the_whole_state(self) -> None:
        """The current event of every type and key, each once."""
        await self.alice.set_state(self.room_id, "m.room.name", {"name": "Moot 2"})
        events = (await self.alice.room(self.room_id, "state")).json
        keys = [(event["type"], event["state_key"]) for event in events]

        self.assertEqual(sorted(set(keys)), sorted(keys))
        self.assertIn(("m.room.create", ""), keys)
        self.assertEqual(["Moot 2"], [e["content"]["name"] for e in events if e["type"] == "m.room.name"])

    async def test_what_the_reader_was_at_each_event(self) -> None:
        """Of states and of members: not in the room yet, invited, in it since; whatever they are now."""
        invite = {"user_id": self.bob.user_id}
        await self.alice.ok(self.alice.act(self.room_id, "invite", **invite))
        await self.alice.set_state(self.room_id, "m.room.topic", {"topic": "new"})
        await self.bob.join(self.room_id)
        await self.carol.join(self.room_id)
        await self.alice.set_state(self.room_id, "m.room.avatar", {"url": "mxc://x/y"})
        said = await self.alice.say(self.room_id, "hello")
        expected = {"create": "leave", "topic": "invite", "avatar": "join", "bob": "join", "carol": "join"}
        state = (await self.bob.room(self.room_id, "state")).json
        context = (await self.bob.room(self.room_id, f"context/{said}")).json["state"]
        members = (await self.bob.room(self.room_id, "members")).json["chunk"]
        renamed = {"membership": "join", "displayname": "Bobby"}
        await self.bob.set_state(self.room_id, "m.room.member", renamed, self.bob.user_id)
        later = (await self.bob.room(self.room_id, "state")).json

        for events in (state, context, members, later):
            told = {_short(event): event["unsigned"]["membership"] for event in events}
            self.assertLessEqual({name: told[name] for name in told if name in expected}.items(), expected.items())
            self.assertLessEqual({"bob", "carol"}, told.keys())

    async def test_one_entry(self) -> None:
        """Its content, or the whole event, with and without the slash."""
        path = f"{V3}/rooms/{self.room_id}/state/m.room.name"
        event = (await self.alice.client.get(path, format="event")).json

        self.assertEqual({"name": "Moot"}, (await self.alice.client.get(path)).json)
        self.assertEqual({"name": "Moot"}, (await self.alice.client.get(f"{path}/")).json)
        self.assertEqual(("m.room.name", "", self.room_id), (event["type"], event["state_key"], event["room_id"]))
        self.assert_refused(404, "M_NOT_FOUND", await self.alice.client.get(f"{path}/other"))
        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.client.get(path, format="x"))

    async def test_an_entry_tells_what_it_replaced(self) -> None:
        """As an event, and not as one of many.  Spec: client-server-api#room-event-format"""
        path = f"{V3}/rooms/{self.room_id}/state/m.room.name"
        first = (await self.alice.client.get(path, format="event")).json
        await self.alice.set_state(self.room_id, "m.room.name", {"name": "Other"})
        second = (await self.alice.client.get(path, format="event")).json["unsigned"]

        self.assertNotIn("replaces_state", first["unsigned"])
        self.assertEqual((first["event_id"], {"name": "Moot"}), (second["replaces_state"], second["prev_content"]))
        self.assertEqual("join", second["membership"])

    async def test_members(self) -> None:
        """All, those of one membership, and those not of one; both together are an or."""
        await self.bob.join(self.room_id)
        await self.bob.act(self.room_id, "leave")
        await self.alice.act(self.room_id, "invite", user_id=self.carol.user_id)
        alice, bob, carol = "@alice:localhost", "@bob:localhost", "@carol:localhost"

        self.assertEqual({alice: "join", bob: "leave", carol: "invite"}, await self.members())
        self.assertEqual({alice: "join"}, await self.members(membership="join"))
        self.assertEqual({alice: "join", carol: "invite"}, await self.members(not_membership="leave"))
        self.assertEqual({alice: "join", bob: "leave"}, await self.members(membership="leave", not_membership="invite"))

    async def test_members_at_a_token(self) -> None:
        """As they were where a page or a sync ended."""
        before = f"s{self.api.rooms.tail.head}_0"
        page = (await self.alice.messages(self.room_id, limit=1))["start"]
        await self.bob.join(self.room_id)
        after = f"s{self.api.rooms.tail.head}_0"

        self.assertEqual({"@alice:localhost"}, set(await self.members(at=before)))
        self.assertEqual({"@alice:localhost"}, set(await self.members(at=page)))
        self.assertEqual({"@alice:localhost", "@bob:localhost"}, set(await self.members(at=after)))

    async def test_joined_members(self) -> None:
        """Who is in the room, by the names they have there."""
        await self.bob.call_oneself("Bob")
        await self.bob.join(self.room_id)
        await self.alice.act(self.room_id, "invite", user_id=self.carol.user_id)
        joined = (await self.alice.room(self.room_id, "joined_members")).json["joined"]

        self.assertEqual({"@alice:localhost": {}, "@bob:localhost": {"display_name": "Bob"}}, joined)
        await self.bob.act(self.room_id, "leave")
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(self.room_id, "joined_members"))

    async def test_bad_input(self) -> None:
        """Each parameter is held against what it may be; rooms that are not there are like others."""
        for query in ({"at": "nonsense"}, {"membership": "x"}, {"not_membership": "x"}):
            response = await self.alice.room(self.room_id, "members", **query)
            self.assert_refused(400, "M_INVALID_PARAM", response)
        for what in ("state", "state/m.room.name/", "members", "joined_members"):
            self.assert_refused(403, "M_FORBIDDEN", await self.alice.room("!nowhere:localhost", what))
            self.assert_refused(400, "M_INVALID_PARAM", await self.alice.room("nowhere", what))
            self.assert_refused(
                401, "M_MISSING_TOKEN", await self.api.stranger.get(f"{V3}/rooms/{self.room_id}/{what}")
            )


@each_database
class LargeRoomTests(RoomAPICase):
    """States of many entries are told in several turns, so that others are answered in between."""

    async def test_a_large_state_comes_whole_and_in_pieces(self) -> None:
        """Nothing is missing or told twice; others have their turn before it is done."""
        room_id = await self.alice.create_room(preset="public_chat")
        for number in range(230):
            await self.alice.ok(self.alice.set_state(room_id, "x.entry", {"n": number}, f"k{number}"))
        pending = self.alice.client.start("GET", f"{V3}/rooms/{room_id}/state")
        turns = 0

        def is_answered() -> bool:
            nonlocal turns
            calls = self.api.clock.getDelayedCalls()
            if any(call.getTime() <= self.api.clock.seconds() for call in calls):
                turns += 1
                self.api.clock.advance(0)
            return pending.response is not None

        await until(is_answered, "the state is there")
        assert pending.response is not None
        keys = [event["state_key"] for event in pending.response.json if event["type"] == "x.entry"]

        self.assertEqual(sorted(f"k{number}" for number in range(230)), sorted(keys))
        self.assertGreaterEqual(turns, 1)


def _short(event: Any) -> str:
    """The last part of its type, or whom it is about."""
    named = event["state_key"].partition(":")[0].removeprefix("@")
    return str(named or event["type"].rpartition(".")[2])
