"""Requests of sliding sync in their two spellings, and what is none."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.malformed import Malformed
from homeserver.core.sliding.requests import SlidingRequest, parse_sliding_request
from homeserver.core.sliding.room_configs import RequiredState, RoomConfig, StateRequest
from homeserver.core.sliding.room_filters import ListFilters
from homeserver.core.sync_tokens import parse_pagination_token, parse_sliding_token
from tests.builders import ALICE

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["*", "$ME", "$LAZY", "c1_1_1_1"])
)
NAMES = st.sampled_from(
    [
        "conn_id",
        "pos",
        "timeout",
        "lists",
        "room_subscriptions",
        "extensions",
        "range",
        "ranges",
        "timeline_limit",
        "required_state",
        "include",
        "exclude",
        "lazy_members",
        "type",
        "state_key",
        "filters",
        "is_dm",
        "spaces",
        "tags",
        "room_types",
        "include_heroes",
        "set_presence",
    ]
)
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=30
)
BODIES = st.dictionaries(NAMES, ANY_JSON, max_size=6)


@given(BODIES)
def test_whatever_comes_is_a_request_or_malformed(body: Any) -> None:
    """Nothing else is ever raised."""
    with suppress(Malformed):
        assert isinstance(parse_sliding_request(body, {}, ALICE), SlidingRequest)


def test_both_spellings_of_a_list() -> None:
    """They say the same."""
    older: Any = {
        "ranges": [[0, 9]],
        "timeline_limit": 3,
        "required_state": [["m.room.name", ""], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"]],
        "filters": {"is_invite": False},
    }
    newer: Any = {
        "range": [0, 9],
        "timeline_limit": 3,
        "required_state": {
            "include": [{"type": "m.room.name", "state_key": ""}, {"type": "m.room.member", "state_key": ALICE}],
            "lazy_members": True,
        },
        "filters": {"is_invited": False},
    }

    request = parse_sliding_request({"lists": {"older": older, "newer": newer}}, {}, ALICE)

    assert request.lists["older"] == request.lists["newer"]
    assert request.lists["newer"].ranges == ((0, 9),)
    assert request.lists["newer"].filters == ListFilters(is_invited=False)
    include = frozenset({("m.room.name", ""), ("m.room.member", str(ALICE))})
    assert request.lists["newer"].config == RoomConfig(3, RequiredState(frozenset({StateRequest(include, lazy=True)})))


def test_the_body_counts_more_than_the_query() -> None:
    """Where both say something."""
    query = {"pos": "c1_2_3_4", "timeout": "5", "set_presence": "offline"}

    assert parse_sliding_request({}, query, ALICE).timeout_ms == 5
    assert parse_sliding_request({}, query, ALICE).pos == parse_sliding_token("c1_2_3_4")
    assert parse_sliding_request({"timeout": 7, "pos": "c5_6_7_8"}, query, ALICE).timeout_ms == 7
    assert str(parse_sliding_request({"pos": "c5_6_7_8"}, query, ALICE).pos) == "c5_6_7_8"


@pytest.mark.parametrize("text", ["", "c1_2_3", "c1_2_3_4_5", "c-1_2_3_4", "c٣_1_1_1", f"c{2**60}_1_1_1", "s1_2"])
def test_what_is_no_pos(text: str) -> None:
    """Clients know by the code to start anew."""
    with pytest.raises(Malformed) as raised:
        parse_sliding_token(text)

    assert raised.value.code == "M_UNKNOWN_POS"


def test_a_pos_is_a_place_in_every_room() -> None:
    """As the token of the other sync is.  Spec: proposals/4186"""
    assert parse_pagination_token("c7_1_2_3") == parse_pagination_token("s7_1")
