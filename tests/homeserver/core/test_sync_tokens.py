"""Tokens that clients bring back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.log import Position
from homeserver.core.malformed import Malformed
from homeserver.core.sync_tokens import PaginationToken, SyncToken, parse_pagination_token, parse_sync_token
from homeserver.core.timeline import Ordering, ordering_at


@given(st.integers(0, 2**43 - 1), st.integers(0, 2**63 - 1), st.none() | st.integers(0, 2**43 - 1))
def test_sync_tokens_come_back_as_they_went(position: int, serial: int, owed: int | None) -> None:
    """Spelling and reading are inverse, also while something is owed."""
    token = SyncToken(Position(position), serial, None if owed is None else Position(owed))

    assert parse_sync_token(str(token)) == token


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_pagination_tokens_come_back_as_they_went(ordering: int) -> None:
    """Spelling and reading are inverse, for history before the first event too."""
    token = PaginationToken(Ordering(ordering))

    assert parse_pagination_token(str(token)) == token


def test_a_sync_token_is_a_place_in_the_timeline() -> None:
    """Paging may start where a sync ended: what that sync had is before the place."""
    token = parse_pagination_token(str(SyncToken(Position(123), 456)))

    assert token.ordering == ordering_at(Position(123))


@pytest.mark.parametrize(
    "text",
    ["", "s", "t", "s1", "s1_", "s_1", "s-1_0", "s1_2_", "s1_2_3_4", "s1_0_9223372036854775807", "t1.5",
     "t--1", "tx", "s1_2 ", "t١", "s99999999999999999_0",
     "t9223372036854775808", "s" + "1" * 100 + "_0", "x1", "t1\n"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    """Whatever this server did not give out is an invalid parameter, and never an overflow in the database."""
    for parse in (parse_sync_token, parse_pagination_token):
        with pytest.raises(Malformed) as refusal:
            parse(text)

        assert refusal.value.code == "M_INVALID_PARAM"


def test_a_pagination_token_is_no_sync_token() -> None:
    """A place in one room says nothing of the others."""
    with pytest.raises(Malformed):
        parse_sync_token("t5")
