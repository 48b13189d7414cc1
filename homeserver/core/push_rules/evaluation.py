"""
Rules in compiled form, and events held against them.

A room of many members is asked one event after another, so what is the same for all is answered once: the server's own
rules are one object for everyone, and their answers are kept with the event; so is which rules of a sequence are left
to ask, as most users have the same.

Spec: client-server-api#receiving-notifications
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from attrs import field, frozen

from homeserver.core.canonical import JSON
from homeserver.core.push_rules.changes import UNCHANGED, PushRules
from homeserver.core.push_rules.conditions import (
    OwnTest,
    PushedEvent,
    RuleReader,
    SharedTest,
    compile_conditions,
    compile_content,
)
from homeserver.core.push_rules.predefined import PREDEFINED_BY_NAME
from homeserver.core.push_rules.rules import PROPOSED_KIND, PushRule, RuleName


@frozen
class Actions:
    """What the matching rule asks for.  *actions*: as the rule spells them.  *tweaks*: for the push gateway."""

    notify: bool = False
    highlight: bool = False
    sound: str | None = None
    tweaks: Mapping[str, JSON] = field(factory=dict)
    actions: tuple[JSON, ...] = ()


NOTHING: Final = Actions()


def actions_of(rule_actions: Iterable[JSON]) -> Actions:
    """The actions of a rule, read.  Spec: client-server-api#actions"""
    actions = tuple(rule_actions)
    tweaks: dict[str, JSON] = {}
    for action in actions:
        if isinstance(action, dict) and isinstance(name := action.get("set_tweak"), str):
            tweaks[name] = action.get("value", True if name == "highlight" else None)
    sound = tweaks.get("sound")
    return Actions(
        notify="notify" in actions,
        highlight=tweaks.get("highlight") is True,
        sound=sound if isinstance(sound, str) else None,
        tweaks=tweaks,
        actions=actions,
    )


@frozen(eq=False)
class CompiledRule:
    """A rule that is enabled and can match."""

    actions: Actions
    shared: tuple[SharedTest, ...]
    own: tuple[OwnTest, ...]

    def may_match(self, pushed: PushedEvent) -> bool:
        """Whether the event is one for the rule, whoever reads it."""
        answer = pushed.answers.get(self)
        if answer is None:
            answer = pushed.answers[self] = all(test(pushed) for test in self.shared)
        return answer

    def matches(self, pushed: PushedEvent, reader: RuleReader) -> bool:
        """Whether one for which it is matches with this reader, too."""
        return all(test(pushed, reader) for test in self.own)


@frozen(eq=False)
class RuleSequence:
    """Rules asked one after another, those apart that can match one type of event only."""

    any_type: tuple[CompiledRule, ...]
    by_type: Mapping[str, tuple[CompiledRule, ...]]
    """For the types that rules name: these rules among those for any type."""

    def first(self, pushed: PushedEvent, reader: RuleReader) -> CompiledRule | None:
        """The first that matches."""
        candidates: tuple[CompiledRule, ...] | None = pushed.candidates.get(self)
        if candidates is None:
            candidates = pushed.candidates[self] = tuple(self._candidates(pushed))
        for rule in candidates:
            if not rule.own or rule.matches(pushed, reader):
                return rule
        return None

    def _candidates(self, pushed: PushedEvent) -> Iterator["CompiledRule"]:
        """Those that may match, up to one that matches for everyone."""
        for rule in self.by_type.get(pushed.type_lowered, self.any_type):
            if rule.may_match(pushed):
                yield rule
                if not rule.own:
                    return


@frozen(eq=False)
class CompiledRules:
    """The rules of a user, or of the many who changed nothing."""

    first: RuleSequence
    """Override and content rules, and those of threads."""
    rooms: Mapping[str, Actions]
    senders: Mapping[str, Actions]
    last: RuleSequence

    def judge(self, pushed: PushedEvent, reader: RuleReader) -> Actions:
        """What the event asks for with one user: NOTHING when no rule matches, or the user sent it."""
        event = pushed.event
        if event.sender == reader.user_id:
            return NOTHING
        rule = self.first.first(pushed, reader)
        if rule is not None:
            return rule.actions
        # A room or sender has one rule, which its ID names.
        actions = self.rooms.get(event.room_id) or self.senders.get(event.sender)
        if actions is not None:
            return actions
        rule = self.last.first(pushed, reader)
        return NOTHING if rule is None else rule.actions


def compile_rules(rules: PushRules) -> CompiledRules:
    """The rules as they are asked; whoever changed nothing shares one value."""
    return _COMPILED_DEFAULTS if rules == UNCHANGED else _compile(rules)


def _compile(rules: PushRules) -> CompiledRules:
    return CompiledRules(
        first=_sequence(
            (*rules.of_kind("override"), *rules.of_kind("content"), *rules.of_kind(PROPOSED_KIND)),
        ),
        rooms=_by_id(rules.of_kind("room")),
        senders=_by_id(rules.of_kind("sender")),
        last=_sequence(rules.of_kind("underride")),
    )


def _by_id(rules: Iterable[PushRule]) -> Mapping[str, Actions]:
    return {rule.rule_id: actions_of(rule.actions) for rule in rules if rule.enabled}


def _sequence(rules: Iterable[PushRule]) -> RuleSequence:
    entries = [_compile_predefined(rule.name) if _is_unchanged(rule) else _compile_rule(rule) for rule in rules]
    compiled = [entry for entry in entries if entry is not None]
    types = {event_type for event_type, _ in compiled if event_type is not None}
    return RuleSequence(
        tuple(rule for event_type, rule in compiled if event_type is None),
        {wanted: tuple(rule for event_type, rule in compiled if event_type in (None, wanted)) for wanted in types},
    )


def _is_unchanged(rule: PushRule) -> bool:
    return PREDEFINED_BY_NAME.get(rule.name) is rule


@cache
def _compile_predefined(name: RuleName) -> tuple[str | None, CompiledRule] | None:
    """One object for all users, by which its answers are kept."""
    return _compile_rule(PREDEFINED_BY_NAME[name])


def _compile_rule(rule: PushRule) -> tuple[str | None, CompiledRule] | None:
    """The rule and the one type it can match; None when it can match nothing."""
    tests = compile_conditions(rule) if rule.pattern is None else compile_content(rule.pattern)
    if tests is None or not rule.enabled:
        return None
    return tests.event_type, CompiledRule(actions_of(rule.actions), tests.shared, tests.own)


_COMPILED_DEFAULTS: Final = _compile(UNCHANGED)
