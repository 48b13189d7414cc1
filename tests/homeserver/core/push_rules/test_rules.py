"""Push rules in and out of JSON."""

import json
import re
from pathlib import Path

import pytest

from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed
from homeserver.core.push_rules.predefined import OWNER, PREDEFINED
from homeserver.core.push_rules.rules import parse_actions, parse_enabled, parse_kind, parse_own_rule_id, parse_rule

SPEC = Path(__file__).parents[5] / "shared/matrix-spec/content/client-server-api/modules/push.md"


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not beside the checkout")
def test_the_predefined_rules_are_those_of_the_spec() -> None:
    """Every definition that the spec spells out, in its order, to the last key."""
    blocks = re.findall(r"Definition:\n\n```json\n(.*?)```", SPEC.read_text(), re.DOTALL)

    assert [json.loads(block) for block in blocks] == [rule.to_json() for rule in PREDEFINED]
    assert any(OWNER in condition.values() for rule in PREDEFINED for condition in rule.conditions)


def test_an_override_rule() -> None:
    """Conditions are kept as they came, those of unknown kinds too, and historical actions."""
    conditions: list[JSONObject] = [
        {"kind": "event_match", "key": "content.body", "pattern": "beer"},
        {"kind": "org.example.moon", "phase": 3},
    ]
    body: JSONObject = {
        "conditions": conditions,  # type: ignore[dict-item]
        "actions": ["dont_notify", "notify", "coalesce", {"set_tweak": "sound", "value": "x"}],
    }
    rule = parse_rule("override", "mine", body)

    assert rule.to_json() == {
        "rule_id": "mine",
        "default": False,
        "enabled": True,
        "conditions": conditions,
        "actions": ["dont_notify", "notify", "coalesce", {"set_tweak": "sound", "value": "x"}],
    }


def test_kinds_keep_what_is_theirs() -> None:
    """Only content rules have a pattern, only override and underride rules conditions."""
    body: JSONObject = {"actions": [], "pattern": "cake", "conditions": []}

    assert parse_rule("content", "a", body).to_json().keys() == {"rule_id", "default", "enabled", "actions", "pattern"}
    assert parse_rule("room", "!a:b", body).to_json().keys() == {"rule_id", "default", "enabled", "actions"}
    assert "pattern" not in parse_rule("underride", "a", body).to_json()


@pytest.mark.parametrize("rule_id", ["", ".m.rule.master", "a/b", "a\\b", "a" * 256])
def test_rule_ids_that_nobody_may_add(rule_id: str) -> None:
    """A dot begins the server's own, and slashes are not allowed."""
    with pytest.raises(Malformed) as refusal:
        parse_own_rule_id(rule_id)

    assert refusal.value.code == "M_INVALID_PARAM"


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("override", {}, "actions"),
        ("override", {"actions": "notify"}, "actions"),
        ("override", {"actions": ["shout"]}, "actions[0]"),
        ("override", {"actions": [5]}, "actions[0]"),
        ("override", {"actions": [{}]}, "actions[0]"),
        ("override", {"actions": [["notify"]]}, "actions[0]"),
        ("override", {"actions": [{"set_tweak": 1}]}, "actions[0]"),
        ("override", {"actions": [], "conditions": {}}, "conditions"),
        ("override", {"actions": [], "conditions": ["x"]}, "conditions[0]"),
        ("override", {"actions": [], "conditions": [{}]}, "conditions[0]"),
        ("override", {"actions": [], "conditions": [{"kind": "event_match", "pattern": "x"}]}, "conditions[0].key"),
        ("override", {"actions": [], "conditions": [{"kind": "event_match", "key": "x"}]}, "conditions[0].pattern"),
        (
            "override",
            {"actions": [], "conditions": [{"kind": "event_property_is", "key": "x", "value": []}]},
            "conditions[0].value",
        ),
        (
            "override",
            {"actions": [], "conditions": [{"kind": "event_property_is", "key": "x", "value": 1.5}]},
            "conditions[0].value",
        ),
        (
            "override",
            {"actions": [], "conditions": [{"kind": "event_property_contains", "key": "x", "value": 2**53}]},
            "conditions[0].value",
        ),
        ("underride", {"actions": [], "conditions": [{"kind": "room_member_count", "is": 2}]}, "conditions[0].is"),
        ("underride", {"actions": [], "conditions": [{"kind": "room_member_count", "is": "~2"}]}, "conditions[0].is"),
        (
            "underride",
            {"actions": [], "conditions": [{"kind": "sender_notification_permission"}]},
            "conditions[0].key",
        ),
        ("content", {"actions": []}, "pattern"),
        ("content", {"actions": [], "pattern": 5}, "pattern"),
        ("content", {"actions": [], "pattern": "x" * 513}, "pattern"),
    ],
)
def test_malformed_rules(kind: str, body: JSONObject, path: str) -> None:
    """A wrong type is refused, and the refusal says where it stands."""
    with pytest.raises(Malformed) as refusal:
        parse_rule(parse_kind(kind), "mine", body)

    assert refusal.value.path == path


@pytest.mark.parametrize("kind", ["", "global", "Override", None, 5, ["room"]])
def test_unknown_kinds(kind: object) -> None:
    """There are five kinds."""
    with pytest.raises(Malformed):
        parse_kind(kind)


def test_missing_fields() -> None:
    """What must be there and is not has a code of its own."""
    for parse in (parse_actions, parse_enabled):
        with pytest.raises(Malformed) as refusal:
            parse({})

        assert refusal.value.code == "M_MISSING_PARAM"
    with pytest.raises(Malformed):
        parse_enabled({"enabled": 1})
