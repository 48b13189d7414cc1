"""
Conditions compiled into tests.

A test either looks at the event and its room alone, and then its answer holds for every member, or also at the user
whose rules they are.

Spec: client-server-api#conditions-1
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.globs import Matcher, compile_glob, compile_word_glob, contains_word
from homeserver.core.identifiers import UserID
from homeserver.core.power_levels import PowerLevels
from homeserver.core.property_paths import Absent, PropertyPath, property_at, split_path
from homeserver.core.push_rules.predefined import OWNER, THREAD_SUBSCRIPTION
from homeserver.core.push_rules.rules import PushRule, is_simple
from homeserver.core.relations import MAIN_THREAD

_BODY: Final = ("content", "body")
_COUNT: Final = re.compile(r"(==|<=|>=|<|>|)([0-9]{1,15})\Z", re.ASCII)
_COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "": operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@frozen(eq=False)
class PushedEvent:
    """
    An event and what conditions ask of its room, looked at once for all of its members.

    *levels*: the power levels in force at the event.  *thread_id*: the root of the thread that it is in, or ``main``.
    """

    event: Event
    member_count: int
    levels: PowerLevels
    thread_id: str = MAIN_THREAD
    type_lowered: str = field(init=False)
    answers: dict[object, bool] = field(init=False, factory=dict, repr=False)
    """Of the rules that are the same for everyone, as far as they were asked."""
    candidates: dict[object, tuple[Any, ...]] = field(init=False, factory=dict, repr=False)
    """By sequence of rules, those that may match."""
    _found: dict[PropertyPath, JSON | Absent] = field(init=False, factory=dict, repr=False)
    _lowered: dict[PropertyPath, str | None] = field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "type_lowered", self.event.type.lower())

    def property_at(self, path: PropertyPath) -> JSON | Absent:
        """What stands at a path of the event as clients see it."""
        try:
            return self._found[path]
        except KeyError:
            if path[0] == "content" and len(path) > 1:
                found = property_at(self.event.content, path[1:])
            else:
                found = property_at(_fields_of(self.event), path)
            self._found[path] = found
            return found

    def text_at(self, path: PropertyPath) -> str | None:
        """The string at a path, in lower case; None when there is none."""
        try:
            return self._lowered[path]
        except KeyError:
            found = self.property_at(path)
            text = found.lower() if isinstance(found, str) else None
            self._lowered[path] = text
            return text


SharedTest: TypeAlias = Callable[[PushedEvent], bool]


@frozen
class RuleReader:
    """
    Whose rules they are.  *display_name*: the user's in the room.

    *threads*: those of the room that the user has subscribed to; None: the user does not choose threads.
    """

    user_id: UserID
    display_name: str | None = None
    threads: Collection[str] | None = None


OwnTest: TypeAlias = Callable[[PushedEvent, RuleReader], bool]


@frozen
class Tests:
    """What must hold for a rule to match; *event_type*: the one type it can match, in lower case; None: any."""

    shared: tuple[SharedTest, ...] = ()
    own: tuple[OwnTest, ...] = ()
    event_type: str | None = None


def compile_conditions(rule: PushRule) -> Tests | None:
    """The tests of an override or underride rule; None when one of them can never hold."""
    shared: list[SharedTest] = []
    own: list[OwnTest] = []
    event_type: str | None = None
    for condition in rule.conditions:
        exact_type = _exact_type(condition)
        if exact_type is not None and event_type in (None, exact_type):
            event_type = exact_type
        elif rule.default and OWNER in condition.values():
            own.append(_compile_owner(condition))
        elif condition["kind"] == "contains_display_name":
            own.append(_contains_display_name)
        elif condition["kind"] in THREAD_SUBSCRIPTION and isinstance(condition.get("subscribed"), bool):
            own.append(_subscription_test(condition["subscribed"] is True))
        else:
            test = _compile_shared(condition)
            if test is None:
                return None
            shared.append(test)
    return Tests(tuple(shared), tuple(own), event_type)


def compile_content(pattern: str) -> Tests:
    """The tests of a content rule."""
    return Tests((_text_test(_BODY, compile_word_glob(pattern.lower())),))


def _exact_type(condition: JSONObject) -> str | None:
    pattern = condition.get("pattern")
    if condition["kind"] != "event_match" or condition.get("key") != "type" or not isinstance(pattern, str):
        return None
    return None if "*" in pattern or "?" in pattern else pattern.lower()


def _compile_owner(condition: JSONObject) -> OwnTest:
    path = split_path(str(condition["key"]))
    if condition["kind"] == "event_match":
        return lambda pushed, reader: pushed.property_at(path) == reader.user_id

    def lists_owner(pushed: PushedEvent, reader: RuleReader) -> bool:
        found = pushed.property_at(path)
        return isinstance(found, list) and reader.user_id in found

    return lists_owner


def _contains_display_name(pushed: PushedEvent, reader: RuleReader) -> bool:
    body, name = pushed.text_at(_BODY), reader.display_name
    return bool(name) and body is not None and contains_word(body, str(name).lower())


def _subscription_test(subscribed: bool) -> OwnTest:
    def test(pushed: PushedEvent, reader: RuleReader) -> bool:
        # NOTSPEC: who never subscribed to any thread, nor unsubscribed, has clients that do not know of it, and would
        # hear of no thread any more.
        if reader.threads is None or pushed.thread_id == MAIN_THREAD:
            return False
        return (pushed.thread_id in reader.threads) is subscribed

    return test


def _compile_shared(condition: JSONObject) -> SharedTest | None:
    kind, key, value = condition["kind"], condition.get("key"), condition.get("value")
    if kind == "room_member_count":
        return _count_test(condition.get("is"))
    if not isinstance(key, str):
        return None
    path, pattern = split_path(key), condition.get("pattern")
    if kind == "event_match" and isinstance(pattern, str):
        compiled = compile_word_glob if path == _BODY else compile_glob
        return _text_test(path, compiled(pattern.lower()))
    if kind == "event_property_is" and "value" in condition:
        return lambda pushed: _is_same(pushed.property_at(path), value)
    if kind == "event_property_contains" and "value" in condition:
        return lambda pushed: _holds(pushed.property_at(path), value)
    if kind == "sender_notification_permission":
        return lambda pushed: pushed.levels.of(pushed.event.sender) >= pushed.levels.notification(key)
    return None


def _text_test(path: PropertyPath, matches: Matcher) -> SharedTest:
    def test(pushed: PushedEvent) -> bool:
        text = pushed.text_at(path)
        return text is not None and matches(text)

    return test


def _count_test(value: JSON) -> SharedTest | None:
    match = _COUNT.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    compare, count = _COMPARISONS[match[1]], int(match[2])
    return lambda pushed: compare(pushed.member_count, count)


def _is_same(found: JSON | Absent, value: JSON) -> bool:
    # 1 is not true here, as it is in Python.
    return not isinstance(found, Absent) and is_simple(found) and type(found) is type(value) and found == value


def _holds(found: JSON | Absent, value: JSON) -> bool:
    return isinstance(found, list) and any(_is_same(item, value) for item in found)


def _fields_of(event: Event) -> JSONObject:
    fields: JSONObject = {
        "content": dict(event.content),
        "event_id": event.event_id,
        "origin_server_ts": event.origin_server_ts,
        "room_id": event.room_id,
        "sender": event.sender,
        "type": event.type,
    }
    if event.state_key is not None:
        fields["state_key"] = event.state_key
    if event.redacts is not None:
        fields["redacts"] = event.redacts
    return fields
