"""Tests of homeserver.services.sliding, through whole answers."""

from typing import Any

from homeserver.core.identifiers import DeviceID, RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA
from homeserver.services.clock import now_ms
from homeserver.services.refusals import UnknownPos
from homeserver.services.sliding.links import forget_connections
from homeserver.services.sliding.settings import SlidingSettings
from homeserver.store import account_data
from homeserver.store.write import Write
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.sliding import LIST, SlidingClient, SlidingServices
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")


class SlidingCase(DatabaseCase):
    """``self.sync`` makes rooms and says things, ``self.client()`` is @alice at a client."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.sync = SyncServices(self.database)
        self.sliding = SlidingServices(self.sync)

    def client(self, user_id: UserID = ALICE, **more: Any) -> SlidingClient:
        return SlidingClient(self.sliding, user_id, **more)

    async def rooms(self, count: int) -> list[RoomID]:
        """Rooms of @alice's that @dave is in as well, the latest last."""
        made = []
        for number in range(count):
            room_id = await self.sync.new_room(ALICE, preset="public_chat", name=f"Room {number}")
            await self.sync.join(room_id, DAVE)
            made.append(room_id)
        return made

    def put(self, tx: Write, user_id: UserID, room_id: str, kind: str, text: str) -> None:
        account_data.replace(tx, user_id, room_id, kind, text, tx.log(ACCOUNT_DATA, user_id))


def ranged(*ranges: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A list of the rooms there."""
    return {**LIST, "ranges": [list(each) for each in ranges], **more}


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


@each_database
class ConnectionTests(SlidingCase):
    def restart(self, **settings: Any) -> SyncServices:
        """The server is another process."""
        self.sync = SyncServices(self.database, rooms=self.sync.rooms)
        self.sliding = SlidingServices(self.sync, SlidingSettings(**settings))
        return self.sync

    async def test_an_answer_that_was_lost_comes_again(self) -> None:
        """Whoever comes with the same pos gets the same rooms, and goes on from there."""
        rooms = await self.rooms(3)
        client = self.client(lists={"top": ranged((0, 0))})
        await client.sync()
        said = await self.sync.say(rooms[0], DAVE)
        lost = await client.peek()
        found = await client.sync()
        after = await client.sync()

        self.assertEqual(list(lost["rooms"]), list(found["rooms"]))
        self.assertEqual(said, client.timelines[rooms[0]][-1])
        self.assertEqual({}, after["rooms"])

    async def test_a_connection_survives_a_restart(self) -> None:
        """The next process sends what is new, and nothing that was sent; of every generation."""
        rooms = await self.rooms(4)
        client = self.client(lists={"top": ranged((0, 1))})
        await client.sync()
        for number in range(4):
            client.services = SlidingServices(self.restart())
            said = await self.sync.say(rooms[number], DAVE, f"after restart {number}")
            answer = await client.sync()

            self.assertEqual([rooms[number]], list(answer["rooms"]))
            self.assertEqual(said, client.timelines[rooms[number]][-1])
        self.restart()
        client.services = self.sliding
        client.lists = {"top": ranged((0, 9))}
        self.assertEqual({}, (await client.sync())["rooms"])

    async def test_a_pos_of_before_is_refused(self) -> None:
        """Once the client has come with a later one, an earlier pos is good for nothing."""
        rooms = await self.rooms(3)
        client = self.client(lists={"top": ranged((0, 0))})
        await client.sync()
        old = client.pos
        for number in range(2):
            await self.sync.say(rooms[number], DAVE)
            await client.sync()
        client.pos = old

        with self.assertRaises(UnknownPos):
            await client.peek()

    async def test_a_pos_is_good_for_its_own_device_and_connection_only(self) -> None:
        """Another user, device or connection has no use for it."""
        await self.rooms(1)
        client = self.client()
        await client.sync()
        for change in ({"user_id": DAVE}, {"device": DeviceID("OTHER")}, {"conn_id": "other"}):
            thief = SlidingClient(self.sliding, **{"user_id": ALICE, "pos": client.pos, **change})  # type: ignore[arg-type]
            with self.subTest(**change), self.assertRaises(UnknownPos):
                await thief.peek()

    async def test_a_device_has_so_many_connections(self) -> None:
        """Those used longest ago start anew."""
        await self.rooms(1)
        self.restart(connections_per_device_max=2)
        clients = [self.client(conn_id=f"{number}") for number in range(3)]
        for client in clients:
            self.sync.clock.advance(1)
            await client.sync()

        await clients[2].peek()
        await clients[1].peek()
        with self.assertRaises(UnknownPos):
            await clients[0].peek()

    async def test_starting_anew_ends_the_connection_of_that_name(self) -> None:
        """Its pos is good for nothing any more, and everything comes again."""
        (room_id,) = await self.rooms(1)
        client, other = self.client(), self.client()
        await client.sync()

        answer = await other.sync()

        self.assertEqual([room_id], list(answer["rooms"]))
        with self.assertRaises(UnknownPos):
            await client.peek()

    async def test_a_message_in_a_room_that_the_client_has_writes_nothing(self) -> None:
        """The connection stays as it is stored: where the client is says its token."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        generation = client.pos and client.pos.rsplit("_", 1)[1]
        for number in range(3):
            await self.sync.say(room_id, DAVE, f"{number}")
            await client.sync()

        self.assertEqual(generation, client.pos and client.pos.rsplit("_", 1)[1])

    async def test_a_connection_in_use_is_not_forgotten(self) -> None:
        """Though nothing of it changes for weeks."""
        (room_id,) = await self.rooms(1)
        chore = forget_connections(SlidingSettings(connections_kept_days=15))
        client = self.client(device=DeviceID(""))
        await client.sync()
        for number in range(4):
            self.sync.clock.advance(10 * 86_400)
            await self.sync.say(room_id, DAVE, f"{number}")
            await client.sync()
            await self.database.write(chore, now_ms(self.sync.clock))
        self.restart()
        client.services = self.sliding
        said = await self.sync.say(room_id, DAVE, "last")
        await client.sync()

        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_waiting_until_something_happens(self) -> None:
        """Who waits is answered by a message, and not by what happens elsewhere."""
        (room_id,) = await self.rooms(1)
        elsewhere = await self.sync.new_room(DAVE, preset="private_chat")
        client = self.client()
        await client.sync()
        waiting = client.wait()
        await self.sync.say(elsewhere, DAVE)
        self.sync.turn()
        self.assertNoResult(waiting)
        said = await self.sync.say(room_id, DAVE)
        self.sync.turn()

        client.take(await waiting)
        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_waiting_until_the_time_is_over(self) -> None:
        """Then the answer is empty, and the client goes on from it."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        waiting = client.wait(10_000)
        self.sync.turn()
        self.assertNoResult(waiting)
        self.sync.clock.advance(10)
        answer = await waiting
        client.take(answer)
        said = await self.sync.say(room_id, DAVE)
        await client.sync()

        self.assertEqual({}, answer["rooms"])
        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_a_request_that_was_given_up_answers_nothing(self) -> None:
        """When its client has asked again since, what it would say is of no use to anybody."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        given_up = client.wait()
        again = client.wait()
        said = await self.sync.say(room_id, DAVE)
        self.sync.turn()

        self.assertEqual({}, (await given_up)["rooms"])
        client.take(await again)
        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_other_lists_are_answered_at_once(self) -> None:
        """A client that asks for another list wants to know how long it is, news or not."""
        await self.rooms(1)
        client = self.client()
        await client.sync()
        client.lists = {"direct": {**LIST, "filters": {"is_dm": True}}}

        answer = self.successResultOf(client.wait()) if self.kind == "sqlite" else await client.wait()

        self.assertEqual({"direct": {"count": 0}}, answer["lists"])


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
        self.sync.turn()
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
