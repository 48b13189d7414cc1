"""What clients want of rooms, and how wishes are put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.sliding.room_configs import (
    RequiredState,
    RoomConfig,
    StateRequest,
    combined,
    own_elements,
    stored_required_state,
)
from tests.builders import ALICE, BOB

MEMBER = "m.room.member"
KINDS = (None, MEMBER, "m.room.name", "x")
KEYS = (None, "", ALICE, BOB)
ELEMENTS = st.frozensets(st.tuples(st.sampled_from(KINDS), st.sampled_from(KEYS)), max_size=4)
REQUESTS = st.builds(StateRequest, ELEMENTS, ELEMENTS, st.booleans())
REQUIRED = st.builds(RequiredState, st.frozensets(REQUESTS, max_size=3))
ENTRIES = [(kind, key) for kind in KINDS if kind is not None for key in KEYS if key is not None]


@given(st.lists(REQUIRED, min_size=1, max_size=3))
def test_a_combination_wants_what_any_of_its_parts_wants(parts: list[RequiredState]) -> None:
    """Whatever is excluded by one and included by another is wanted."""
    whole = combined(RoomConfig(1, part) for part in parts).required

    for entry in ENTRIES:
        assert whole.matches(entry) == any(part.matches(entry) for part in parts)


@given(REQUIRED)
def test_what_is_stored_is_read_back(required: RequiredState) -> None:
    """To the same value."""
    assert stored_required_state(required.to_json()) == required


@given(REQUIRED)
def test_what_is_exact_is_named(required: RequiredState) -> None:
    """Where no wildcard is, every entry that matches is among the keys; every member that does is named."""
    wanted = {entry for entry in ENTRIES if required.matches(entry)}
    if required.is_exact:
        assert wanted <= required.keys
    if not required.has_all_members:
        assert {key for kind, key in wanted if kind == MEMBER} <= required.named_members


def test_the_most_events_of_any() -> None:
    """And heroes, if anybody wants them."""
    found = combined([RoomConfig(1, heroes=False), RoomConfig(20), RoomConfig(5, heroes=False)])

    assert (found.timeline_limit, found.heroes) == (20, True)


def test_all_members_of_one_outdo_lazy_ones_of_another() -> None:
    """Spec: proposals/4186"""
    everybody = StateRequest(frozenset({(MEMBER, None)}))
    lazy = StateRequest(frozenset({(None, None)}), lazy=True)

    assert RequiredState(frozenset({lazy})).lazy
    assert not RequiredState(frozenset({lazy, everybody})).lazy


@pytest.mark.parametrize(
    ("pairs", "include", "lazy"),
    [
        ([("m.room.name", "")], {("m.room.name", "")}, False),
        ([("*", "*")], {(None, None)}, False),
        ([(MEMBER, "$ME"), (MEMBER, "$LAZY")], {(MEMBER, ALICE)}, True),
        ([("x", "$LAZY")], {("x", "$LAZY")}, False),
    ],
)
def test_the_older_spelling(pairs: list[tuple[str, str]], include: set[tuple[str, str]], lazy: bool) -> None:
    """Stars, $ME and $LAZY mean what they say; $LAZY of members alone."""
    assert own_elements(pairs, ALICE) == StateRequest(frozenset(include), frozenset(), lazy)
