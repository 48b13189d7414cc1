"""
What subscriptions to threads make of events.

Spec: proposals/4306
"""

from collections.abc import Collection
from typing import Any

import pytest

from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed
from homeserver.core.power_levels import power_levels_of
from homeserver.core.push_rules.changes import UNCHANGED, PushRules, parse_push_rules, ruleset_json
from homeserver.core.push_rules.conditions import PushedEvent, RuleReader
from homeserver.core.push_rules.evaluation import NOTHING, Actions, compile_rules
from homeserver.core.push_rules.rules import PROPOSED_KIND, PushRule, parse_rule
from homeserver.core.relations import MAIN_THREAD
from tests.builders import ALICE, BOB, a_room

ROOM = a_room("12", join_rule="public").with_members(BOB)
THREAD = "$root"
NAMES = ("unsubscribed_thread", "subscribed_thread")


def _actions(
    threads: Collection[str] | None, rules: PushRules = UNCHANGED, thread: str = THREAD, **content: Any
) -> Actions:
    event = ROOM.event("m.room.message", {"body": "an oak", **content}, sender=ALICE)
    pushed = PushedEvent(event, 5, power_levels_of(ROOM.state, ROOM.version), thread)
    return compile_rules(rules).judge(pushed, RuleReader(BOB, "bob", threads))


def test_threads_of_the_users_choice() -> None:
    """One that the user has subscribed to sounds; others are silent; the main timeline is as before."""
    assert _actions({THREAD}).sound == "default"
    assert _actions({"$other"}) == NOTHING
    assert _actions(set()) == NOTHING
    assert _actions(set(), thread=MAIN_THREAD) == _actions(None, thread=MAIN_THREAD)
    assert _actions(set(), thread=MAIN_THREAD).notify


def test_who_does_not_choose_hears_of_every_thread() -> None:
    """As the spec has it without the proposal."""
    assert _actions(None).notify
    assert _actions(None).sound is None


def test_mentions_come_first() -> None:
    """By name or by a word of the user's, in threads that they have not subscribed to as well."""
    word = PushRule("content", "oaks", ("notify", {"set_tweak": "highlight"}), pattern="oak")

    mention: Any = {"m.mentions": {"user_ids": [BOB]}}
    assert _actions(set(), **mention).highlight
    assert _actions({THREAD}, UNCHANGED.with_rule(word)).highlight
    assert _actions(set(), UNCHANGED.with_rule(word)).highlight


def test_rules_of_rooms_come_later() -> None:
    """In a silent room a thread of the user's choice notifies; in a loud one another thread does not."""
    silent = UNCHANGED.with_rule(PushRule("room", str(ROOM.room_id), ()))
    loud = UNCHANGED.with_rule(PushRule("room", str(ROOM.room_id), ("notify",)))

    assert _actions({THREAD}, silent).notify
    assert not _actions(set(), loud).notify


def test_rules_that_are_switched_off() -> None:
    """Then the rest of the rules decide; what was switched is stored and read back."""
    rules: PushRules | None = UNCHANGED
    for name in NAMES:
        assert rules is not None
        rules = rules.with_enabled(PROPOSED_KIND, f".io.element.msc4306.rule.{name}", False)
    assert rules is not None

    assert parse_push_rules(rules.to_json()) == rules
    assert _actions(set(), rules) == _actions(None)
    assert _actions({THREAD}, rules) == _actions(None)


@pytest.mark.parametrize("kind", ["thread_subscription", "io.element.msc4306.thread_subscription"])
def test_rules_of_the_users_own(kind: str) -> None:
    """The condition is good for any rule that has conditions."""
    condition: JSONObject = {"kind": kind, "subscribed": True}
    rules = UNCHANGED.with_rule(PushRule("override", "mine", ("notify", {"set_tweak": "highlight"}), (condition,)))

    assert _actions({THREAD}, rules).highlight
    assert not _actions(set(), rules).highlight
    assert not _actions(None, rules).highlight


def test_nobody_adds_rules_of_that_kind() -> None:
    """Spec: proposals/4306"""
    with pytest.raises(Malformed) as raised:
        parse_rule(PROPOSED_KIND, "mine", {"actions": [], "conditions": []})

    assert raised.value.code == "M_INVALID_PARAM"


def test_they_are_shown_where_the_proposal_is_served() -> None:
    """Between content and room, and not otherwise."""
    assert list(ruleset_json(UNCHANGED, BOB, proposed=True)) == [
        "override",
        "content",
        "postcontent",
        "room",
        "sender",
        "underride",
    ]
    assert PROPOSED_KIND not in ruleset_json(UNCHANGED, BOB)
