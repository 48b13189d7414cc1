"""What members keep about a room, and its successor."""

from unittest import TestCase

from homeserver.core.identifiers import RoomID
from homeserver.core.push_rules.changes import ADDED_MAX, PushRules
from homeserver.core.push_rules.rules import PushRule
from homeserver.core.room_inheritance import (
    inherited_direct_chats,
    inherited_push_rules,
    predecessor_of,
    successor_of,
)

OLD, NEW = RoomID("!old:x"), RoomID("!new:x")


def about(room_id: str) -> dict[str, object]:
    return {"kind": "event_match", "key": "room_id", "pattern": room_id}


class PushRuleTests(TestCase):
    def test_rules_about_the_room(self) -> None:
        """A rule that names the room, by its ID or a condition, has an heir next to it, switched as it is."""
        by_id = PushRule("room", OLD, ("notify",), enabled=False)
        muted = PushRule("override", OLD, (), (about(OLD),))  # type: ignore[arg-type]
        named = PushRule("override", "cake", ("notify",), ({"kind": "contains_display_name"}, about(OLD)))  # type: ignore[arg-type]
        other = PushRule("override", "tea", (), (about("!else:x"),))  # type: ignore[arg-type]
        rules = inherited_push_rules(PushRules((muted, named, other, by_id)), OLD, NEW)

        self.assertEqual([OLD, NEW, "cake", f"cake.{NEW}", "tea", OLD, NEW], [rule.rule_id for rule in rules.added])
        self.assertEqual((about(NEW),), rules.added[1].conditions)
        self.assertEqual(({"kind": "contains_display_name"}, about(NEW)), rules.added[3].conditions)
        self.assertFalse(rules.added[6].enabled)
        self.assertEqual(("notify",), rules.added[6].actions)

    def test_what_is_set_stays(self) -> None:
        """A rule that the user has for the new room already is not replaced, and a second time nothing happens."""
        loud = PushRule("room", NEW, ("notify",))
        rules = PushRules((PushRule("room", OLD, ()), loud))

        self.assertEqual(rules, inherited_push_rules(rules, OLD, NEW))

    def test_no_place_for_more(self) -> None:
        """Who has as many rules as may be keeps them as they are."""
        many = tuple(PushRule("content", f"r{number}", (), pattern="x") for number in range(ADDED_MAX - 1))
        rules = PushRules((*many, PushRule("room", OLD, ())))

        self.assertEqual(rules, inherited_push_rules(rules, OLD, NEW))


class DirectChatTests(TestCase):
    def test_direct_chats(self) -> None:
        """The new room is a direct chat with the same users; what is malformed, or so already, stays as it is."""
        direct = {"@a:x": ["!b:x", OLD], "@b:x": ["!b:x"], "@c:x": "odd"}

        changed = inherited_direct_chats(direct, OLD, NEW)  # type: ignore[arg-type]

        self.assertEqual({**direct, "@a:x": ["!b:x", OLD, NEW]}, changed)
        self.assertIsNone(inherited_direct_chats(changed or {}, OLD, NEW))


class NamingTests(TestCase):
    def test_odd_names(self) -> None:
        """What is no room ID names no room."""
        for value in (None, 1, "", "x", "#a:x", ["!a:x"]):
            self.assertIsNone(predecessor_of({"predecessor": {"room_id": value}}))  # type: ignore[dict-item]
            self.assertIsNone(predecessor_of({"predecessor": value}))  # type: ignore[dict-item]
            self.assertIsNone(successor_of({"replacement_room": value}))  # type: ignore[dict-item]
        self.assertEqual(OLD, predecessor_of({"predecessor": {"room_id": OLD}}))
        self.assertEqual(NEW, successor_of({"replacement_room": NEW}))
