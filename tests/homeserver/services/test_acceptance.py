"""Tests of homeserver.services.acceptance: two servers in one room, their events carried by hand."""

from twisted.internet import reactor

from homeserver.core.drafts import Draft
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.timeline import Status
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.acceptance import MissingEvents
from homeserver.store.database import open_database
from tests.builders import ALICE, BOB
from tests.databases import DatabaseCase, each_database, fresh_settings
from tests.rooms import RoomServices, room_services

TWO = ServerName("two.example")


def message(sender: UserID, body: str) -> Draft:
    return Draft("m.room.message", sender, {"msgtype": "m.text", "body": body})


def topic(sender: UserID, text: str) -> Draft:
    return Draft("m.room.topic", sender, {"topic": text}, "")


def name(sender: UserID, text: str) -> Draft:
    return Draft("m.room.name", sender, {"name": text}, "")


@each_database
class AcceptanceTests(DatabaseCase):
    """alice's server has the room, bob's comes in; each test says what then crosses between them."""

    def setUp(self) -> None:
        super().setUp()
        self.one = room_services(self.database)
        other = open_database(self.enterContext(fresh_settings(self.kind)), reactor)  # type: ignore[arg-type]
        self.addCleanup(other.close)
        self.two = room_services(other, TWO)

    async def shared_room(self, version: str = "12") -> RoomID:
        """A room in which both are, and both may change the state."""
        room_id = await self.one.new_room(
            ALICE, version, preset="public_chat", power_level_content_override={"state_default": 0, "events": {}}
        )
        room = await self.one.live_rooms.load(room_id)
        template = await self.one.timeline.composer.compose(
            room, Draft("m.room.member", BOB, {"membership": "join"}, BOB)
        )
        state = [entry.event for entry in (await self.one.known.by_ids(room.state.values())).values()]
        await self.two.arrival.arrive(template, state, state)
        self.assertEqual(Status.ACCEPTED, await self.one.acceptance.accept(template))
        return room_id

    async def carry(self, event_id: EventID, source: RoomServices, target: RoomServices) -> Status:
        """What *target* makes of an event of *source*."""
        entry = await source.known.by_id(event_id)
        assert entry is not None
        return await target.acceptance.accept(entry.event)

    async def states(self, room_id: RoomID) -> list[dict[tuple[str, str], EventID]]:
        return [dict((await server.live_rooms.load(room_id)).state) for server in (self.one, self.two)]

    async def test_events_in_order_are_accepted_on_both_sides(self) -> None:
        """In every version what one server sends the other takes, and both have the same state."""
        for version in ROOM_VERSIONS:
            room_id = await self.shared_room(version)
            first = await self.one.timeline.send(room_id, message(ALICE, "hello"))
            self.assertEqual(Status.ACCEPTED, await self.carry(first, self.one, self.two))
            second = await self.two.timeline.send(room_id, name(BOB, "Bob's moot"))
            self.assertEqual(Status.ACCEPTED, await self.carry(second, self.two, self.one))

            one, two = await self.states(room_id)

            self.assertEqual(one, two)
            self.assertEqual(second, one["m.room.name", ""])

    async def test_what_the_room_began_with_is_not_refused(self) -> None:
        """Whoever joined has it as part of the state; told of it once more, with the history, it stays good."""
        room_id = await self.shared_room()
        room = await self.one.live_rooms.load(room_id)
        create = room.state["m.room.create", ""]
        status = await self.carry(create, self.one, self.two)
        self.two.known.forget(create)
        entry = await self.two.known.by_id(create)
        first = await self.one.timeline.send(room_id, message(ALICE, "hello"))

        assert entry is not None
        self.assertEqual((Status.ACCEPTED, Status.OUTLIER), (status, entry.status))
        self.assertEqual(Status.ACCEPTED, await self.carry(first, self.one, self.two))

    async def test_a_fork_heals_to_one_state(self) -> None:
        """State that both changed at once is the same on both sides when each has the other's events."""
        for version in ROOM_VERSIONS:
            room_id = await self.shared_room(version)
            of_one = [
                await self.one.timeline.send(room_id, draft)
                for draft in (topic(ALICE, "one"), message(ALICE, "a"), name(ALICE, "only one"))
            ]
            of_two = [await self.two.timeline.send(room_id, draft) for draft in (topic(BOB, "two"), message(BOB, "b"))]

            for event_id in of_two:
                self.assertEqual(Status.ACCEPTED, await self.carry(event_id, self.two, self.one))
            for event_id in of_one:
                self.assertEqual(Status.ACCEPTED, await self.carry(event_id, self.one, self.two))

            one, two = await self.states(room_id)
            self.assertEqual(one, two)
            self.assertEqual(of_one[2], one["m.room.name", ""])
            merged = await self.one.timeline.send(room_id, message(ALICE, "together again"))
            self.assertEqual(Status.ACCEPTED, await self.carry(merged, self.one, self.two))
            one, two = await self.states(room_id)
            self.assertEqual(one, two)

    async def test_a_ban_wins_over_what_the_banned_say_beside_it(self) -> None:
        """Events that a banned user sends on a branch of his own are soft-failed once the ban is here."""
        room_id = await self.shared_room()
        ban = await self.one.timeline.send(room_id, Draft("m.room.member", ALICE, {"membership": "ban"}, BOB))
        defiant = await self.two.timeline.send(room_id, message(BOB, "you cannot stop me"))

        self.assertEqual(Status.SOFT_FAILED, await self.carry(defiant, self.two, self.one))
        self.assertEqual(Status.ACCEPTED, await self.carry(ban, self.one, self.two))

        one, two = await self.states(room_id)
        self.assertEqual(ban, one["m.room.member", BOB])
        self.assertEqual(one, two)

    async def test_an_event_that_its_own_auth_events_deny_is_rejected(self) -> None:
        """Who cites a membership that is no join is rejected, and stays so."""
        room_id = await self.shared_room()
        room = await self.two.live_rooms.load(room_id)
        good = await self.two.timeline.composer.compose(room, message(BOB, "x"))
        forged = await self.two.timeline.composer.compose(room, topic(BOB, "y"))
        bad = Event(
            EventID("$forged"), good.room_id, "m.room.power_levels", BOB, "", {"users": {BOB: 100}}, good.prev_events,
            forged.auth_events, good.depth, good.origin_server_ts, None, good.version,
            {**good.pdu, "type": "m.room.power_levels", "state_key": "", "content": {"users": {BOB: 100}}},
        )  # fmt: skip

        self.assertEqual(Status.REJECTED, await self.one.acceptance.accept(bad))
        self.assertEqual(Status.REJECTED, await self.one.acceptance.accept(bad))
        one, _ = await self.states(room_id)
        self.assertNotEqual(bad.event_id, one["m.room.power_levels", ""])

    async def test_what_is_missing_is_named(self) -> None:
        """An event after one that has not come yet asks for it by ID, and is accepted after it."""
        room_id = await self.shared_room()
        first = await self.one.timeline.send(room_id, message(ALICE, "1"))
        second = await self.one.timeline.send(room_id, message(ALICE, "2"))

        with self.assertRaises(MissingEvents) as caught:
            await self.carry(second, self.one, self.two)

        self.assertEqual({first}, caught.exception.event_ids)
        await self.carry(first, self.one, self.two)
        self.assertEqual(Status.ACCEPTED, await self.carry(second, self.one, self.two))

    async def test_a_gap_is_bridged_by_the_state_that_a_peer_tells(self) -> None:
        """With the state before it an event is accepted though what it follows is unknown."""
        room_id = await self.shared_room()
        renamed = await self.one.timeline.send(room_id, name(ALICE, "while you were away"))
        latest = await self.one.timeline.send(room_id, message(ALICE, "hello again"))
        room = await self.one.live_rooms.load(room_id)
        entry = await self.one.known.by_id(renamed)
        assert entry is not None
        await self.two.outliers.store(room_id, room.version, [entry.event])
        latest_entry = await self.one.known.by_id(latest)
        assert latest_entry is not None

        status = await self.two.acceptance.accept(latest_entry.event, dict(room.state))

        self.assertEqual(Status.ACCEPTED, status)
        one, two = await self.states(room_id)
        self.assertEqual(one, two)

    async def test_the_state_survives_a_restart(self) -> None:
        """Read afresh from the store, a forked room is as it was in memory."""
        room_id = await self.shared_room()
        of_one = await self.one.timeline.send(room_id, topic(ALICE, "one"))
        of_two = await self.two.timeline.send(room_id, name(BOB, "two"))
        await self.carry(of_two, self.two, self.one)
        before = await self.one.live_rooms.load(room_id)

        again = room_services(self.database)

        room = await again.live_rooms.load(room_id)
        self.assertEqual(before.state, room.state)
        self.assertEqual({of_one, of_two}, room.extremities.keys())
        self.assertEqual(before.servers, room.servers)
