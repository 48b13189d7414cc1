"""Events held against push rules."""

import pytest
from attrs import evolve

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import UserID
from homeserver.core.power_levels import power_levels_of
from homeserver.core.push_rules.changes import UNCHANGED, PushRules
from homeserver.core.push_rules.conditions import PushedEvent, RuleReader
from homeserver.core.push_rules.evaluation import NOTHING, Actions, actions_of, compile_rules
from homeserver.core.push_rules.rules import PushRule
from tests.builders import ALICE, BOB, CAROL, a_room

LEVELS: JSONObject = {"users": {ALICE: 100, BOB: 20}, "notifications": {"room": 50, "tea": 20}}
ROOM = a_room("10", join_rule="public", power_levels=LEVELS).with_members(BOB, CAROL)


def _evaluate(
    event: Event, rules: PushRules = UNCHANGED, *, member_count: int = 3, name: str | None = None, who: UserID = CAROL
) -> Actions:
    pushed = PushedEvent(event, member_count, power_levels_of(ROOM.state, ROOM.version))
    return compile_rules(rules).judge(pushed, RuleReader(who, name))


def _says(content: JSONObject, *, sender: UserID = BOB) -> Event:
    return ROOM.event("m.room.message", {"msgtype": "m.text", "body": "", **content}, sender=sender)


def _with(*conditions: JSONObject) -> PushRules:
    return UNCHANGED.with_rule(PushRule("override", "mine", ({"set_tweak": "mine"},), conditions))


def _matches(event: Event, *conditions: JSONObject, member_count: int = 3, name: str | None = None) -> bool:
    return "mine" in _evaluate(event, _with(*conditions), member_count=member_count, name=name).tweaks


def test_a_message_notifies() -> None:
    """The plain case: a notification without sound."""
    actions = _evaluate(_says({"body": "hello"}))

    assert actions.notify
    assert not actions.highlight
    assert actions.sound is None


def test_between_two_it_sounds() -> None:
    """In a room of two members messages make a sound, encrypted ones too."""
    encrypted = ROOM.event("m.room.encrypted", {"ciphertext": "…"}, sender=BOB)

    assert _evaluate(_says({}), member_count=2).sound == "default"
    assert _evaluate(encrypted, member_count=2).sound == "default"
    assert _evaluate(encrypted).sound is None
    assert _evaluate(encrypted).notify


def test_own_events_never_notify() -> None:
    """Whatever the rules say."""
    assert _evaluate(_says({}, sender=CAROL)) == NOTHING
    assert _evaluate(_says({}, sender=CAROL), _with()) == NOTHING


@pytest.mark.parametrize(
    ("event", "notify", "highlight", "sound"),
    [
        (_says({"msgtype": "m.notice"}), False, False, None),
        (_says({"m.mentions": {"user_ids": [CAROL]}}), True, True, "default"),
        (_says({"m.mentions": {"user_ids": [ALICE, CAROL]}}), True, True, "default"),
        (_says({"m.mentions": {"user_ids": [ALICE]}}), True, False, None),
        (_says({"m.mentions": {"user_ids": CAROL}}), True, False, None),
        (_says({"m.mentions": []}), True, False, None),
        (_says({"m.mentions": {"room": True}}, sender=ALICE), True, True, None),
        (_says({"m.mentions": {"room": True}}, sender=BOB), True, False, None),
        (_says({"m.mentions": {"room": "true"}}, sender=ALICE), True, False, None),
        (_says({"m.mentions": {"room": 1}}, sender=ALICE), True, False, None),
        (_says({"m.relates_to": {"rel_type": "m.replace", "event_id": "$a"}}), False, False, None),
        (_says({"m.relates_to": {"rel_type": "m.thread", "event_id": "$a"}}), True, False, None),
        (ROOM.event("m.reaction", {}, sender=BOB), False, False, None),
        (ROOM.membership(BOB, "leave"), False, False, None),
        (ROOM.membership(CAROL, "invite"), True, False, "default"),
        (ROOM.membership(UserID("@dora:x"), "invite"), False, False, None),
        (ROOM.event("m.room.tombstone", {}, state_key=""), True, True, None),
        (ROOM.event("m.room.tombstone", {}), False, False, None),
        (ROOM.event("m.room.server_acl", {}, state_key=""), False, False, None),
        (ROOM.event("m.call.invite", {}, sender=BOB), True, False, "ring"),
        (ROOM.event("m.room.topic", {"topic": "x"}, state_key=""), False, False, None),
        (ROOM.event("org.example.x", {}, sender=BOB), False, False, None),
    ],
)
def test_the_predefined_rules(event: Event, notify: bool, highlight: bool, sound: str | None) -> None:
    """What each of them is there for."""
    actions = _evaluate(event)

    assert (actions.notify, actions.highlight, actions.sound) == (notify, highlight, sound)


def test_the_master_rule_silences_all() -> None:
    """Once it is switched on, nothing else is asked, the user's own rules neither."""
    rules = _with().with_enabled("override", ".m.rule.master", True)
    assert rules is not None

    assert _evaluate(_says({"m.mentions": {"user_ids": [CAROL]}}), rules) == NOTHING


def test_a_rule_switched_off_does_not_match() -> None:
    """The next one decides."""
    rules = UNCHANGED.with_enabled("override", ".m.rule.is_user_mention", False)
    assert rules is not None
    actions = _evaluate(_says({"m.mentions": {"user_ids": [CAROL]}}), rules)

    assert actions.notify
    assert not actions.highlight


def test_changed_actions() -> None:
    """The server's rule matches, with what the user wants of it."""
    rules = UNCHANGED.with_actions("underride", ".m.rule.message", ({"set_tweak": "sound", "value": "bell"},))
    assert rules is not None
    actions = _evaluate(_says({}), rules)

    assert not actions.notify
    assert actions.sound == "bell"


def test_the_kinds_are_asked_in_order() -> None:
    """Override, content, room, sender, underride: the first that matches is the only one."""
    event = _says({"body": "cake"})
    rules = [
        PushRule("override", "o", ({"set_tweak": "o"},)),
        PushRule("content", "c", ({"set_tweak": "c"},), pattern="cake"),
        PushRule("room", event.room_id, ({"set_tweak": "r"},)),
        PushRule("sender", BOB, ({"set_tweak": "s"},)),
        PushRule("underride", "u", ({"set_tweak": "u"},)),
    ]
    while rules:
        every = PushRules(tuple(reversed(rules)))

        assert list(_evaluate(event, every).tweaks) == [rules.pop(0).rule_id[:1].replace("!", "r").replace("@", "s")]


def test_a_room_without_actions_is_quiet() -> None:
    """A muted room says nothing, but mentions come before it."""
    rules = UNCHANGED.with_rule(PushRule("room", _says({}).room_id, ()))

    assert _evaluate(_says({}), rules) == NOTHING
    assert _evaluate(_says({"m.mentions": {"user_ids": [CAROL]}}), rules).highlight


@pytest.mark.parametrize(
    ("condition", "event", "matches"),
    [
        ({"kind": "event_match", "key": "content.topic", "pattern": "lunc?*"}, {"topic": "Lunch plans"}, True),
        ({"kind": "event_match", "key": "content.topic", "pattern": "lunc?*"}, {"topic": "LUNCH"}, True),
        ({"kind": "event_match", "key": "content.topic", "pattern": "lunc?*"}, {"topic": " lunch"}, False),
        ({"kind": "event_match", "key": "content.topic", "pattern": "lunc?*"}, {"topic": "lunc"}, False),
        ({"kind": "event_match", "key": "content.topic", "pattern": "*"}, {"topic": None}, False),
        ({"kind": "event_match", "key": "content.topic", "pattern": "*"}, {}, False),
        ({"kind": "event_match", "key": "content.body", "pattern": "ex*ple"}, {"body": "An example event."}, True),
        ({"kind": "event_match", "key": "content.body", "pattern": "event"}, {"body": "An example event."}, True),
        ({"kind": "event_match", "key": "content.body", "pattern": "even"}, {"body": "An example event."}, False),
        ({"kind": "event_match", "key": "type", "pattern": "M.ROOM.message"}, {}, True),
        ({"kind": "event_match", "key": "type", "pattern": "m.room.*"}, {}, True),
        ({"kind": "event_match", "key": "sender", "pattern": BOB}, {}, True),
        ({"kind": "event_match", "key": "room_id", "pattern": "*"}, {}, True),
        ({"kind": "event_match", "key": "state_key", "pattern": ""}, {}, False),
        ({"kind": "event_match", "key": "content", "pattern": "*"}, {}, False),
        ({"kind": "event_property_is", "key": r"content.m\.federate", "value": True}, {"m.federate": True}, True),
        ({"kind": "event_property_is", "key": r"content.m\.federate", "value": True}, {"m.federate": 1}, False),
        ({"kind": "event_property_is", "key": r"content.m\.federate", "value": True}, {"m.federate": "true"}, False),
        ({"kind": "event_property_is", "key": "content.x", "value": None}, {"x": None}, True),
        ({"kind": "event_property_is", "key": "content.x", "value": None}, {}, False),
        ({"kind": "event_property_is", "key": "content.x", "value": 3}, {"x": 3}, True),
        ({"kind": "event_property_is", "key": "content.x", "value": "A"}, {"x": "a"}, False),
        ({"kind": "event_property_contains", "key": "content.a", "value": "#b:c"}, {"a": ["#x:c", "#b:c"]}, True),
        ({"kind": "event_property_contains", "key": "content.a", "value": ":c"}, {"a": ["#x:c", "#b:c"]}, False),
        ({"kind": "event_property_contains", "key": "content.a", "value": 1}, {"a": [True, [1], {"a": 1}]}, False),
        ({"kind": "event_property_contains", "key": "content.a", "value": "b"}, {"a": "b"}, False),
        ({"kind": "room_member_count", "is": "3"}, {}, True),
        ({"kind": "room_member_count", "is": "==3"}, {}, True),
        ({"kind": "room_member_count", "is": "<3"}, {}, False),
        ({"kind": "room_member_count", "is": "<=3"}, {}, True),
        ({"kind": "room_member_count", "is": ">2"}, {}, True),
        ({"kind": "room_member_count", "is": ">=4"}, {}, False),
        ({"kind": "sender_notification_permission", "key": "room"}, {}, False),
        ({"kind": "sender_notification_permission", "key": "tea"}, {}, True),
        ({"kind": "sender_notification_permission", "key": "unnamed"}, {}, False),
        ({"kind": "org.example.moon"}, {}, False),
    ],
)
def test_conditions(condition: JSONObject, event: dict[str, JSON], matches: bool) -> None:
    """The examples of the spec, and the edges of each kind."""
    assert _matches(_says(event), condition) is matches


def test_all_conditions_must_hold() -> None:
    """One that fails, or that nobody knows, is enough; none is no hindrance."""
    holds: JSONObject = {"kind": "room_member_count", "is": "3"}
    fails: JSONObject = {"kind": "room_member_count", "is": "4"}

    assert _matches(_says({}))
    assert _matches(_says({}), holds, holds)
    assert not _matches(_says({}), holds, fails)
    assert not _matches(_says({}), holds, {"kind": "org.example.moon"})


def test_display_names() -> None:
    """The name in the room, as a word of the body; nobody without a name is called."""
    condition: JSONObject = {"kind": "contains_display_name"}

    assert _matches(_says({"body": "Hi, carol S.!"}), condition, name="Carol S.")
    assert not _matches(_says({"body": "Hi, carols"}), condition, name="Carol")
    assert not _matches(_says({"body": "Hi"}), condition, name=None)
    assert not _matches(_says({"body": ""}), condition, name="")
    assert not _matches(_says({"body": 5}), condition, name="5")


def test_stars_in_a_name_stand_for_themselves() -> None:
    """A display name is no pattern."""
    assert not _matches(_says({"body": "hello all"}), {"kind": "contains_display_name"}, name="*")


def test_a_member_asked_after_another_gets_an_answer_of_their_own() -> None:
    """What is kept with the event is only what is the same for everyone."""
    event = _says({"m.mentions": {"user_ids": [CAROL]}})
    pushed = PushedEvent(event, 3, power_levels_of(ROOM.state, ROOM.version))
    rules = compile_rules(UNCHANGED)

    assert [rules.judge(pushed, RuleReader(who, None)).highlight for who in (CAROL, ALICE, CAROL, BOB)] == [
        True,
        False,
        True,
        False,
    ]


def test_highlight_can_be_said_false() -> None:
    """A tweak with a value has that value."""
    assert actions_of(({"set_tweak": "highlight"},)).highlight
    assert not actions_of(({"set_tweak": "highlight", "value": False},)).highlight


def test_two_types_in_one_rule_match_nothing() -> None:
    """The rule is kept, and no event has two types."""
    conditions = [{"kind": "event_match", "key": "type", "pattern": kind} for kind in ("m.room.message", "m.sticker")]

    assert not _matches(_says({}), *conditions)  # type: ignore[arg-type]


def test_an_owner_placeholder_in_a_users_rule_is_text() -> None:
    """Only in the server's own rules does it stand for the user."""
    condition: JSONObject = {"kind": "event_match", "key": "content.x", "pattern": "[the user's Matrix ID]"}

    assert _matches(_says({"x": "[the user's Matrix ID]"}), condition)
    assert not _matches(_says({"x": CAROL}), condition)


def test_rules_of_equal_content_compile_to_one() -> None:
    """Whoever changed nothing costs no memory."""
    assert compile_rules(PushRules()) is compile_rules(evolve(UNCHANGED))
