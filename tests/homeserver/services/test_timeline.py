"""Tests of homeserver.services.timeline."""

import itertools

from twisted.internet.defer import ensureDeferred, gatherResults

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.room_creation import InitialState
from homeserver.services.refusals import Forbidden, NotInRoom
from homeserver.store import events, state
from homeserver.store.room_heads import NEWEST, by_id
from tests.builders import ALICE, DAVE, VERSIONS
from tests.databases import DatabaseCase, each_database
from tests.rooms import room_services


def message(sender: UserID, body: str) -> Draft:
    return Draft("m.room.message", sender, {"msgtype": "m.text", "body": body})


@each_database
class TimelineTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.rooms = room_services(self.database)

    async def timeline_of(self, room_id: RoomID) -> list[tuple[str, str | None]]:
        """The types and state keys of what is stored in the room's timeline."""
        head = await self.database.read(by_id, room_id)
        assert head is not None
        found = await self.database.read(events.between, head.nid, 0, 2**62, 1_000)
        return [(event.type, event.state_key) for event in found]

    async def test_a_new_room_begins_with_what_was_asked_for(self) -> None:
        """In every version the events that a request implies stand in the order that the spec gives."""
        for version in VERSIONS:
            room_id = await self.rooms.new_room(
                ALICE, version, name="Moot", initial_state=[InitialState("m.room.encryption", {"algorithm": "x"})]
            )

            self.assertEqual(
                [
                    ("m.room.create", ""),
                    ("m.room.member", ALICE),
                    ("m.room.power_levels", ""),
                    ("m.room.join_rules", ""),
                    ("m.room.history_visibility", ""),
                    ("m.room.guest_access", ""),
                    ("m.room.encryption", ""),
                    ("m.room.name", ""),
                ],
                await self.timeline_of(room_id),
            )

    async def test_what_was_sent_is_stored_when_its_sender_is_answered(self) -> None:
        """The answer to a send comes after its commit."""
        room_id = await self.rooms.new_room(ALICE)

        event_id = await self.rooms.timeline.send(room_id, message(ALICE, "hello"))

        stored = (await self.database.read(events.by_ids, [event_id]))[event_id]
        self.assertEqual("m.room.message", stored.type)
        self.assertIsNotNone(stored.ordering)

    async def test_concurrent_sends_make_one_chain(self) -> None:
        """Events sent at once follow each other; the room never forks within one server."""
        room_id = await self.rooms.new_room(ALICE)

        sent = await gatherResults(
            [ensureDeferred(self.rooms.timeline.send(room_id, message(ALICE, str(n)))) for n in range(50)]
        )

        entries = await self.rooms.known.by_ids(sent)
        by_depth = sorted(entries.values(), key=lambda entry: entry.event.depth)
        for earlier, later in itertools.pairwise(by_depth):
            self.assertEqual((earlier.event_id,), later.event.prev_events)
            self.assertLess(earlier.ordering or 0, later.ordering or 0)

    async def test_a_refused_event_leaves_the_room_as_it_was(self) -> None:
        """A stranger's message is refused, and the next member's message goes on where the room was."""
        room_id = await self.rooms.new_room(ALICE)
        before = await self.database.read(by_id, room_id)

        with self.assertRaises(Forbidden):
            await self.rooms.timeline.send(room_id, message(DAVE, "let me in"))

        self.assertEqual(before, await self.database.read(by_id, room_id))

    async def test_of_several_events_all_are_sent_or_none(self) -> None:
        """One refused event among several keeps the others out too."""
        room_id = await self.rooms.new_room(ALICE)
        before = await self.timeline_of(room_id)

        with self.assertRaises(Forbidden):
            await self.rooms.timeline.send_all(room_id, [message(ALICE, "first"), message(DAVE, "second")])

        self.assertEqual(before, await self.timeline_of(room_id))
        await self.rooms.timeline.send(room_id, message(ALICE, "third"))

    async def test_saying_the_same_state_again_is_no_new_event(self) -> None:
        """The same sender's same content under the same key is the event that is there."""
        room_id = await self.rooms.new_room(ALICE)
        topic = Draft("m.room.topic", ALICE, {"topic": "bread"}, "")

        first = await self.rooms.timeline.send(room_id, topic)
        second = await self.rooms.timeline.send(room_id, topic)

        self.assertEqual(first, second)

    async def test_the_state_as_of_each_event_is_kept(self) -> None:
        """What was current between two changes can be asked for afterwards."""
        room_id = await self.rooms.new_room(ALICE, name="old")
        between = self.rooms.tail.head
        await self.rooms.timeline.send(room_id, Draft("m.room.name", ALICE, {"name": "new"}, ""))
        head = await self.database.read(by_id, room_id)
        assert head is not None

        names = [
            await self.database.read(state.entry_as_of, head.nid, ("m.room.name", ""), position)
            for position in (between, NEWEST)
        ]

        found = await self.rooms.known.by_nids([nid for nid in names if nid is not None])
        self.assertEqual(["old", "new"], [found[nid].event.content["name"] for nid in names if nid is not None])

    async def test_a_redaction_takes_the_content_from_memory_and_disk(self) -> None:
        """After a redaction nobody finds what was said."""
        room_id = await self.rooms.new_room(ALICE)
        said = await self.rooms.timeline.send(room_id, message(ALICE, "secret"))

        redaction = await self.rooms.timeline.send(room_id, Draft("m.room.redaction", ALICE, {}, redacts=said))

        entry = await self.rooms.known.by_id(said)
        assert entry is not None
        self.assertEqual({}, entry.event.content)
        self.assertEqual(redaction, entry.redacted_by)
        self.assertEqual(said, entry.event_id)

    async def test_another_processs_events_are_not_written_over(self) -> None:
        """Two processes that write to one room in turn make one chain, each noticing the other."""
        room_id = await self.rooms.new_room(ALICE)
        other = room_services(self.database)

        sent: list[EventID] = []
        for number in range(6):
            services = (self.rooms, other)[number % 2]
            sent.append(await services.timeline.send(room_id, message(ALICE, str(number))))

        entries = await self.rooms.known.by_ids(sent)
        for earlier, later in itertools.pairwise(sent):
            self.assertEqual((earlier,), entries[later].event.prev_events)

    async def test_an_unknown_room_is_refused(self) -> None:
        """Nothing can be sent to a room that this server does not have."""
        with self.assertRaises(NotInRoom):
            await self.rooms.timeline.send(RoomID("!nowhere:one.example"), message(ALICE, "hello?"))
