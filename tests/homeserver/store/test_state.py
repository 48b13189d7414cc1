"""Tests of homeserver/store/state.py."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from homeserver.core.events import StateKey
from homeserver.core.identifiers import UserID
from homeserver.store import events, state
from homeserver.store.prepared import Prepared
from homeserver.store.schema.rooms import state_changes
from homeserver.store.state import NOW
from tests.databases import TransactionCase, each_database
from tests.homeserver.store.test_events import an_event

ROOM = 7
KEYS: list[StateKey] = [
    ("m.room.member", "@alice:one"),
    ("m.room.member", "@bob:two"),
    ("m.room.name", ""),
    ("m.room.topic", ""),
]
_FORGET = Prepared(delete(state_changes))
CHANGES = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=20)


@each_database
class CurrentStateTests(TransactionCase):
    """The state as of a position is what the changes up to it leave."""

    def test_as_of_every_position(self) -> None:
        """Whole states, single entries and differences agree with playing the changes one by one."""
        settings(max_examples=25, deadline=None)(given(CHANGES)(self.check))()

    def check(self, changes: list[tuple[StateKey, bool]]) -> None:
        """The store agrees with a plain dict that every change is made to."""
        self.tx.run(_FORGET)
        whole: dict[StateKey, int] = {}
        moments = [dict(whole)]
        for position, (key, present) in enumerate(changes, 1):
            state.change(self.tx, ROOM, position, key, position if present else None)
            state.change(self.tx, ROOM + position, position, key, 99)
            if present:
                whole[key] = position
            else:
                whole.pop(key, None)
            moments.append(dict(whole))

        for position, expected in enumerate(moments):
            self.assertEqual(expected, state.state_as_of(self.read, ROOM, position))
            self.assertEqual(expected, state.entries_as_of(self.read, ROOM, KEYS, position))
            for before in range(position + 1):
                patched = {**moments[before], **state.difference(self.read, ROOM, before, position)}
                self.assertEqual(expected, {key: nid for key, nid in patched.items() if nid is not None})

    def test_members(self) -> None:
        """Memberships are known as of every position, and who is joined by room and by user."""
        alice, bob = UserID("@alice:one"), UserID("@bob:two")
        for position, (user, membership) in enumerate(
            ((alice, "join"), (bob, "invite"), (bob, "join"), (alice, "leave")), 1
        ):
            events.insert(self.tx, an_event(position))
            state.change(self.tx, ROOM, position, ("m.room.member", user), position, membership=membership)
        state.change(self.tx, ROOM, 5, ("m.room.name", ""), 1)
        state.change(self.tx, ROOM + 1, 6, ("m.room.member", bob), 1, membership="ban")

        self.assertEqual({alice: ("join", 1), bob: ("invite", 2)}, state.members_as_of(self.read, ROOM, 2))
        self.assertEqual({alice: ("leave", 4), bob: ("join", 3)}, state.members_as_of(self.read, ROOM, NOW))
        self.assertEqual({bob}, state.joined(self.read, ROOM))
        self.assertEqual("invite", state.membership_as_of(self.read, ROOM, bob, 2))
        self.assertIsNone(state.membership_as_of(self.read, ROOM, bob, 1))
        self.assertEqual({ROOM: "join", ROOM + 1: "ban"}, state.rooms_of(self.read, bob))
        self.assertEqual({"": 1}, state.of_type_as_of(self.read, ROOM, "m.room.name", 5))
        self.assertEqual(
            {("m.room.member", alice): "$event4", ("m.room.member", bob): "$event3", ("m.room.name", ""): "$event1"},
            state.current(self.read, ROOM),
        )
        self.assertEqual(1, state.first_position(self.read, ROOM))
        self.assertIsNone(state.first_position(self.read, 4711))


@each_database
class StoredStateTests(TransactionCase):
    """States off the line are chains of differences, and vanish with the last event that needs them."""

    def setUp(self) -> None:
        super().setUp()
        for position, key in enumerate(KEYS, 1):
            state.change(self.tx, ROOM, position, key, position)

    def test_a_chain_is_its_base_and_its_differences(self) -> None:
        """Later differences win, and None takes away."""
        first = state.insert_state(self.tx, ROOM, {KEYS[0]: 50, KEYS[2]: None}, base_position=3)
        second = state.insert_state(self.tx, ROOM, {KEYS[0]: 60, ("m.x", "y"): 61}, parent=first)
        snapshot = state.insert_state(self.tx, ROOM, {KEYS[1]: 70})

        self.assertEqual({KEYS[0]: 50, KEYS[1]: 2}, state.resolve_state(self.read, first))
        self.assertEqual({KEYS[0]: 60, KEYS[1]: 2, ("m.x", "y"): 61}, state.resolve_state(self.read, second))
        self.assertEqual({KEYS[1]: 70}, state.resolve_state(self.read, snapshot))

    def test_the_state_before_an_event(self) -> None:
        """Only events that were given one have a state of their own."""
        own = state.insert_state(self.tx, ROOM, {}, base_position=2)
        state.assign(self.tx, 5, own)

        self.assertEqual(own, state.state_before(self.read, 5))
        self.assertIsNone(state.state_before(self.read, 6))
        self.assertEqual({5: own}, state.states_before(self.read, [5, 6]))

    def test_nothing_is_left_unreferenced(self) -> None:
        """A state goes with its last event, and its parents with it, but not while another needs them."""
        first = state.insert_state(self.tx, ROOM, {}, base_position=2)
        second = state.insert_state(self.tx, ROOM, {}, parent=first)
        third = state.insert_state(self.tx, ROOM, {}, parent=first)
        for event_nid, nid in ((5, second), (6, third), (7, third)):
            state.assign(self.tx, event_nid, nid)

        def kept() -> list[int]:
            return [nid for nid in (first, second, third) if state.stored_state(self.read, nid) is not None]

        state.forget_state(self.tx, 6)
        self.assertEqual([first, second, third], kept())
        state.forget_state(self.tx, 7)
        self.assertEqual([first, second], kept())
        state.forget_state(self.tx, 5)
        self.assertEqual([], kept())
