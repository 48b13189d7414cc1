"""Tests of homeserver/core/search_tokens.py."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.malformed import Malformed
from homeserver.core.search_tokens import SearchToken, parse_search_token

NUMBERS = st.integers(0, 2**53)


class SearchTokenTests(TestCase):
    @given(NUMBERS, NUMBERS, st.none() | st.tuples(st.sampled_from(["room_id", "sender"]), st.text(max_size=100)))
    def test_what_is_given_out_is_taken_back(self, newest: int, offset: int, group: object) -> None:
        """A token says the same when it comes back."""
        token = SearchToken(newest, offset, group)  # type: ignore[arg-type]

        self.assertEqual(token, parse_search_token(str(token)))

    @given(st.text(max_size=40))
    def test_others_are_refused(self, text: str) -> None:
        """Anything else is Malformed, or a token that could have been given out."""
        try:
            token = parse_search_token(text)
        except Malformed as refusal:
            self.assertEqual("M_INVALID_PARAM", refusal.code)
        else:
            self.assertGreaterEqual(min(token.newest, token.offset), 0)
