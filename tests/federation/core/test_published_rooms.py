"""Tests of federation.core.published_rooms."""

from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from federation.core.published_rooms import known_page

ROOM = {"room_id": "!r:x", "num_joined_members": 3, "world_readable": False, "guest_can_join": True}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROOM, "chunk", "name"]), inner),
)


class PageTests(TestCase):
    def test_what_is_known_is_kept(self) -> None:
        """And nothing else: rooms that lack what each must have are left out."""
        answer: Any = {
            "chunk": [
                {**ROOM, "name": "Moot", "topic": 5, "evil": True},
                {"room_id": "!x:y"},
                "x",
                {**ROOM, "room_id": 5},
            ],
            "next_batch": "n",
            "prev_batch": 5,
            "total_room_count_estimate": True,
            "errcode": "x",
        }

        self.assertEqual({"chunk": [{**ROOM, "name": "Moot"}], "next_batch": "n"}, known_page(answer))

    @given(st.dictionaries(st.sampled_from(["chunk", "next_batch", "total_room_count_estimate"]), VALUES))
    def test_any_answer_makes_a_page(self, answer: Any) -> None:
        """Whatever a server says, clients get a list of rooms."""
        for room in known_page(answer)["chunk"]:  # type: ignore[union-attr]
            self.assertLessEqual(ROOM.keys(), room.keys())  # type: ignore[union-attr]
