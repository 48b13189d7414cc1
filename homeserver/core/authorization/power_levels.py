"""
The rules of m.room.power_levels: nobody gives or takes what lies above them.

Spec: rooms/v12#authorisation-rules, rule 10
"""

from collections.abc import Mapping
from typing import Final

from homeserver.core.auth_events import POWER_LEVELS
from homeserver.core.authorization.situation import Situation
from homeserver.core.canonical import JSON
from homeserver.core.events import Event
from homeserver.core.identifiers import is_user_id
from homeserver.core.power_levels import LEVEL_DEFAULTS, Level, parse_level
from homeserver.core.verdicts import ALLOWED, Denied, Verdict
from homeserver.core.versions import RoomVersion

_EMPTY: Final[Mapping[str, JSON]] = {}


def check_power_levels(event: Event, situation: Situation) -> Verdict:
    """Whether the sender may set these levels."""
    verdict = _check_form(event)
    if not verdict:
        return verdict
    # Since v12: creators have their power from elsewhere.
    users = _entries(event.content, "users")
    if any(creator in users for creator in situation.levels.creators):
        return Denied("power_levels.creator")
    current = situation.state.get(POWER_LEVELS)
    if current is None:
        return ALLOWED
    return _check_changes(event, current, situation)


def _check_form(event: Event) -> Verdict:
    content, version = event.content, event.version
    # Since v10: what is there is an integer.
    if version.auth.integer_power_levels:
        for name in LEVEL_DEFAULTS:
            if name in content and type(content[name]) is not int:
                return Denied("power_levels.not_an_integer")
        for name in ("events", "notifications"):
            if name in content and not _are_levels(content[name], version):
                return Denied("power_levels.not_integers")
    users = content.get("users", {})
    if not isinstance(users, dict) or not _are_levels(users, version):
        return Denied("power_levels.users")
    if not all(is_user_id(user_id) for user_id in users):
        return Denied("power_levels.not_a_user")
    return ALLOWED


def _check_changes(event: Event, current: Event, situation: Situation) -> Verdict:
    level = situation.level(event.sender)
    version = event.version
    named = {name: current.content[name] for name in LEVEL_DEFAULTS if name in current.content}
    renamed = {name: event.content[name] for name in LEVEL_DEFAULTS if name in event.content}
    tables: list[tuple[Mapping[str, JSON], Mapping[str, JSON]]] = [(named, renamed)]
    # Since v6: the levels of notifications too.
    checked = ("events", "notifications") if version.auth.notifications_level_checked else ("events",)
    tables += [(_entries(current.content, name), _entries(event.content, name)) for name in checked]
    for before, after in tables:
        verdict = _check_table(before, after, level, version)
        if not verdict:
            return verdict
    return _check_users(event, current, level)


def _check_table(before: Mapping[str, JSON], after: Mapping[str, JSON], level: Level, version: RoomVersion) -> Verdict:
    for name in before.keys() | after.keys():
        old, new = parse_level(before.get(name), version), parse_level(after.get(name), version)
        if name in after and new is None:
            return Denied("power_levels.not_a_level")
        if old == new:
            continue
        if old is not None and old > level:
            return Denied("power_levels.above_current")
        if new is not None and new > level:
            return Denied("power_levels.above_new")
    return ALLOWED


def _check_users(event: Event, current: Event, level: Level) -> Verdict:
    before, after = _entries(current.content, "users"), _entries(event.content, "users")
    for user_id in before.keys() | after.keys():
        old, new = parse_level(before.get(user_id), event.version), parse_level(after.get(user_id), event.version)
        if old == new:
            continue
        # One's own entry may be lowered, equals' may not.
        if old is not None and user_id != event.sender and old >= level:
            return Denied("power_levels.user_not_below")
        if new is not None and new > level:
            return Denied("power_levels.user_above")
    return ALLOWED


def _are_levels(table: JSON, version: RoomVersion) -> bool:
    return isinstance(table, dict) and all(parse_level(value, version) is not None for value in table.values())


def _entries(content: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    table = content.get(name)
    return table if isinstance(table, dict) else _EMPTY
