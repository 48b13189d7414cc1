"""Tests of homeserver.services.visible_history: events whose state before is not that of their place."""

from homeserver.core.canonical import JSON, JSONObject, parse_json_object
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import PROFILE
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at
from homeserver.services.client_events import ClientEvents
from homeserver.services.erased_users import ErasedUsers
from homeserver.services.visible_history import VisibleHistory
from homeserver.store import events, rooms, state, users
from homeserver.store.users import NewAccount
from homeserver.store.write import Write
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.rooms import room_services

BOB, ERIN = UserID("@bob:one.example"), UserID("@erin:one.example")
MINE: JSONObject = {"body": "mine"}


@each_database
class OwnStateTests(DatabaseCase):
    """A room of @alice that @dave joined at some time; its history is for who was there."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.rooms = room_services(self.database)
        self.history = VisibleHistory(self.database, self.rooms.known)
        self.room_id = await self.rooms.new_room(ALICE, preset="public_chat")
        await self.send("m.room.history_visibility", {"history_visibility": "joined"}, "")
        self.before = await self.say("before")
        await self.send("m.room.member", {"membership": "join"}, DAVE, DAVE)
        self.after = await self.say("after")
        room = await self.database.read(rooms.by_id, self.room_id)
        assert room is not None
        self.nid = room.nid

    async def send(
        self, kind: str, content: dict[str, object], key: str | None, sender: UserID = ALICE
    ) -> TimelineEvent:
        draft = Draft(kind, sender, content, key)  # type: ignore[arg-type]
        return await self.event(await self.rooms.timeline.send(self.room_id, draft))

    async def say(self, text: str) -> TimelineEvent:
        return await self.send("m.room.message", {"body": text}, None)

    async def event(self, event_id: EventID) -> TimelineEvent:
        event = await self.rooms.known.by_id(event_id)
        assert event is not None
        return event

    async def give_state(
        self, event: TimelineEvent, base_position: int, ordering: Ordering | None = None
    ) -> TimelineEvent:
        """The state before *event* is that as of another position; *ordering*: its place is another too."""

        def give(tx: Write) -> None:
            nid = state.insert_state(tx, self.nid, {}, base_position=base_position)
            state.assign(tx, event.nid, state.insert_state(tx, self.nid, {}, parent=nid))
            if ordering is not None:
                events.place(tx, event.nid, ordering, event.status)

        await self.database.write(give)
        self.rooms.known.forget(event.event_id)
        return await self.event(event.event_id)

    async def seen(self, user_id: UserID, *found: TimelineEvent) -> list[tuple[object, str]]:
        seen = await self.history.seen_by(user_id, self.nid, found)
        return [(event.event.content.get("body"), membership) for event, membership in seen]

    async def test_the_state_before_a_fork_counts(self) -> None:
        """An event that arrives late is seen by who was joined where it was sent, not where it was stored."""
        late = await self.give_state(await self.say("late"), self.before.nid)

        self.assertEqual([("after", "join")], await self.seen(DAVE, self.before, self.after, late))
        self.assertEqual(3, len(await self.seen(ALICE, self.before, self.after, late)))

    async def test_history_that_was_fetched_later(self) -> None:
        """Its state is its own, wherever in the log it came."""
        place = Ordering(ordering_at(self.after.nid) - 5)  # type: ignore[arg-type]
        older = await self.give_state(await self.say("older"), self.before.nid, place)
        newer = await self.give_state(await self.say("newer"), self.after.nid - 1, Ordering(place + 1))

        self.assertEqual([("newer", "join"), ("after", "join")], await self.seen(DAVE, older, newer, self.after))

    async def test_older_than_anything_known(self) -> None:
        """Where the state is not known the first setting that is known counts."""
        event = await self.say("ancient")

        def move(tx: Write) -> None:
            events.place(tx, event.nid, -7, event.status)

        await self.database.write(move)
        self.rooms.known.forget(event.event_id)
        ancient = await self.event(event.event_id)

        self.assertEqual([("ancient", "leave")], await self.seen(DAVE, ancient))
        self.assertEqual([], await self.seen(UserID("@never:one.example"), ancient))

    async def test_what_has_no_place_nobody_sees(self) -> None:
        """Outliers, and what was rejected or soft-failed."""

        def displace(tx: Write) -> None:
            events.place(tx, self.after.nid, None, self.after.status)

        await self.database.write(displace)
        self.rooms.known.forget(self.after.event_id)

        self.assertEqual([], await self.seen(ALICE, await self.event(self.after.event_id)))


@each_database
class ErasureTests(DatabaseCase):
    """
    A room of @alice, whose history all who join may read, and in which @bob wrote before he was forgotten.

    Spec: client-server-api#post_matrixclientv3accountdeactivate
    """

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.rooms = room_services(self.database)
        self.client_events = ClientEvents(self.database, self.rooms.known)
        self.erased = ErasedUsers(self.database)
        self.history = VisibleHistory(self.database, self.rooms.known, self.erased)
        self.rooms.tail.follow(self.erased.follow)
        self.room_id = await self.rooms.new_room(ALICE, preset="public_chat")
        for user_id in (ALICE, BOB):
            await self.database.write(users.insert_new, NewAccount(user_id, None, 0))
        await self.member(BOB, "join")
        self.text = await self.send(Draft("m.room.message", BOB, MINE))
        await self.member(DAVE, "join")

    async def send(self, draft: Draft) -> TimelineEvent:
        event = await self.rooms.known.by_id(await self.rooms.timeline.send(self.room_id, draft))
        assert event is not None
        return event

    async def member(self, user_id: UserID, membership: str) -> None:
        await self.send(Draft("m.room.member", user_id, {"membership": membership}, user_id))

    async def shown_to(self, user_id: UserID) -> JSON:
        """The content of what he wrote, as a client gets it."""
        room = await self.database.read(rooms.by_id, self.room_id)
        assert room is not None
        ((event, _),) = await self.history.seen_by(user_id, room.nid, [self.text])
        (copy,) = await self.client_events.in_timeline(room.nid, [event])
        (same,) = await self.client_events.in_state([event])
        self.assertEqual(copy.head, same.head)
        content: JSON = parse_json_object(copy.head + b"}")["content"]
        return content

    async def test_who_comes_after_the_erased_gets_what_they_sent_redacted(self) -> None:
        """Whoever was there before, when it was sent or later, still reads it; nothing that is stored has changed."""
        self.assertEqual(MINE, await self.shown_to(ALICE))

        def erase(tx: Write) -> None:
            users.deactivate(tx, BOB, erase=True)
            tx.log(PROFILE, BOB)

        await self.database.write(erase)
        await self.member(BOB, "leave")
        await self.member(ERIN, "join")

        for reader, content in (
            (ALICE, {"body": "mine"}),
            (DAVE, {"body": "mine"}),
            (ERIN, {}),
            (ALICE, {"body": "mine"}),
        ):
            self.assertEqual(content, await self.shown_to(reader))
