"""
Where a page of a space's hierarchy ended.

A token names no room: it tells how many were shown, and by a part of a hash which was the last.
"""

import re
from hashlib import sha256
from typing import Final

from attrs import frozen

from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed

_TOKEN: Final = re.compile(r"h([0-9]{1,9})\.([01])\.([0-9]{1,4})\.([0-9a-f]{16})?\Z", re.ASCII)


@frozen
class HierarchyPlace:
    """*shown*: rooms of the pages so far; *last*: the mark of the last of them, empty before the first."""

    shown: int
    suggested_only: bool
    max_depth: int
    last: str = ""

    def __str__(self) -> str:
        return f"h{self.shown}.{int(self.suggested_only)}.{self.max_depth}.{self.last}"


def mark_of(room_id: RoomID) -> str:
    """What stands for a room in a token."""
    return sha256(room_id.encode()).hexdigest()[:16]


def parse_hierarchy_place(text: str) -> HierarchyPlace:
    """The place that a token names.  Raises Malformed with ``M_INVALID_PARAM``."""
    match = _TOKEN.match(text)
    if match is None:
        raise Malformed(f"This server gave out no token {text[:64]!r}.", "from", "M_INVALID_PARAM")
    return HierarchyPlace(int(match[1]), match[2] == "1", int(match[3]), match[4] or "")
