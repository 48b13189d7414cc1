"""
Push rules as values, and their JSON.

Spec: client-server-api#push-rules
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from attrs import frozen

from homeserver.core.canonical import INTEGER_MAX, INTEGER_MIN, JSON, JSONObject
from homeserver.core.malformed import Malformed

RuleKind: TypeAlias = Literal["override", "content", "postcontent", "room", "sender", "underride"]
KINDS: Final[tuple[RuleKind, ...]] = get_args(RuleKind)
"""In the order in which they are asked."""
CONDITIONAL_KINDS: Final[frozenset[RuleKind]] = frozenset({"override", "postcontent", "underride"})
PROPOSED_KIND: Final[RuleKind] = "postcontent"
"""Of the server's own rules alone, where a proposal has any.  Spec: proposals/4306"""

RuleName: TypeAlias = tuple[RuleKind, str]
"""A rule ID is unique within its kind."""

RULE_ID_CHARACTERS_MAX: Final = 255
PATTERN_CHARACTERS_MAX: Final = 512
CONDITIONS_MAX: Final = 50
ACTIONS_MAX: Final = 20

_HISTORICAL_ACTIONS: Final = frozenset({"dont_notify", "coalesce"})
_MEMBER_COUNT: Final = re.compile(r"(?:==|<=|>=|<|>)?[0-9]{1,15}\Z", re.ASCII)


@frozen
class PushRule:
    """One rule; *conditions* are for override and underride rules, *pattern* for content rules."""

    kind: RuleKind
    rule_id: str
    actions: tuple[JSON, ...]
    conditions: tuple[JSONObject, ...] = ()
    pattern: str | None = None
    enabled: bool = True
    default: bool = False
    """The server's own."""

    @property
    def name(self) -> RuleName:
        return (self.kind, self.rule_id)

    def to_json(self) -> JSONObject:
        """The rule as clients see it."""
        body: JSONObject = {
            "rule_id": self.rule_id,
            "default": self.default,
            "enabled": self.enabled,
            "actions": list(self.actions),
        }
        if self.kind in CONDITIONAL_KINDS:
            body["conditions"] = list(self.conditions)
        if self.pattern is not None:
            body["pattern"] = self.pattern
        return body


def parse_kind(text: object) -> RuleKind:
    """The kind of that name.  Raises Malformed with ``M_INVALID_PARAM``."""
    if text not in KINDS:
        raise Malformed(f"A push rule is of one of the kinds {', '.join(KINDS)}.", "kind", "M_INVALID_PARAM")
    return text


def parse_own_rule_id(text: str) -> str:
    """The ID of a rule that a user may add.  Raises Malformed with ``M_INVALID_PARAM``."""
    if text.startswith("."):
        raise Malformed("A rule ID that starts with a dot is the server's own.", "ruleId", "M_INVALID_PARAM")
    if not text or "/" in text or "\\" in text or len(text) > RULE_ID_CHARACTERS_MAX:
        raise Malformed(
            f"A rule ID has 1 to {RULE_ID_CHARACTERS_MAX} characters and no slashes.", "ruleId", "M_INVALID_PARAM"
        )
    return text


def parse_rule(kind: RuleKind, rule_id: str, body: Mapping[str, JSON]) -> PushRule:
    """A rule that a user adds, enabled.  Raises Malformed."""
    if kind == PROPOSED_KIND:
        raise Malformed("Rules of this kind are the server's own.", "kind", "M_INVALID_PARAM")
    return PushRule(
        kind,
        parse_own_rule_id(rule_id),
        parse_actions(body),
        _parse_conditions(body) if kind in CONDITIONAL_KINDS else (),
        _parse_pattern(body, "pattern") if kind == "content" else None,
    )


def parse_actions(body: Mapping[str, JSON]) -> tuple[JSON, ...]:
    """``actions`` of a body.  Raises Malformed."""
    actions = body.get("actions")
    if actions is None:
        raise Malformed("A push rule must have actions.", "actions", "M_MISSING_PARAM")
    if not isinstance(actions, list) or len(actions) > ACTIONS_MAX:
        raise Malformed(f"Actions are a list of at most {ACTIONS_MAX}.", "actions")
    for index, action in enumerate(actions):
        _check_action(action, f"actions[{index}]")
    # Historical actions are kept, and say nothing: matrix-js-sdk knows a room that it muted by the one it put there.
    return tuple(actions)


def parse_enabled(body: Mapping[str, JSON]) -> bool:
    """``enabled`` of a body.  Raises Malformed."""
    enabled = body.get("enabled")
    if enabled is None:
        raise Malformed("It must be said whether the rule is enabled.", "enabled", "M_MISSING_PARAM")
    if not isinstance(enabled, bool):
        raise Malformed("This must be true or false.", "enabled")
    return enabled


def _check_action(action: JSON, path: str) -> None:
    if isinstance(action, dict):
        if not isinstance(action.get("set_tweak"), str):
            raise Malformed("An action that is an object sets a tweak.", path)
    elif not isinstance(action, str) or (action != "notify" and action not in _HISTORICAL_ACTIONS):
        raise Malformed("An action is notify, or sets a tweak.", path)


def _parse_conditions(body: Mapping[str, JSON]) -> tuple[JSONObject, ...]:
    conditions = body.get("conditions", [])
    if not isinstance(conditions, list) or len(conditions) > CONDITIONS_MAX:
        raise Malformed(f"Conditions are a list of at most {CONDITIONS_MAX}.", "conditions")
    return tuple(_parse_condition(condition, f"conditions[{index}]") for index, condition in enumerate(conditions))


def _parse_condition(condition: JSON, path: str) -> JSONObject:
    if not isinstance(condition, dict) or not isinstance(condition.get("kind"), str):
        raise Malformed("A condition is an object that says its kind.", path)
    # A kind that nobody knows here is kept, and never matches.
    match condition["kind"]:
        case "event_match":
            _check_string(condition, "key", path)
            _parse_pattern(condition, f"{path}.pattern")
        case "event_property_is" | "event_property_contains":
            _check_string(condition, "key", path)
            if not is_simple(condition.get("value", [])):
                raise Malformed("A value is a string, an integer, true, false or null.", f"{path}.value")
        case "room_member_count":
            count = condition.get("is")
            if not isinstance(count, str) or not _MEMBER_COUNT.match(count):
                raise Malformed("This must be a number after ==, <, >, >=, <= or nothing.", f"{path}.is")
        case "sender_notification_permission":
            _check_string(condition, "key", path)
    return condition


def is_simple(value: JSON) -> bool:
    """Whether *value* is a non-compound value of canonical JSON."""
    if isinstance(value, int) and not isinstance(value, bool):
        return INTEGER_MIN <= value <= INTEGER_MAX
    return value is None or isinstance(value, str | bool)


def _parse_pattern(body: Mapping[str, JSON], path: str) -> str:
    pattern = body.get("pattern")
    if not isinstance(pattern, str) or len(pattern) > PATTERN_CHARACTERS_MAX:
        raise Malformed(f"A pattern is a string of at most {PATTERN_CHARACTERS_MAX} characters.", path)
    return pattern


def _check_string(condition: Mapping[str, JSON], name: str, path: str) -> None:
    value = condition.get(name)
    if not isinstance(value, str) or len(value) > PATTERN_CHARACTERS_MAX:
        raise Malformed(f"This is a string of at most {PATTERN_CHARACTERS_MAX} characters.", f"{path}.{name}")
