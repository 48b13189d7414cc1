"""
The published directory: what is asked of it, and what it shows of a room.

Spec: client-server-api#published-room-directory
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.events import Event, StateKey
from homeserver.core.malformed import Malformed

ROOMS_DEFAULT: Final = 100
ROOMS_MAX: Final = 500
"""Of one page."""
TERM_LENGTH_MAX: Final = 255
ROOM_TYPES_MAX: Final = 32

_TOKEN: Final = re.compile(r"([np])([0-9]{1,15})\.([0-9]{1,18})\Z", re.ASCII)


@frozen
class RoomPlace:
    """A place in the list, which begins with the largest room: that of the room with so many members and this nid."""

    joined_members: int
    room_nid: int
    backward: bool = False
    """The page ends before the place, instead of beginning after it."""

    def __str__(self) -> str:
        return f"{'p' if self.backward else 'n'}{self.joined_members}.{self.room_nid}"


@frozen
class RoomQuery:
    """What somebody wants to see of a directory."""

    limit: int | None = None
    since: str | None = None
    """Where a page before ended; the token says the direction too."""
    term: str | None = None
    """Found in name, topic or alias."""
    room_types: frozenset[str | None] | None = None
    """None among them: rooms without a type; None itself: rooms of all types."""
    include_all_networks: bool = False
    third_party_instance_id: str | None = None
    """A network that an application service bridges to."""


def parse_room_place(text: str) -> RoomPlace:
    """The place that a token names.  Raises Malformed with ``M_INVALID_PARAM``."""
    match = _TOKEN.match(text)
    if match is None:
        raise Malformed(f"This server gave out no token {text[:64]!r}.", "since", "M_INVALID_PARAM")
    return RoomPlace(int(match[2]), int(match[3]), match[1] == "p")


SummaryValue: TypeAlias = str | bool | None

SUMMARY_OF_NOTHING: Final[Mapping[str, SummaryValue]] = {
    "name": None,
    "topic": None,
    "canonical_alias": None,
    "avatar_url": None,
    "room_type": None,
    # Spec: client-server-api#mroomjoin_rules; without the event the rules of a room let in the invited only.
    "join_rule": "invite",
    "encryption": None,
    "guest_can_join": False,
    "world_readable": False,
}
"""What is shown of a room whose state says nothing, by column of ``room_summaries``."""

_SHOWN: Final[Mapping[str, tuple[str, str]]] = {
    # {event type: (column, member of the content)}
    "m.room.name": ("name", "name"),
    "m.room.topic": ("topic", "topic"),
    "m.room.canonical_alias": ("canonical_alias", "alias"),
    "m.room.avatar": ("avatar_url", "url"),
    "m.room.create": ("room_type", "type"),
    "m.room.join_rules": ("join_rule", "join_rule"),
    "m.room.encryption": ("encryption", "algorithm"),
    "m.room.guest_access": ("guest_can_join", "guest_access"),
    "m.room.history_visibility": ("world_readable", "history_visibility"),
}
_FLAGS: Final = {"guest_can_join": "can_join", "world_readable": "world_readable"}
"""Columns that say whether the content has this value."""


def summary_changes(changes: Mapping[StateKey, Event | None]) -> dict[str, SummaryValue]:
    """What *changes* of a room's state change in what the directory shows of it; mostly nothing."""
    changed: dict[str, SummaryValue] = {}
    for (kind, state_key), event in changes.items():
        if kind in _SHOWN and not state_key:
            column, member = _SHOWN[kind]
            changed[column] = _value(column, None if event is None else event.content.get(member))
    return changed


def _value(column: str, value: JSON) -> SummaryValue:
    if column in _FLAGS:
        return value == _FLAGS[column]
    # An empty name is no name, and what no database can hold is not shown.
    if isinstance(value, str) and value and "\0" not in value:
        return value
    return SUMMARY_OF_NOTHING[column]
