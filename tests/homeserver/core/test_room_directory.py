"""Tests of homeserver.core.room_directory."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.malformed import Malformed
from homeserver.core.room_directory import RoomPlace, parse_room_place, summary_changes
from tests.builders import a_room


class PlaceTests(TestCase):
    @given(st.integers(0, 10**15 - 1), st.integers(0, 10**18 - 1), st.booleans())
    def test_tokens_come_back_as_what_they_were(self, members: int, nid: int, backward: bool) -> None:
        """Whatever the place."""
        place = RoomPlace(members, nid, backward)

        self.assertEqual(place, parse_room_place(str(place)))

    def test_other_texts_are_none(self) -> None:
        """Refused with the code for a parameter that is wrong."""
        for text in ("", "x", "n1", "n1.", "n.1", "n-1.2", "q1.2", "n1.2 ", "n١.2", f"n{10**15}.1", f"n1.{10**18}"):
            with self.subTest(text=text), self.assertRaises(Malformed) as raised:
                parse_room_place(text)
            self.assertEqual("M_INVALID_PARAM", raised.exception.code)


class SummaryTests(TestCase):
    def test_changes(self) -> None:
        """Each event changes its column; other events and other keys change nothing."""
        room = a_room()
        for kind, content, expected in (
            ("m.room.name", {"name": "Moot"}, {"name": "Moot"}),
            ("m.room.name", {"name": ""}, {"name": None}),
            ("m.room.name", {"name": "a\0b"}, {"name": None}),
            ("m.room.topic", {"topic": 5}, {"topic": None}),
            ("m.room.avatar", {"url": "mxc://x/y"}, {"avatar_url": "mxc://x/y"}),
            ("m.room.join_rules", {}, {"join_rule": "invite"}),
            ("m.room.join_rules", {"join_rule": "public"}, {"join_rule": "public"}),
            ("m.room.guest_access", {"guest_access": "can_join"}, {"guest_can_join": True}),
            ("m.room.guest_access", {"guest_access": "x"}, {"guest_can_join": False}),
            ("m.room.history_visibility", {"history_visibility": "world_readable"}, {"world_readable": True}),
            ("m.room.encryption", {"algorithm": "x"}, {"encryption": "x"}),
            ("x.other", {"name": "x"}, {}),
        ):
            event = room.event(kind, content, state_key="")  # type: ignore[arg-type]

            self.assertEqual(expected, summary_changes({event.key: event}), kind)
        elsewhere = room.event("m.room.name", {"name": "x"}, state_key="key")
        self.assertEqual({}, summary_changes({elsewhere.key: elsewhere}))

    def test_what_is_gone_is_as_if_it_had_never_been(self) -> None:
        """An entry that resolution removed."""
        self.assertEqual({"name": None}, summary_changes({("m.room.name", ""): None}))
        self.assertEqual({"world_readable": False}, summary_changes({("m.room.history_visibility", ""): None}))
