"""Tests of homeserver/core/room_outlines.py and hierarchy_tokens.py."""

import json
from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.hierarchy_tokens import HierarchyPlace, mark_of, parse_hierarchy_place
from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed
from homeserver.core.room_outlines import in_order, parse_child, parse_outline, parse_space

ROOM = RoomID("!room:one.example")
WHOLE: dict[str, Any] = {
    "room_id": ROOM,
    "num_joined_members": 3,
    "world_readable": False,
    "guest_can_join": False,
    "join_rule": "invite",
}


def child(name: str, ts: int, **content: Any) -> dict[str, Any]:
    return {
        "type": "m.space.child",
        "state_key": f"!{name}:example.org",
        "sender": "@alice:example.org",
        "content": {"via": ["example.org"], **content},
        "origin_server_ts": ts,
    }


class ChildrenTests(TestCase):
    def test_the_example_of_the_spec(self) -> None:
        """Valid orders first, by their characters; the rest by their time."""
        told = [
            child("b", 1640341000000, order=" "),
            child("a", 1640141000000, order="aaaa"),
            child("c", 1640841000000, order="first"),
            child("e", 1640641000000),
            child("d", 1640741000000),
        ]
        children = [each for each in map(parse_child, reversed(told)) if each is not None]

        self.assertEqual([each["state_key"] for each in told], [each.room_id for each in in_order(children)])

    def test_orders_that_are_none(self) -> None:
        """Too long, empty, not text or beyond ASCII: as if none was given; at the same time rooms go by their IDs."""
        for order in ("", "x" * 51, "é", "\n", 5, None):
            parsed = parse_child(child("a", 1, order=order))
            assert parsed is not None
            self.assertIsNone(parsed.order, repr(order))
        same = [parse_child(child(name, 1, order="x")) for name in "cab"]

        self.assertEqual(["!a", "!b", "!c"], [each.room_id[:2] for each in in_order(filter(None, same))])

    def test_what_is_no_child(self) -> None:
        """Without servers, a room, or a time there is none; names that are no servers' are left out."""
        good = child("a", 1)
        bad: list[Any] = [
            {**good, "content": {}},
            {**good, "content": {"via": "example.org"}},
            {**good, "content": {"via": [5]}},
            {**good, "state_key": "@alice:example.org"},
            {**good, "origin_server_ts": "1"},
            {**good, "origin_server_ts": True},
            {**good, "type": "m.space.parent"},
            {**good, "sender": None},
            "x",
        ]
        parsed = parse_child(child("a", 1, via=["not a name", "two.example", "two.example"], suggested=1))

        self.assertEqual([None] * len(bad), [parse_child(each) for each in bad])
        assert parsed is not None
        self.assertEqual((("two.example",), False), (parsed.via, parsed.suggested))


class OutlineTests(TestCase):
    def shown(self, membership: str | None = None, joined: tuple[str, ...] = (), **more: Any) -> bool:
        outline = parse_outline({**WHOLE, **more})
        assert outline is not None
        return outline.is_shown_to(membership, [RoomID(each) for each in joined])

    def test_who_may_know_of_a_room(self) -> None:
        """Members, the invited, who may join or knock, and everybody where it can be read by all."""
        allowed: dict[str, Any] = {"allowed_room_ids": ["!club:x"], "room_version": "10"}
        cases = [
            (False, self.shown()),
            (False, self.shown("leave")),
            (True, self.shown("join")),
            (True, self.shown("invite")),
            (True, self.shown(join_rule="public")),
            (False, self.shown("ban", join_rule="public")),
            (True, self.shown("ban", world_readable=True)),
            (True, self.shown(join_rule="knock", room_version="7")),
            (False, self.shown(join_rule="knock", room_version="6")),
            (False, self.shown(join_rule="knock_restricted", room_version="9")),
            (True, self.shown(join_rule="knock_restricted", room_version="10")),
            (True, self.shown(join_rule="knock", room_version="of tomorrow")),
            (False, self.shown(join_rule="restricted", **allowed)),
            (True, self.shown(joined=("!club:x",), join_rule="restricted", **allowed)),
            (False, self.shown(joined=("!other:x",), join_rule="restricted", **allowed)),
            (False, self.shown(joined=("!club:x",), join_rule="invite", **allowed)),
            (False, self.shown(joined=("!club:x",), join_rule="restricted", **{**allowed, "room_version": "7"})),
            (False, self.shown("ban", ("!club:x",), join_rule="restricted", **allowed)),
        ]

        for index, (expected, found) in enumerate(cases):
            self.assertEqual(expected, found, f"case {index}")

    def test_what_other_servers_tell_is_checked(self) -> None:
        """What a room must have must be right; what it may have is left out where it is wrong."""
        for wrong in ({"room_id": "x"}, {"num_joined_members": -1}, {"world_readable": None}, {"guest_can_join": 1}):
            self.assertIsNone(parse_outline({**WHOLE, **wrong}))
        odd: dict[str, Any] = {"name": 5, "avatar_url": "https://x", "canonical_alias": "x", "more": 1}
        odd["allowed_room_ids"] = [1, "!a"]
        outline = parse_outline({**WHOLE, **odd})
        assert outline is not None

        self.assertEqual({**WHOLE, "allowed_room_ids": ["!a"]}, outline.shown)

    def test_a_server_speaks_only_of_what_is_in_the_space(self) -> None:
        """Rooms that the space does not name are not told of; nor is another room than the one asked for."""
        other = {**WHOLE, "room_id": "!a:example.org"}
        room = {**WHOLE, "room_type": "m.space", "children_state": [child("a", 1), child("b", 2)]}
        answer: Any = {
            "room": room,
            "children": [other, WHOLE, 5],
            "inaccessible_children": ["!b:example.org", "!c:example.org", 5],
        }
        space = parse_space(answer, ROOM)
        assert space is not None

        self.assertEqual(["!a:example.org"], list(space.children))
        self.assertEqual({"!b:example.org"}, space.inaccessible)
        self.assertIsNone(parse_space(answer, RoomID("!a:example.org")))
        self.assertIsNone(parse_space({}, ROOM))

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
    def test_nothing_that_is_told_does_harm(self, value: Any) -> None:
        """Whatever stands where something else should, it is passed over."""
        for name in (*WHOLE, "children_state", "allowed_room_ids", "avatar_url"):
            outline = parse_outline({**WHOLE, name: value})
            if outline is not None:
                json.dumps(outline.to_json())


class TokenTests(TestCase):
    def test_tokens_say_the_place(self) -> None:
        """What is written is read; what was never written is refused."""
        for place in (HierarchyPlace(0, False, 50), HierarchyPlace(7, True, 0, mark_of(ROOM))):
            self.assertEqual(place, parse_hierarchy_place(str(place)))
        for text in ("", "h", "h1", "h1.2.3.", "h1.0.3.xyz", "h-1.0.3.", "h1.0.3.\n", "x" * 1000):
            with self.assertRaises(Malformed):
                parse_hierarchy_place(text)
