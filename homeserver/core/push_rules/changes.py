"""
A user's push rules: what they added, and what they changed of the server's own.

Spec: client-server-api#push-rules-api
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.core.push_rules.predefined import MASTER, PREDEFINED_BY_KIND, PREDEFINED_BY_NAME, owned_by
from homeserver.core.push_rules.rules import (
    KINDS,
    PROPOSED_KIND,
    PushRule,
    RuleKind,
    RuleName,
    parse_actions,
    parse_enabled,
    parse_kind,
    parse_rule,
)

ADDED_MAX: Final = 1000
"""Rules that one user may add: each costs time on every event of every room they are in."""


@frozen
class PushRules:
    """
    All rules of one user.

    *added*: their own, the most important of each kind first.  *changed*: rules of the server's that they switched or
    gave other actions.  Who changed nothing has ``UNCHANGED``.
    """

    added: tuple[PushRule, ...] = ()
    changed: Mapping[RuleName, PushRule] = field(factory=dict)

    def of_kind(self, kind: RuleKind) -> tuple[PushRule, ...]:
        """The rules of a kind in the order they are asked, the server's own with OWNER in them."""
        own = tuple(rule for rule in self.added if rule.kind == kind)
        servers = tuple(self.changed.get(rule.name, rule) for rule in PREDEFINED_BY_KIND[kind])
        if servers and servers[0].name == MASTER:
            return servers[:1] + own + servers[1:]
        return own + servers

    def by_name(self, kind: RuleKind, rule_id: str) -> PushRule | None:
        """One rule; None when the user has none of that name."""
        name = (kind, rule_id)
        for rule in self.added:
            if rule.name == name:
                return rule
        return self.changed.get(name) or PREDEFINED_BY_NAME.get(name)

    def with_rule(self, rule: PushRule, *, before: str | None = None, after: str | None = None) -> "PushRules":
        """
        With a rule added, or the one of its name replaced.

        *before* and *after* name rules of the user's of the same kind; *before* counts when both are given.  Without
        them a replaced rule stays where it is, and a new one comes first.  A replaced rule stays switched as it was.
        Raises Malformed when there is no such rule, or too many.
        """
        old = next((known for known in self.added if known.name == rule.name), None)
        if old is not None:
            rule = evolve(rule, enabled=old.enabled)
        neighbor = before if before is not None else after
        if neighbor is None and old is not None:
            return evolve(self, added=tuple(rule if known is old else known for known in self.added))
        added = [known for known in self.added if known is not old]
        if len(added) >= ADDED_MAX:
            raise Malformed(f"A user has at most {ADDED_MAX} push rules of their own.", code="M_UNKNOWN")
        at = 0 if neighbor is None else _place_of(added, rule.kind, neighbor) + (before is None)
        added.insert(at, rule)
        return evolve(self, added=tuple(added))

    def without_rule(self, kind: RuleKind, rule_id: str) -> "PushRules | None":
        """Without a rule that the user added; None when there is none (the server's own stay)."""
        added = tuple(rule for rule in self.added if rule.name != (kind, rule_id))
        return None if len(added) == len(self.added) else evolve(self, added=added)

    def with_enabled(self, kind: RuleKind, rule_id: str, enabled: bool) -> "PushRules | None":
        """With a rule switched on or off; None when there is no such rule."""
        rule = self.by_name(kind, rule_id)
        return None if rule is None else self._with_changed(evolve(rule, enabled=enabled))

    def with_actions(self, kind: RuleKind, rule_id: str, actions: tuple[JSON, ...]) -> "PushRules | None":
        """With other actions for a rule; None when there is no such rule."""
        rule = self.by_name(kind, rule_id)
        return None if rule is None else self._with_changed(evolve(rule, actions=actions))

    def _with_changed(self, rule: PushRule) -> "PushRules":
        if not rule.default:
            return evolve(self, added=tuple(rule if known.name == rule.name else known for known in self.added))
        others = {name: known for name, known in self.changed.items() if name != rule.name}
        if rule != PREDEFINED_BY_NAME[rule.name]:
            others[rule.name] = rule
        return evolve(self, changed=others)

    def to_json(self) -> JSONObject:
        """The changes alone, for storing; ``parse_push_rules`` reads them back."""
        return {
            "added": [{"kind": rule.kind, **rule.to_json()} for rule in self.added],
            "changed": [
                {"kind": rule.kind, "rule_id": rule.rule_id, "enabled": rule.enabled, "actions": list(rule.actions)}
                for rule in self.changed.values()
            ],
        }


UNCHANGED: Final = PushRules()


def parse_push_rules(value: JSON) -> PushRules:
    """
    What ``PushRules.to_json`` wrote.  Raises Malformed.

    A change of a rule that this server no longer has is passed over.
    """
    if not isinstance(value, dict):
        raise Malformed("A user's push rules are an object.")
    added = tuple(_parse_added(body) for body in _objects(value.get("added")))
    changed = {rule.name: rule for body in _objects(value.get("changed")) if (rule := _parse_changed(body)) is not None}
    return PushRules(added, changed)


def ruleset_json(rules: PushRules, user_id: UserID, *, proposed: bool = False) -> JSONObject:
    """
    The rules as clients see them, the value of ``global``; with those that are *proposed*, or without.

    Spec: client-server-api#get_matrixclientv3pushrules
    """
    kinds = [kind for kind in KINDS if proposed or kind != PROPOSED_KIND]
    return {kind: [owned_by(rule, user_id).to_json() for rule in rules.of_kind(kind)] for kind in kinds}


def rule_json(rule: PushRule, user_id: UserID) -> JSONObject:
    """One rule as its owner's clients see it."""
    return (owned_by(rule, user_id) if rule.default else rule).to_json()


def _place_of(added: list[PushRule], kind: RuleKind, rule_id: str) -> int:
    if rule_id.startswith("."):
        raise Malformed("No rule can be placed next to the server's own.", code="M_INVALID_PARAM")
    for index, rule in enumerate(added):
        if rule.name == (kind, rule_id):
            return index
    raise Malformed(f"before/after rule not found: {rule_id}", code="M_UNKNOWN")


def _objects(value: JSON) -> Iterable[Mapping[str, JSON]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _parse_added(body: Mapping[str, JSON]) -> PushRule:
    rule = parse_rule(parse_kind(body.get("kind")), str(body.get("rule_id", "")), body)
    return evolve(rule, enabled=parse_enabled(body))


def _parse_changed(body: Mapping[str, JSON]) -> PushRule | None:
    predefined = PREDEFINED_BY_NAME.get((parse_kind(body.get("kind")), str(body.get("rule_id", ""))))
    if predefined is None:
        return None
    return evolve(predefined, enabled=parse_enabled(body), actions=parse_actions(body))
