"""Tests of homeserver.services.sync.left and .invited, through whole syncs."""

from typing import Any

from homeserver.core.identifiers import UserID
from homeserver.services.departing import _forget
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")
LEAVE: Any = {"room": {"include_leave": True}}


@each_database
class LeftRoomsTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)

    async def rooms_for(self, user_id: UserID, since: str | None = None, **more: object) -> Any:
        answer = await self.services.sync(user_id, since, **more)
        return answer.get("rooms", {})

    async def test_a_room_that_is_left_appears_once(self) -> None:
        """It comes with what was said up to the leaving, and nothing after; then never again."""
        first = await self.services.sync(DAVE)
        before = await self.services.say(self.room_id, ALICE, "stay")
        left = await self.services.member(self.room_id, DAVE, "leave")
        await self.services.say(self.room_id, ALICE, "gone")

        second = await self.services.sync(DAVE, first["next_batch"])
        third = await self.services.sync(DAVE, second["next_batch"])

        room = second["rooms"]["leave"][self.room_id]
        self.assertEqual([before, left], [event["event_id"] for event in room["timeline"]["events"]])
        self.assertNotIn("join", second["rooms"])
        self.assertNotIn("rooms", third)

    async def test_a_ban_is_a_leaving(self) -> None:
        """Who is banned sees the ban, and nothing after it."""
        first = await self.services.sync(DAVE)
        banned = await self.services.member(self.room_id, DAVE, "ban", ALICE)
        await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "gossip"})

        room = (await self.rooms_for(DAVE, first["next_batch"]))["leave"][self.room_id]

        self.assertEqual([banned], [event["event_id"] for event in room["timeline"]["events"]])
        self.assertEqual([], room["state"]["events"])

    async def test_rooms_left_long_ago_come_on_request(self) -> None:
        """A first sync has them only with ``include_leave``, with the state as it was on leaving."""
        await self.services.member(self.room_id, DAVE, "leave")
        await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "gossip"})

        without = await self.rooms_for(DAVE)
        room = (await self.rooms_for(DAVE, filter=LEAVE))["leave"][self.room_id]

        self.assertNotIn("leave", without)
        types = [event["type"] for event in room["timeline"]["events"] + room["state"]["events"]]
        self.assertIn("m.room.create", types)
        self.assertNotIn("m.room.topic", types)

    async def test_a_forgotten_room_never_appears(self) -> None:
        """Once forgotten, a room is in no sync, whatever the filter."""
        first = await self.services.sync(DAVE)
        await self.services.member(self.room_id, DAVE, "leave")
        await self._forget(DAVE)

        self.assertNotIn("leave", await self.rooms_for(DAVE, first["next_batch"]))
        self.assertNotIn("leave", await self.rooms_for(DAVE, filter=LEAVE))

    async def _forget(self, user_id: UserID) -> None:
        row = (await self.services.memberships.of(user_id)).rows[self.room_id]
        await self.database.write(_forget, row)

    async def test_an_invite_shows_what_the_room_is(self) -> None:
        """The stripped state has the create event, the name, and the invite itself; each invite comes once."""
        await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "Moot"})
        first = await self.services.sync(ERIN)
        await self.services.member(self.room_id, ERIN, "invite", ALICE)

        second = await self.services.sync(ERIN, first["next_batch"])
        third = await self.services.sync(ERIN, second["next_batch"])

        events = second["rooms"]["invite"][self.room_id]["invite_state"]["events"]
        found = {(event["type"], event["state_key"]): event["content"] for event in events}
        self.assertIn(("m.room.create", ""), found)
        self.assertEqual({"name": "Moot"}, found["m.room.name", ""])
        self.assertEqual("invite", found["m.room.member", ERIN]["membership"])
        self.assertNotIn(("m.room.power_levels", ""), found)
        self.assertTrue(all(event.keys() == {"type", "state_key", "sender", "content"} for event in events))
        self.assertNotIn("rooms", third)
        self.assertIn("invite", await self.rooms_for(ERIN))

    async def test_a_declined_invite_goes(self) -> None:
        """The room is then among those left, without anything but the user's own membership."""
        secret = await self.services.new_room(ALICE)
        await self.services.say(secret, ALICE, "secret")
        await self.services.member(secret, ERIN, "invite", ALICE)
        first = await self.services.sync(ERIN)
        declined = await self.services.member(secret, ERIN, "leave")

        rooms = await self.rooms_for(ERIN, first["next_batch"])

        room = rooms["leave"][secret]
        self.assertIn(declined, [event["event_id"] for event in room["timeline"]["events"]])
        self.assertEqual({"m.room.member"}, {event["type"] for event in room["timeline"]["events"]})
        self.assertEqual([], room["state"]["events"])
        self.assertNotIn("invite", rooms)

    async def test_clients_that_want_states_as_they_are_after(self) -> None:
        """With ``state_after``, declining an invite and the end of a ban are told by the state too, once."""
        secret = await self.services.new_room(ALICE)
        await self.services.member(secret, ERIN, "invite", ALICE)
        await self.services.join(self.room_id, ERIN)
        await self.services.member(self.room_id, ERIN, "ban", ALICE)
        first = await self.services.sync(ERIN, state_after=True)
        declined = await self.services.member(secret, ERIN, "leave")
        unbanned = await self.services.member(self.room_id, ERIN, "leave", ALICE)

        second = await self.services.sync(ERIN, first["next_batch"], state_after=True)
        third = await self.services.sync(ERIN, second["next_batch"], state_after=True)

        for room_id, event_id in ((secret, declined), (self.room_id, unbanned)):
            room = second["rooms"]["leave"][room_id]
            self.assertEqual([event_id], [event["event_id"] for event in room["state_after"]["events"]])
            self.assertEqual([event_id], [event["event_id"] for event in room["timeline"]["events"]])
        self.assertNotIn("rooms", third)

    async def test_invites_of_ignored_users_are_hidden(self) -> None:
        """Who ignores a user is not told of their invites."""
        await self.services.account_data.set(ERIN, None, "m.ignored_user_list", {"ignored_users": {ALICE: {}}})
        await self.services.member(self.room_id, ERIN, "invite", ALICE)

        self.assertNotIn("invite", await self.rooms_for(ERIN))

    async def test_a_knock_shows_what_the_room_is(self) -> None:
        """Who knocks is shown the stripped state under ``knock``."""
        room_id = await self.services.new_room(ALICE)
        await self.services.set_state(room_id, ALICE, "m.room.join_rules", {"join_rule": "knock"})
        await self.services.member(room_id, ERIN, "knock")

        room = (await self.rooms_for(ERIN))["knock"][room_id]

        self.assertIn("m.room.create", [event["type"] for event in room["knock_state"]["events"]])
        self.assertIn("m.room.member", [event["type"] for event in room["knock_state"]["events"]])

    async def test_who_left_and_came_back_missed_what_was_hidden(self) -> None:
        """A client that slept through leaving and rejoining gets what it may see, without what was said in between."""
        await self.services.set_state(
            self.room_id, ALICE, "m.room.history_visibility", {"history_visibility": "joined"}
        )
        first = await self.services.sync(DAVE)
        await self.services.member(self.room_id, DAVE, "leave")
        secret = await self.services.say(self.room_id, ALICE, "secret")
        topic = await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "new"})
        await self.services.join(self.room_id, DAVE)

        room = (await self.rooms_for(DAVE, first["next_batch"]))["join"][self.room_id]

        shown = [event["event_id"] for event in room["timeline"]["events"]]
        self.assertNotIn(secret, shown)
        self.assertIn(topic, shown + [event["event_id"] for event in room["state"]["events"]])
