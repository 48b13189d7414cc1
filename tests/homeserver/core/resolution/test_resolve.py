"""State resolution as a whole: its properties, what it asks for, and the resets it prevents."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.auth_chains import AuthChains, ChainLink
from homeserver.core.resolution.conflict import changes_between
from homeserver.core.resolution.needs import Needs
from homeserver.core.resolution.resolve import resolve, resolve_branches
from homeserver.core.versions import ROOM_VERSIONS
from tests.builders import ALICE, BOB, CAROL, Room, a_room
from tests.homeserver.core.resolution.random_rooms import DEEDS, Deed, branches_of, states_of
from tests.homeserver.core.resolution.reference import reference_resolve
from tests.homeserver.core.resolution.telling import chains_of, known_to

# Of each algorithm one version, and of v2 the one where creators are named elsewhere too.
SOME_VERSIONS = st.sampled_from(["1", "2", "10", "11", "12"])
RULES: StateKey = ("m.room.join_rules", "")
LEVELS: StateKey = ("m.room.power_levels", "")

State = dict[StateKey, EventID]


def _resolve(room: Room, *states: State, events: dict[EventID, Event] | None = None) -> State:
    events = dict(room.events) if events is None else events
    resolved = resolve(room.version, states, events, chains_of(events.values()))
    assert not isinstance(resolved, Needs)
    return resolved


@settings(max_examples=60, deadline=None)
@given(SOME_VERSIONS, DEEDS)
def test_the_order_of_the_input_does_not_count(version: str, deeds: list[Deed]) -> None:
    """States, events and chains in any order: one answer."""
    rooms = branches_of(version, deeds)
    events = known_to(*rooms)
    forwards = _resolve(rooms[0], *states_of(rooms), events=events)
    backwards = dict(reversed(events.items()))
    chains = AuthChains()
    assert not chains.add_all(ChainLink.of(event) for event in sorted(events.values(), key=lambda e: e.event_id))

    for order in permutations(states_of(rooms)):
        turned = [dict(reversed(state.items())) for state in order]
        assert resolve(rooms[0].version, turned, backwards, chains) == forwards


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["2", "10", "11", "12"]), DEEDS)
def test_the_answer_is_that_of_the_spec_word_by_word(version: str, deeds: list[Deed]) -> None:
    """Differences and numbered graphs say what whole states and whole auth chains say."""
    rooms = branches_of(version, deeds)
    events = known_to(*rooms)
    expected = reference_resolve(states_of(rooms), events, revised=version == "12")

    assert _resolve(rooms[0], *states_of(rooms), events=events) == expected


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["10", "12"]), DEEDS, st.data())
def test_so_it_is_for_states_that_never_were(version: str, deeds: list[Deed], data: st.DataObject) -> None:
    """A server may be told any state: events from anywhere in the room, keys missing."""
    rooms = branches_of(version, deeds)
    events = known_to(*rooms)
    by_key: dict[StateKey, list[EventID]] = {}
    for event in events.values():
        by_key.setdefault(event.key, []).append(event.event_id)
    always = [rooms[0].create.key]
    state = st.fixed_dictionaries(
        {key: st.sampled_from(by_key[key]) for key in always},
        optional={key: st.sampled_from(ids) for key, ids in by_key.items() if key not in always},
    )
    states = data.draw(st.lists(state, min_size=2, max_size=3, unique_by=lambda s: frozenset(s.items())))
    expected = reference_resolve(states, events, revised=version == "12")

    assert _resolve(rooms[0], *states, events=events) == expected


@settings(max_examples=40, deadline=None)
@given(SOME_VERSIONS, DEEDS)
def test_one_state_resolves_to_itself(version: str, deeds: list[Deed]) -> None:
    """However often it comes, and without anything loaded."""
    state = branches_of(version, deeds)[0].state_ids

    for states in ([state], [state, state], [state, dict(state), dict(reversed(state.items()))]):
        assert resolve(ROOM_VERSIONS[version], states, {}, AuthChains()) == state


def test_no_state_resolves_to_none() -> None:
    """Before the first event there is nothing."""
    assert resolve(ROOM_VERSIONS["10"], [], {}, AuthChains()) == {}


@settings(max_examples=60, deadline=None)
@given(SOME_VERSIONS, DEEDS)
def test_what_is_asked_for_leads_to_the_answer(version: str, deeds: list[Deed]) -> None:
    """Starting from nothing, a few rounds of loading just what is asked for are enough."""
    rooms = branches_of(version, deeds)
    events = known_to(*rooms)
    expected = _resolve(rooms[0], *states_of(rooms), events=events)
    loaded: dict[EventID, Event] = {}
    chains = AuthChains()
    for _ in range(6):
        answer = resolve(rooms[0].version, states_of(rooms), loaded, chains)
        if not isinstance(answer, Needs):
            break
        assert answer.event_ids.isdisjoint(loaded)
        assert answer.event_ids or answer.chain_ids
        loaded.update((event_id, events[event_id]) for event_id in answer.event_ids)
        links = [ChainLink.of(events[event_id]) for event_id in answer.chain_ids]
        while missing := chains.add_all(links):
            links += [ChainLink.of(events[event_id]) for event_id in missing]

    assert answer == expected


@settings(max_examples=60, deadline=None)
@given(SOME_VERSIONS, DEEDS)
def test_differences_resolve_as_whole_states_do(version: str, deeds: list[Deed]) -> None:
    """The common state may be any: that of a branch, an older one, or none at all."""
    rooms = branches_of(version, deeds)
    states = states_of(rooms)
    events = known_to(*rooms)
    chains = chains_of(events.values())
    expected = _resolve(rooms[0], *states, events=events)
    older = {key: event_id for key, event_id in states[0].items() if key[0] != "m.room.topic"}
    for common in (states[1], older, {}):
        branches = [changes_between(common, state) for state in states]
        changes = resolve_branches(rooms[0].version, common, branches, events, chains)
        assert not isinstance(changes, Needs)
        result = {key: event_id for key, event_id in {**common, **changes}.items() if event_id is not None}

        assert result == expected


def _stale_rules(version: str) -> tuple[Room, State, State]:
    """Proposal 4297, problem A: a state that forgot the newest join rule, whose sender has left."""
    room = a_room(version, join_rule="public").with_state("m.room.join_rules", {"join_rule": "invite"}, now_ms=10**12)
    outdated = room.state_ids[RULES]
    room = room.with_state("m.room.join_rules", {"join_rule": "public"}, now_ms=10**12 + 1)
    room = room.with_member(BOB).with_member(ALICE, "leave")
    return room, room.state_ids, {**room.state_ids, RULES: outdated}


def test_v2_loses_join_rules_whose_sender_left() -> None:
    """Neither rule is allowed in a room that their sender is not in."""
    room, told, stale = _stale_rules("11")

    assert RULES not in _resolve(room, told, stale)


def test_v21_keeps_join_rules_whose_sender_left() -> None:
    """What authorized them is what they cite, and the newer one comes last."""
    room, told, stale = _stale_rules("12")

    assert _resolve(room, told, stale)[RULES] == told[RULES]


def test_rejected_events_do_not_authorize() -> None:
    """What an event cites stands in for missing state only if it was accepted."""
    room, told, stale = _stale_rules("12")
    joining = next(event for event in room.events.values() if event.membership == "join" and event.sender == ALICE)
    chains = chains_of(room.events.values())
    resolved = resolve(room.version, [told, stale], room.events, chains, {joining.event_id})

    assert isinstance(resolved, dict)
    assert RULES not in resolved


def _stale_levels(version: str) -> tuple[Room, State, State]:
    """Proposal 4297, problem B: a state with power levels from before two promotions, one built on the other."""
    own: JSONObject = {} if version == "12" else {ALICE: 100}
    room = a_room(version, join_rule="public", power_levels={"users": {**own}}).with_members(BOB)
    outdated = room.state_ids[LEVELS]
    room = room.with_levels(users={**own, BOB: 90})
    room = room.with_levels(users={**own, BOB: 90, CAROL: 80}, sender=BOB).with_member(CAROL)
    return room, room.state_ids, {**room.state_ids, LEVELS: outdated}


def test_v2_resets_levels_that_stand_on_a_promotion_between() -> None:
    """Both auth chains know the promotion, so it is in no difference, and nobody replays it."""
    room, told, stale = _stale_levels("11")

    assert _resolve(room, told, stale)[LEVELS] == stale[LEVELS]


def test_v21_replays_the_promotion_between() -> None:
    """It lies between two events in conflict."""
    room, told, stale = _stale_levels("12")

    assert _resolve(room, told, stale)[LEVELS] == told[LEVELS]


@pytest.mark.parametrize("version", ["10", "12"])
def test_what_only_an_auth_chain_holds_may_become_state(version: str) -> None:
    """A state that forgot who set its levels gets the sender back."""
    own: JSONObject = {} if version == "12" else {ALICE: 100}
    before = a_room(version, join_rule="public", power_levels={"users": {**own, BOB: 50}})
    after = before.with_member(BOB).with_state("m.room.join_rules", {"join_rule": "invite"}, sender=BOB)
    key: StateKey = ("m.room.member", BOB)
    forgetful = {name: event_id for name, event_id in after.state_ids.items() if name != key}

    assert _resolve(after, before.state_ids, forgetful)[key] == after.state_ids[key]


def test_v1_keeps_the_oldest_of_what_nobody_allows() -> None:
    """The first of a list is taken unasked; of other events none that the rules refuse."""
    room = a_room("1", join_rule="public").with_member(BOB)
    topic: StateKey = ("m.room.topic", "")
    left = room.fork("l").with_state("m.room.topic", {"topic": "a"}, sender=BOB)
    right = room.fork("r").with_state("m.room.topic", {"topic": "b"}, sender=BOB)
    events = known_to(left, right)

    assert topic not in _resolve(room, left.state_ids, right.state_ids, events=events)
