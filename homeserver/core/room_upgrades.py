"""
What takes the place of a room: the first events of its successor, and the last of its own.

Spec: client-server-api#room-upgrades
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.power_levels import CREATOR_LEVEL, LEVEL_DEFAULTS, PowerLevels, parse_level, power_levels_of
from homeserver.core.space_links import is_link
from homeserver.core.versions import RoomVersion

TRANSFERRED: Final = (
    "m.room.server_acl",
    "m.room.encryption",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.canonical_alias",
)
"""What the successor begins with, beside its power levels; of a space its children too, and the spaces it is in."""

QUIET_LEVEL: Final = 50
"""What speaking and inviting take at least in a room that was replaced."""

_CREATE: Final[StateKey] = ("m.room.create", "")
_POWER_LEVELS: Final[StateKey] = ("m.room.power_levels", "")
_CANONICAL_ALIAS: Final[StateKey] = ("m.room.canonical_alias", "")
_OF_ONE_ROOM: Final = frozenset({"creator", "room_version", "predecessor", "additional_creators"})
"""What the successor's create event says for itself."""


@frozen
class Upgrade:
    """
    Somebody wants a room of *version* in the place of *old_room_id*.

    *state*: the old room's.  *last_event*: of the old room.  *member_content*: the creator's profile, for the join.
    *parents*: spaces in which the creator may say that the successor is in them.
    """

    creator: UserID
    version: RoomVersion
    old_room_id: RoomID
    last_event: EventID
    state: Mapping[StateKey, Event]
    additional_creators: Sequence[UserID] = ()
    member_content: JSONObject = field(factory=dict)
    parents: Collection[RoomID] = ()


def successor_create(upgrade: Upgrade) -> Draft:
    """The ``m.room.create`` of the new room."""
    rules = upgrade.version.auth
    old = upgrade.state[_CREATE].content
    content: JSONObject = {name: value for name, value in old.items() if name not in _OF_ONE_ROOM}
    content["room_version"] = upgrade.version.id
    content["predecessor"] = {"room_id": upgrade.old_room_id, "event_id": upgrade.last_event}
    if rules.creator_in_content:
        content["creator"] = upgrade.creator
    if rules.privileged_creators and upgrade.additional_creators:
        content["additional_creators"] = list(upgrade.additional_creators)
    return Draft("m.room.create", upgrade.creator, content, "")


def successor_opening(upgrade: Upgrade) -> list[Draft]:
    """
    Everything after that.

    The power levels come last: as long as there are none the creator may set everything, also what the old room would
    not have let them change.
    """
    creator = upgrade.creator
    content: JSONObject = {**upgrade.member_content, "membership": "join"}
    drafts = [Draft("m.room.member", creator, content, creator)]
    for (kind, state_key), event in upgrade.state.items():
        if kind == "m.room.join_rules" and not state_key:
            drafts.append(Draft(kind, creator, successor_join_rules(event.content, upgrade.version), ""))
        elif _is_transferred(kind, state_key, event, upgrade.parents):
            drafts.append(Draft(kind, creator, dict(event.content), state_key))
    drafts.append(Draft("m.room.power_levels", creator, successor_power_levels(upgrade), ""))
    return drafts


def successor_join_rules(content: Mapping[str, JSON], version: RoomVersion) -> JSONObject:
    """The old room's rules for joining, as near to them as rooms of *version* know."""
    rule = content.get("join_rule")
    if rule in {"restricted", "knock_restricted"} - (version.auth.restricted | version.auth.knockable):
        # Who is in an allowed room could not join by a rule that nobody knows, and neither could who is invited.
        rule = "knock" if rule == "knock_restricted" else "invite"
        content = {**content, "join_rule": rule}
    if rule == "knock" and rule not in version.auth.knockable:
        content = {**content, "join_rule": "invite"}
    return {**content}


def successor_bans(sender: UserID, levels: PowerLevels, bans: Mapping[UserID, Event]) -> list[Draft]:
    """
    Who is banned from the old room stays out of the new one, as far as *sender* may say so with its *levels*.

    *bans*: the member events of the banned.
    """
    if levels.of(sender) < levels.named("ban"):
        return []
    return [
        Draft("m.room.member", sender, _ban(event), user_id)
        for user_id, event in bans.items()
        if levels.of(user_id) < levels.of(sender)
    ]


def _ban(event: Event) -> JSONObject:
    reason = event.content.get("reason")
    return {"membership": "ban", "reason": reason} if isinstance(reason, str) else {"membership": "ban"}


def successor_levels(upgrade: Upgrade) -> PowerLevels:
    """What users may do in the new room once its opening is written."""
    content = successor_power_levels(upgrade)
    users = content["users"]
    creators = frozenset({upgrade.creator, *upgrade.additional_creators})
    privileged = creators if upgrade.version.auth.privileged_creators else frozenset[UserID]()
    return PowerLevels(upgrade.version, content, users if isinstance(users, dict) else {}, privileged, None)


def successor_power_levels(upgrade: Upgrade) -> JSONObject:
    """The old room's power levels, as rooms of the new version spell them."""
    old_version = upgrade.state[_CREATE].version
    old = power_levels_of(upgrade.state, old_version)
    content = _as_integers({**old.content}, old_version)
    users = content.get("users")
    users = {**users} if isinstance(users, dict) else {}
    if upgrade.version.auth.privileged_creators:
        for creator in (upgrade.creator, *upgrade.additional_creators):
            users.pop(creator, None)
    else:
        # Who stood above the levels, or had one without being named among them, is named now.
        level = max(CREATOR_LEVEL, *_levels_in(content))
        for user_id in {*old.creators, *([] if old.founder is None else [old.founder])}:
            users[user_id] = level
    content["users"] = users
    return content


def farewell(upgrade: Upgrade, successor: RoomID) -> list[Draft]:
    """The last events of the old room, as far as its creator's successor may send them."""
    levels = power_levels_of(upgrade.state, upgrade.state[_CREATE].version)
    sender = upgrade.creator
    drafts = [
        Draft("m.room.tombstone", sender, {"body": "This room has been replaced", "replacement_room": successor}, "")
    ]
    if _CANONICAL_ALIAS in upgrade.state and levels.may_send(sender, "m.room.canonical_alias", True):
        # Its aliases point to the successor.
        drafts.insert(0, Draft("m.room.canonical_alias", sender, {}, ""))
    quiet = _quiet(levels, sender)
    if quiet is not None:
        drafts.append(Draft("m.room.power_levels", sender, quiet, ""))
    return drafts


def _quiet(levels: PowerLevels, sender: UserID) -> JSONObject | None:
    """Power levels that let none but moderators speak and invite; None: they are so, or not the sender's to set."""
    users_default = levels.named("users_default")
    wanted = max(QUIET_LEVEL, int(users_default) + 1)
    changed: JSONObject = {name: wanted for name in ("events_default", "invite") if levels.named(name) < wanted}
    may_set = levels.may_send(sender, "m.room.power_levels", True) and levels.of(sender) >= wanted
    return {**levels.content, **changed} if changed and may_set else None


def _is_transferred(kind: str, state_key: str, event: Event, parents: Collection[RoomID]) -> bool:
    if kind == "m.space.child":
        return bool(event.content)
    if kind == "m.space.parent":
        # It holds only when its sender has a say in the parent.  Spec: client-server-api#mspaceparent
        return is_link(event.content) and state_key in parents
    return kind in TRANSFERRED and not state_key


def _as_integers(content: JSONObject, version: RoomVersion) -> JSONObject:
    """*content* with levels as the integers that they stand for in rooms of *version*, or gone if for none."""

    def integers(levels: JSON) -> JSONObject:
        found = (
            {name: parse_level(value, version) for name, value in levels.items()} if isinstance(levels, dict) else {}
        )
        return {name: level for name, level in found.items() if level is not None}

    whole: JSONObject = {**content}
    for name in ("users", "events", "notifications"):
        if name in whole:
            whole[name] = integers(whole[name])
    for name in LEVEL_DEFAULTS:
        level = parse_level(whole[name], version) if name in whole else None
        whole.pop(name, None)
        if level is not None:
            whole[name] = level
    return whole


def _levels_in(content: JSONObject) -> list[int]:
    """Every level that the content requires for something."""
    events = content.get("events")
    values = [*(events.values() if isinstance(events, dict) else ()), *(content.get(name) for name in LEVEL_DEFAULTS)]
    return [value for value in values if isinstance(value, int)]
