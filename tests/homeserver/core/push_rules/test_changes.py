"""What a user makes of the push rules."""

import pytest

from homeserver.core.canonical import JSONObject, encode_json, parse_json
from homeserver.core.malformed import Malformed
from homeserver.core.push_rules.changes import UNCHANGED, PushRules, parse_push_rules, rule_json, ruleset_json
from homeserver.core.push_rules.rules import PushRule
from tests.builders import ALICE


def _rule(rule_id: str, *, kind: str = "content", pattern: str = "x") -> PushRule:
    return PushRule(kind, rule_id, ("notify",), pattern=pattern if kind == "content" else None)  # type: ignore[arg-type]


def _ids(rules: PushRules, kind: str = "content") -> list[str]:
    return [rule.rule_id for rule in rules.of_kind(kind)]  # type: ignore[arg-type]


def test_a_new_rule_comes_first() -> None:
    """The last added is the most important."""
    rules = UNCHANGED.with_rule(_rule("a")).with_rule(_rule("b"))

    assert _ids(rules) == ["b", "a"]


def test_before_and_after() -> None:
    """Next to a rule of the user's, on the side that was asked for; before counts when both are."""
    rules = UNCHANGED.with_rule(_rule("a")).with_rule(_rule("b"))

    assert _ids(rules.with_rule(_rule("c"), before="a")) == ["b", "c", "a"]
    assert _ids(rules.with_rule(_rule("c"), after="b")) == ["b", "c", "a"]
    assert _ids(rules.with_rule(_rule("c"), after="a")) == ["b", "a", "c"]
    assert _ids(rules.with_rule(_rule("c"), before="b", after="a")) == ["c", "b", "a"]


def test_replacing() -> None:
    """A replaced rule keeps its place and its switch, and moves when a place is named."""
    rules = UNCHANGED.with_rule(_rule("a")).with_rule(_rule("b"))
    switched = rules.with_enabled("content", "a", False)
    assert switched is not None
    replaced = switched.with_rule(_rule("a", pattern="y"))

    assert _ids(replaced) == ["b", "a"]
    assert replaced.by_name("content", "a") == PushRule("content", "a", ("notify",), pattern="y", enabled=False)
    assert _ids(replaced.with_rule(_rule("a"), before="b")) == ["a", "b"]


def test_the_master_rule_comes_before_all() -> None:
    """The user's own rules come before the server's, but for the master rule."""
    rules = UNCHANGED.with_rule(_rule("mine", kind="override")).with_rule(_rule("mine", kind="underride"))

    assert _ids(rules, "override")[:3] == [".m.rule.master", "mine", ".m.rule.suppress_notices"]
    assert _ids(rules, "underride")[0] == "mine"


@pytest.mark.parametrize(
    ("neighbor", "code"), [("missing", "M_UNKNOWN"), (".m.rule.master", "M_INVALID_PARAM"), ("other", "M_UNKNOWN")]
)
def test_no_place_next_to_what_is_not_there(neighbor: str, code: str) -> None:
    """The neighbor must be a rule of the user's, of the same kind."""
    rules = UNCHANGED.with_rule(_rule("other", kind="override"))
    for place in ({"before": neighbor}, {"after": neighbor}):
        with pytest.raises(Malformed) as refusal:
            rules.with_rule(_rule("a"), **place)

        assert refusal.value.code == code


def test_rules_have_a_bound() -> None:
    """Nobody makes every event cost without end."""
    rules = PushRules(tuple(_rule(str(number)) for number in range(1000)))

    assert rules.with_rule(_rule("5")) == rules
    with pytest.raises(Malformed):
        rules.with_rule(_rule("one more"))


def test_removing() -> None:
    """A user's rule goes; the server's own cannot."""
    rules = UNCHANGED.with_rule(_rule("a"))

    assert rules.without_rule("content", "a") == UNCHANGED
    assert rules.without_rule("override", "a") is None
    assert rules.without_rule("override", ".m.rule.master") is None


def test_changing_the_servers_rules() -> None:
    """They are switched and given other actions, and a change taken back leaves nothing."""
    quiet = UNCHANGED.with_enabled("override", ".m.rule.master", True)
    assert quiet is not None
    loud = quiet.with_actions("underride", ".m.rule.message", ("notify", {"set_tweak": "highlight"}))
    assert loud is not None

    assert loud.of_kind("override")[0].enabled
    assert loud.of_kind("underride")[3].actions == ("notify", {"set_tweak": "highlight"})
    assert quiet.with_enabled("override", ".m.rule.master", False) == UNCHANGED
    assert UNCHANGED.with_enabled("override", "missing", True) is None
    assert UNCHANGED.with_actions("override", "missing", ()) is None


def test_changes_are_stored_and_read_back() -> None:
    """What is stored is the same when it is read, through bytes."""
    rules = (
        UNCHANGED.with_rule(_rule("a"))
        .with_rule(PushRule("override", "b", (), ({"kind": "org.example.x"},)))
        .with_rule(PushRule("room", "!a:b", ()))
        .with_enabled("content", "a", False)
    )
    assert rules is not None
    rules = rules.with_enabled("override", ".m.rule.master", True)
    assert rules is not None

    assert parse_push_rules(parse_json(encode_json(rules.to_json()))) == rules


def test_a_rule_that_the_server_dropped_is_passed_over() -> None:
    """A change of a rule of an older server does no harm."""
    change: JSONObject = {"kind": "content", "rule_id": ".m.rule.contains_user_name", "enabled": False, "actions": []}

    assert parse_push_rules({"added": [], "changed": [change]}) == UNCHANGED


def test_clients_see_their_own_name() -> None:
    """Where the spec writes the user's ID, the user's ID stands."""
    wire = ruleset_json(UNCHANGED, ALICE)
    override = wire["override"]
    assert isinstance(override, list)
    invite, mention = override[2], override[4]
    assert isinstance(invite, dict)
    assert isinstance(mention, dict)

    assert invite["conditions"][2] == {"kind": "event_match", "key": "state_key", "pattern": ALICE}  # type: ignore[index]
    assert mention["conditions"][0]["value"] == ALICE  # type: ignore[index, call-overload]
    assert list(wire) == ["override", "content", "room", "sender", "underride"]
    rule = UNCHANGED.by_name("override", ".m.rule.is_user_mention")
    assert rule is not None
    assert rule_json(rule, ALICE) == mention
