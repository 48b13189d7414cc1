"""Tests of federation/core/paths.py."""

from unittest import TestCase
from urllib.parse import parse_qs, unquote

from hypothesis import given
from hypothesis import strategies as st

from federation.core.paths import FEDERATION_V1, path_of, target_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


class PathTests(TestCase):
    """Request targets."""

    @given(TEXT, TEXT)
    def test_any_segment_survives(self, first: str, second: str) -> None:
        """Slashes, question marks and all scripts are encoded, and decode to what they were."""
        path = path_of(FEDERATION_V1, first, second)

        self.assertTrue(path.isascii())
        self.assertEqual([first, second], [unquote(part) for part in path.removeprefix(FEDERATION_V1 + "/").split("/")])

    @given(st.dictionaries(TEXT, st.lists(TEXT, min_size=1), min_size=1))
    def test_any_query_survives(self, query: dict[str, list[str]]) -> None:
        """Repeated parameters too."""
        target = target_of("/x", query)

        self.assertEqual(query, parse_qs(target.partition("?")[2], keep_blank_values=True))

    def test_no_query_leaves_no_mark(self) -> None:
        """What is signed is what is sent."""
        self.assertEqual("/x", target_of("/x", {}))
