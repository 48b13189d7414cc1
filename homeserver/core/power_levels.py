"""
Power levels: what each user may do in a room, and what level each deed needs.

Spec: client-server-api#mroompower_levels
"""

import math
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import UserID
from homeserver.core.versions import RoomVersion

Level: TypeAlias = int | float
"""An integer, or ``INFINITE``."""

INFINITE: Final = math.inf
"""Since v12: the level of creators."""

CREATOR_LEVEL: Final = 100
"""Until v11: of the creator, while the room has no m.room.power_levels."""

LEVEL_DEFAULTS: Final[Mapping[str, int]] = {
    "users_default": 0,
    "events_default": 0,
    "state_default": 50,
    "ban": 50,
    "redact": 50,
    "kick": 50,
    "invite": 0,
}
"""The named levels of m.room.power_levels, and what they are when nothing says otherwise."""

NOTIFICATION_DEFAULT: Final = 50

_CREATE: Final[StateKey] = ("m.room.create", "")
_POWER_LEVELS: Final[StateKey] = ("m.room.power_levels", "")
_NO_LEVELS: Final[Mapping[str, JSON]] = {}
_INTEGER = re.compile(r"\s*([+-]?)0*([0-9]+)\s*\Z")
_DIGITS_MAX: Final = 309
"""As many as the greatest double has."""


def parse_level(value: JSON, version: RoomVersion) -> int | None:
    """
    The level that *value* stands for; None when it stands for none.

    Spec: rooms/v1#mroompower_levels-events-accept-values-as-strings
    """
    if type(value) is int:
        return value
    # Since v10: integers only.
    if version.auth.integer_power_levels:
        return None
    if isinstance(value, str):
        match = _INTEGER.match(value)
        if match is None or len(match[2]) > _DIGITS_MAX:
            return None
        return int(match[1] + match[2])
    # Until v5: floats, cut off at the point.
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    return None


@frozen(eq=False)
class PowerLevels:
    """
    The levels in force in a room, read from the content of m.room.power_levels as they are asked for.

    *creators* have ``INFINITE`` power (since v12; empty before); *founder* has 100 while there are no levels yet.
    """

    version: RoomVersion
    content: Mapping[str, JSON]
    users: Mapping[str, JSON]
    creators: frozenset[UserID]
    founder: UserID | None

    def of(self, user_id: UserID) -> Level:
        """The level of one user."""
        if user_id in self.creators:
            return INFINITE
        if user_id in self.users:
            level = parse_level(self.users[user_id], self.version)
            if level is not None:
                return level
        if user_id == self.founder:
            return CREATOR_LEVEL
        return self.named("users_default")

    def required_for(self, event_type: str, is_state: bool) -> Level:
        """The level that sending such an event needs."""
        events = self.content.get("events")
        if isinstance(events, dict) and event_type in events:
            level = parse_level(events[event_type], self.version)
            if level is not None:
                return level
        return self.named("state_default" if is_state else "events_default")

    def named(self, name: str) -> Level:
        """The level called *name*: ``ban``, ``kick``, ``invite``, ``redact``, ``users_default`` and so on."""
        if name in self.content:
            level = parse_level(self.content[name], self.version)
            if level is not None:
                return level
        return LEVEL_DEFAULTS[name]

    def notification(self, key: str) -> Level:
        """The level that triggering a notification of this kind needs (``room``: for ``@room``)."""
        notifications = self.content.get("notifications")
        if isinstance(notifications, dict) and key in notifications:
            level = parse_level(notifications[key], self.version)
            if level is not None:
                return level
        return NOTIFICATION_DEFAULT

    def may_send(self, user_id: UserID, event_type: str, is_state: bool) -> bool:
        """Whether the user's level is enough for such an event."""
        return self.of(user_id) >= self.required_for(event_type, is_state)


def power_levels_of(state: Mapping[StateKey, Event], version: RoomVersion) -> PowerLevels:
    """The levels in force in *state*, of which m.room.create and m.room.power_levels are looked at."""
    create = state.get(_CREATE)
    levels = state.get(_POWER_LEVELS)
    creators = creators_of(create) if create is not None else frozenset[UserID]()
    if levels is None:
        founder = next(iter(creators), None) if not version.auth.privileged_creators else None
        return PowerLevels(version, _NO_LEVELS, _NO_LEVELS, _privileged(creators, version), founder)
    users = levels.content.get("users")
    return PowerLevels(
        version,
        levels.content,
        users if isinstance(users, dict) else _NO_LEVELS,
        _privileged(creators, version),
        None,
    )


def creators_of(create: Event) -> frozenset[UserID]:
    """Who made the room: one user, and since v12 those in ``additional_creators`` too; empty when nobody is named."""
    rules = create.version.auth
    # Until v10: content.creator.
    if rules.creator_in_content:
        creator = create.content.get("creator")
        return frozenset({UserID(creator)}) if isinstance(creator, str) else frozenset()
    additional = create.content.get("additional_creators") if rules.privileged_creators else None
    if not isinstance(additional, list):
        return frozenset({create.sender})
    return frozenset({create.sender, *(UserID(creator) for creator in additional if isinstance(creator, str))})


def _privileged(creators: frozenset[UserID], version: RoomVersion) -> frozenset[UserID]:
    return creators if version.auth.privileged_creators else frozenset()
