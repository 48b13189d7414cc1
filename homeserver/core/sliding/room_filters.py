"""
Which rooms a list is of.

Spec: proposals/4186
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID


@frozen
class RoomFacts:
    """What filters look at in one of a user's rooms."""

    is_dm: bool = False
    is_encrypted: bool = False
    is_invited: bool = False
    room_type: str | None = None
    name: str | None = None
    tags: frozenset[str] = frozenset()


@frozen
class ListFilters:
    """What holds for all rooms of a list; None: no matter.  *spaces*: their children are in it."""

    is_dm: bool | None = None
    is_encrypted: bool | None = None
    is_invited: bool | None = None
    room_types: frozenset[str | None] | None = None
    not_room_types: frozenset[str | None] = frozenset()
    tags: frozenset[str] | None = None
    not_tags: frozenset[str] = frozenset()
    spaces: frozenset[RoomID] | None = None
    name_like: str | None = None

    def admits(self, facts: RoomFacts) -> bool:
        """Whether a room is in the list, whatever space it is in."""
        return (
            self.is_dm in (None, facts.is_dm)
            and self.is_encrypted in (None, facts.is_encrypted)
            and self.is_invited in (None, facts.is_invited)
            and (self.room_types is None or facts.room_type in self.room_types)
            and facts.room_type not in self.not_room_types
            and (self.tags is None or not self.tags.isdisjoint(facts.tags))
            and self.not_tags.isdisjoint(facts.tags)
            and (self.name_like is None or self.name_like.casefold() in (facts.name or "").casefold())
        )


EVERY_ROOM: Final = ListFilters()


def direct_rooms(content: Mapping[str, JSON]) -> frozenset[RoomID]:
    """The rooms that an ``m.direct`` names.  Spec: client-server-api#mdirect"""
    found: set[RoomID] = set()
    for rooms in content.values():
        if isinstance(rooms, list):
            found.update(RoomID(room_id) for room_id in rooms if isinstance(room_id, str))
    return frozenset(found)
