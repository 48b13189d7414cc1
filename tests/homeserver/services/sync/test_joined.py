"""Tests of homeserver.services.sync.joined, through whole syncs."""

from homeserver.core.drafts import Draft
from homeserver.core.events import StateKey
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.log import STATE
from homeserver.store import state
from homeserver.store.write import Write
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.syncing import Follower, SyncServices

ERIN = UserID("@erin:one.example")


@each_database
class JoinedRoomsTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)

    async def room_for(self, user_id: UserID, since: str | None = None, **more: object) -> dict:  # type: ignore[type-arg]
        answer = await self.services.sync(user_id, since, **more)
        return answer["rooms"]["join"][self.room_id]  # type: ignore[no-any-return]

    async def test_a_first_sync_gives_a_small_room_whole(self) -> None:
        """All events are in the timeline, so that nothing is left for the state."""
        sent = await self.services.say(self.room_id, DAVE)

        room = await self.room_for(ALICE)

        self.assertEqual(sent, room["timeline"]["events"][-1]["event_id"])
        self.assertEqual("m.room.create", room["timeline"]["events"][0]["type"])
        self.assertFalse(room["timeline"]["limited"])
        self.assertEqual([], room["state"]["events"])

    async def test_what_is_new_comes_once(self) -> None:
        """A sync from the token of the last one gives what came since, and then nothing."""
        first = await self.services.sync(ALICE)
        sent = await self.services.say(self.room_id, DAVE)

        second = await self.services.sync(ALICE, first["next_batch"])
        third = await self.services.sync(ALICE, second["next_batch"])

        timeline = second["rooms"]["join"][self.room_id]["timeline"]
        self.assertEqual([sent], [event["event_id"] for event in timeline["events"]])
        self.assertFalse(timeline["limited"])
        self.assertNotIn("rooms", third)

    async def test_what_is_too_old_for_everybody(self) -> None:
        """Is not shown to those either who were in the room all the time; state is, and the room is not whole."""
        first = (await self.services.sync(ALICE))["next_batch"]
        await self.services.say(self.room_id, DAVE, "old")
        visible = self.services.timelines.visible

        class Horizon:
            async def oldest_shown(self, room_nid: int, room_id: RoomID) -> int | None:
                return 2**53

        visible.horizon = Horizon()
        topic = await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "x"})
        timeline = (await self.room_for(ALICE, first))["timeline"]

        self.assertEqual([topic], [event["event_id"] for event in timeline["events"]])
        self.assertTrue(timeline["limited"])

    async def test_the_state_of_a_gap_tells_what_the_reader_was(self) -> None:
        """In the room, wherever that is certain."""
        first = (await self.services.sync(ALICE))["next_batch"]
        await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "x"})
        for number in range(25):
            await self.services.say(self.room_id, DAVE, f"message {number}")
        state_events = (await self.room_for(ALICE, first))["state"]["events"]

        self.assertEqual(["join"], [event["unsigned"]["membership"] for event in state_events])

    async def test_a_first_sync_tells_what_the_reader_was(self) -> None:
        """From their coming on; what they were before is not looked up for each event of a state."""
        await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "x"})
        for number in range(25):
            await self.services.say(self.room_id, ALICE, f"message {number}")
        told = {
            event["type"]: event["unsigned"].get("membership")
            for event in (await self.room_for(DAVE))["state"]["events"]
            if event["type"] != "m.room.member"
        }

        self.assertEqual(("join", None), (told["m.room.topic"], told["m.room.create"]))

    async def test_a_gap_is_bridged_by_the_state(self) -> None:
        """When more has happened than is shown, what changed in the gap is in the state, and what is shown is not."""
        first = await self.services.sync(ALICE)
        topic = await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "x"})
        for number in range(25):
            await self.services.say(self.room_id, DAVE, f"message {number}")
        name = await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "Moot"})

        room = await self.room_for(ALICE, first["next_batch"])

        self.assertTrue(room["timeline"]["limited"])
        self.assertEqual(20, len(room["timeline"]["events"]))
        self.assertEqual(name, room["timeline"]["events"][-1]["event_id"])
        self.assertEqual([topic], [event["event_id"] for event in room["state"]["events"]])

    async def test_a_key_that_changes_on_both_sides_of_the_gap(self) -> None:
        """The state is that before the timeline: the older value is in the state, the newer in the timeline."""
        first = await self.services.sync(ALICE)
        older = await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "old"})
        for number in range(25):
            await self.services.say(self.room_id, DAVE, f"message {number}")
        newer = await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "new"})

        room = await self.room_for(ALICE, first["next_batch"])
        after = await self.room_for(ALICE, first["next_batch"], state_after=True)

        self.assertEqual([older], [event["event_id"] for event in room["state"]["events"]])
        self.assertEqual(newer, room["timeline"]["events"][-1]["event_id"])
        self.assertEqual([newer], [event["event_id"] for event in after["state_after"]["events"]])
        self.assertNotIn("state", after)

    async def test_state_after_repeats_what_the_timeline_shows(self) -> None:
        """With state_after, a state event is in both places, and on a first sync the state is whole."""
        first = await self.services.sync(ALICE, state_after=True)
        name = await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "Moot"})

        room = await self.room_for(ALICE, first["next_batch"], state_after=True)

        whole = first["rooms"]["join"][self.room_id]["state_after"]["events"]
        self.assertIn("m.room.create", [event["type"] for event in whole])
        self.assertEqual([name], [event["event_id"] for event in room["state_after"]["events"]])
        self.assertEqual([name], [event["event_id"] for event in room["timeline"]["events"]])

    async def test_a_state_event_tells_what_it_replaced(self) -> None:
        """``unsigned`` has the previous content; and the age and the reader's membership of every event."""
        await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "old"})
        first = await self.services.sync(ALICE)
        await self.services.set_state(self.room_id, ALICE, "m.room.name", {"name": "new"})

        room = await self.room_for(ALICE, first["next_batch"])

        unsigned = room["timeline"]["events"][0]["unsigned"]
        self.assertEqual({"name": "old"}, unsigned["prev_content"])
        self.assertEqual("join", unsigned["membership"])
        self.assertEqual(0, unsigned["age"])

    async def test_who_joins_gets_the_room_as_it_is(self) -> None:
        """A room just joined has its whole state and recent timeline, though it is older than the token."""
        erin = await self.services.sync(ERIN)
        for number in range(30):
            await self.services.say(self.room_id, DAVE, f"message {number}")
        await self.services.join(self.room_id, ERIN)

        room = await self.room_for(ERIN, erin["next_batch"])

        types = [event["type"] for event in room["state"]["events"]]
        self.assertIn("m.room.create", types)
        self.assertEqual(20, len(room["timeline"]["events"]))
        self.assertTrue(room["timeline"]["limited"])
        self.assertEqual(3, room["summary"]["m.joined_member_count"])

    async def test_history_is_hidden_from_who_may_not_see_it(self) -> None:
        """Where only members see what was said, a new member sees nothing from before."""
        await self.services.set_state(
            self.room_id, ALICE, "m.room.history_visibility", {"history_visibility": "joined"}
        )
        secret = await self.services.say(self.room_id, DAVE, "secret")
        await self.services.join(self.room_id, ERIN)
        said = await self.services.say(self.room_id, DAVE, "welcome")

        room = await self.room_for(ERIN)

        shown = [event["event_id"] for event in room["timeline"]["events"]]
        self.assertNotIn(secret, shown)
        self.assertEqual(said, shown[-1])
        types = {event["type"] for event in room["state"]["events"] + room["timeline"]["events"]}
        self.assertLessEqual({"m.room.create", "m.room.member", "m.room.history_visibility"}, types)

    async def test_what_was_said_before_joining_and_arrives_after_is_hidden(self) -> None:
        """An event of another server from beside the line is judged by the state that it was sent in."""
        await self.services.set_state(
            self.room_id, ALICE, "m.room.history_visibility", {"history_visibility": "joined"}
        )
        row = (await self.services.memberships.of(ALICE)).joined[self.room_id]
        before = self.services.tail.head
        await self.services.join(self.room_id, ERIN)
        late = await self.services.say(self.room_id, DAVE, "before you came")
        entry = await self.services.known.by_id(late)
        assert entry is not None
        await self.database.write(_send_in, row.room_nid, entry.nid, before)
        # As far as the services can tell, Dave is a user of another server.
        services = SyncServices(self.database, rooms=self.services.rooms, server=ServerName("two.example"))

        for user_id, is_shown in ((ALICE, True), (ERIN, False)):
            timeline = (await services.sync(user_id))["rooms"]["join"][self.room_id]["timeline"]
            self.assertEqual(is_shown, late in [event["event_id"] for event in timeline["events"]])

    async def test_a_changed_profile_does_not_make_a_room_new(self) -> None:
        """A member who changes their name gets that event, and not the room once more."""
        first = await self.services.sync(DAVE)
        await self.services.set_state(
            self.room_id, DAVE, "m.room.member", {"membership": "join", "displayname": "David"}, DAVE
        )

        room = await self.room_for(DAVE, first["next_batch"])

        self.assertEqual(1, len(room["timeline"]["events"]))
        self.assertEqual([], room["state"]["events"])
        self.assertFalse(room["timeline"]["limited"])

    async def test_only_the_sending_device_sees_its_transaction(self) -> None:
        """``transaction_id`` is for the device that sent the event."""
        first = await self.services.sync(DAVE)
        await self.services.say(self.room_id, DAVE, "mine")

        own = await self.room_for(DAVE, first["next_batch"])
        other = await self.room_for(DAVE, first["next_batch"], device="LAPTOP")

        self.assertEqual("txn-mine", own["timeline"]["events"][0]["unsigned"]["transaction_id"])
        self.assertNotIn("transaction_id", other["timeline"]["events"][0]["unsigned"])

    async def test_a_redacted_event_is_shown_redacted(self) -> None:
        """What was redacted is served without its content and with the redaction, also when it was in memory before."""
        sent = await self.services.say(self.room_id, DAVE, "oops")
        first = await self.services.sync(ALICE)
        await self.services.rooms.timeline.send(
            self.room_id, Draft("m.room.redaction", ALICE, {"redacts": sent}, redacts=sent)
        )

        again = await self.room_for(ALICE)
        more = await self.room_for(ALICE, first["next_batch"])

        event = next(event for event in again["timeline"]["events"] if event["event_id"] == sent)
        self.assertEqual({}, event["content"])
        self.assertEqual("m.room.redaction", event["unsigned"]["redacted_because"]["type"])
        self.assertEqual(sent, more["timeline"]["events"][0]["redacts"])

    async def test_lazily_loaded_members_come_with_what_they_say(self) -> None:
        """With lazy loading, members come when they first speak, and not again; the user's own at first."""
        lazy = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 1}}}
        await self.services.join(self.room_id, ERIN)
        follower = Follower(self.services, ALICE, lazy)
        await self.services.say(self.room_id, ALICE, "first")
        first = await follower.sync()
        await self.services.say(self.room_id, ERIN, "second")
        second = await follower.sync()
        await self.services.say(self.room_id, ERIN, "third")
        third = await follower.sync()

        self.assertNotIn(DAVE, _members(second) | _members(third))
        self.assertLessEqual({ALICE}, _members(first))
        self.assertEqual(set(), _members(third))

    async def test_an_answer_that_was_lost_introduces_members_again(self) -> None:
        """A client that repeats a request gets the members that came with the answer it never had."""
        lazy = {"room": {"state": {"lazy_load_members": True}}}
        for number in range(30):
            await self.services.say(self.room_id, ALICE, str(number))
        first = await self.services.sync(ALICE, filter=lazy)
        await self.services.say(self.room_id, DAVE, "hello")

        lost = await self.services.sync(ALICE, first["next_batch"], filter=lazy)
        again = await self.services.sync(ALICE, first["next_batch"], filter=lazy)

        self.assertEqual(_members(lost, self.room_id), _members(again, self.room_id))

    async def test_a_filter_is_looked_through_for_older_events(self) -> None:
        """Where the filter hides the newest events, older ones that it wants are shown, and the state makes up."""
        wanted = await self.services.say(self.room_id, DAVE, "wanted")
        for number in range(60):
            await self.services.rooms.timeline.send(self.room_id, Draft("org.example.noise", DAVE, {"n": number}))
        only = {"room": {"timeline": {"types": ["m.room.message"], "limit": 5}}}

        room = await self.room_for(ALICE, filter=only)

        self.assertEqual([wanted], [event["event_id"] for event in room["timeline"]["events"]])
        self.assertIn("m.room.create", [event["type"] for event in room["state"]["events"]])

    async def test_rooms_that_are_not_wanted_are_left_out(self) -> None:
        """``rooms`` and ``not_rooms`` of the room filter choose rooms."""
        other = await self.services.new_room(ALICE)

        answer = await self.services.sync(ALICE, filter={"room": {"not_rooms": [self.room_id]}})

        self.assertEqual([other], list(answer["rooms"]["join"]))

    async def test_the_full_state_comes_on_request(self) -> None:
        """``full_state`` gives every room with all of its state, though nothing happened, and does not wait."""
        first = await self.services.sync(ALICE)

        room = await self.room_for(ALICE, first["next_batch"], full_state=True, timeout_ms=60_000)

        self.assertIn("m.room.create", [event["type"] for event in room["state"]["events"]])
        self.assertEqual([], room["timeline"]["events"])

    async def test_state_that_changes_without_an_event_is_told(self) -> None:
        """What resolution makes current again is in the state, though nothing is in the timeline."""
        older = await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "old"})
        await self.services.set_state(self.room_id, ALICE, "m.room.topic", {"topic": "new"})
        first = await self.services.sync(ALICE)
        row = (await self.services.memberships.of(ALICE)).joined[self.room_id]
        entry = await self.services.known.by_id(older)
        assert entry is not None
        await self.database.write(_revert, row.room_nid, self.room_id, ("m.room.topic", ""), entry.nid)

        for after, name in ((False, "state"), (True, "state_after")):
            room = await self.room_for(ALICE, first["next_batch"], state_after=after)
            self.assertEqual([older], [event["event_id"] for event in room[name]["events"]])
            self.assertEqual([], room["timeline"]["events"])

    async def test_a_limited_timeline_bundles_what_relates(self) -> None:
        """An event of a limited timeline tells of its thread, of which the client may have missed the replies."""
        for number in range(25):
            await self.services.say(self.room_id, DAVE, f"message {number}")
        root = await self.services.say(self.room_id, DAVE, "root")
        relation = {"rel_type": "m.thread", "event_id": root}
        reply = await self.services.say(self.room_id, ALICE, "reply", **{"m.relates_to": relation})

        room = await self.room_for(ALICE)

        event = next(event for event in room["timeline"]["events"] if event["event_id"] == root)
        thread = event["unsigned"]["m.relations"]["m.thread"]
        self.assertEqual((1, reply), (thread["count"], thread["latest_event"]["event_id"]))

    async def test_what_was_ignored_is_not_shown(self) -> None:
        """Messages of ignored users are hidden; their state events are not."""
        await self.services.account_data.set(ALICE, None, "m.ignored_user_list", {"ignored_users": {DAVE: {}}})
        first = await self.services.sync(ALICE)
        await self.services.say(self.room_id, DAVE, "unwanted")
        await self.services.set_state(
            self.room_id, DAVE, "m.room.member", {"membership": "join", "displayname": "D"}, DAVE
        )

        room = await self.room_for(ALICE, first["next_batch"])

        self.assertEqual(["m.room.member"], [event["type"] for event in room["timeline"]["events"]])


def _send_in(tx: Write, room_nid: int, event_nid: int, position: int) -> None:
    state.assign(tx, event_nid, state.insert_state(tx, room_nid, {}, base_position=position))


def _revert(tx: Write, room_nid: int, room_id: RoomID, key: StateKey, event_nid: int) -> None:
    state.change(tx, room_nid, tx.log(STATE, room_id), key, event_nid)


def _members(answer: dict, room_id: str | None = None) -> set[str]:  # type: ignore[type-arg]
    rooms = answer["rooms"]["join"]
    return {
        event["state_key"]
        for name, room in rooms.items()
        if room_id in (None, name)
        for event in room["state"]["events"]
        if event["type"] == "m.room.member"
    }
