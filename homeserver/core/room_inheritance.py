"""
What its members keep about a room goes over to the room that takes its place.

Spec: client-server-api#room-upgrades
"""

from collections.abc import Mapping

from attrs import evolve

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID, parse_room_id
from homeserver.core.malformed import Malformed
from homeserver.core.push_rules.changes import PushRules
from homeserver.core.push_rules.rules import RULE_ID_CHARACTERS_MAX, PushRule


def predecessor_of(create: Mapping[str, JSON]) -> RoomID | None:
    """The room in whose place another was made, as the content of its create event says; None: it names none."""
    predecessor = create.get("predecessor")
    return _room_id(predecessor.get("room_id")) if isinstance(predecessor, dict) else None


def successor_of(tombstone: Mapping[str, JSON]) -> RoomID | None:
    """The room that takes the place of the one with that tombstone; None: it names none."""
    return _room_id(tombstone.get("replacement_room"))


def inherited_direct_chats(direct: Mapping[str, JSON], before: RoomID, after: RoomID) -> JSONObject | None:
    """An ``m.direct`` in which *after* is a direct chat with whom *before* was one; None: nothing changes."""
    changed: JSONObject = {
        user_id: [*rooms, after]
        for user_id, rooms in direct.items()
        if isinstance(rooms, list) and before in rooms and after not in rooms
    }
    return {**direct, **changed} if changed else None


def inherited_push_rules(rules: PushRules, before: RoomID, after: RoomID) -> PushRules:
    """
    The rules, and for each that the user made for *before* alone the same one for *after*, next to it.

    What the user has set for *after* stays; so does all when there is no place for more.
    """
    for rule in rules.added:
        heir = _heir(rule, before, after)
        if heir is None or rules.by_name(heir.kind, heir.rule_id) is not None:
            continue
        try:
            rules = rules.with_rule(heir, after=rule.rule_id)
        except Malformed:
            return rules
    return rules


def _heir(rule: PushRule, before: RoomID, after: RoomID) -> PushRule | None:
    """The same rule for another room; None: it is not about *before*."""
    conditions = tuple(
        {**condition, "pattern": after} if _is_about(condition, before) else condition for condition in rule.conditions
    )
    is_room_rule = rule.kind == "room" and rule.rule_id == before
    if not is_room_rule and conditions == rule.conditions:
        return None
    rule_id = rule.rule_id.replace(before, after) if before in rule.rule_id else f"{rule.rule_id}.{after}"
    return None if len(rule_id) > RULE_ID_CHARACTERS_MAX else evolve(rule, rule_id=rule_id, conditions=conditions)


def _is_about(condition: JSONObject, room_id: RoomID) -> bool:
    return (condition.get("kind"), condition.get("key"), condition.get("pattern")) == (
        "event_match",
        "room_id",
        room_id,
    )


def _room_id(value: JSON) -> RoomID | None:
    try:
        return parse_room_id(value)
    except Malformed:
        return None
