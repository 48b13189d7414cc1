"""Which rooms an administrator looks for."""

from typing import Literal, TypeAlias

from attrs import frozen

from homeserver.core.identifiers import RoomAlias, RoomID, UserID

RoomOrder: TypeAlias = Literal[
    "name",
    "alias",
    "members",
    "local_members",
    "state_events",
    "events",
    "version",
    "creator",
    "encryption",
    "join_rule",
    "public",
]


@frozen
class RoomsQuery:
    """Rooms of which all that is not None is true, in an order."""

    search: str | None = None
    """Part of a name, an alias or a room ID; of letters from A to Z the case is ignored."""
    is_public: bool | None = None
    is_encrypted: bool | None = None
    is_space: bool | None = None
    is_blocked: bool | None = None
    is_empty: bool | None = None
    """No user of this server is joined to it."""
    order_by: RoomOrder = "name"
    descending: bool = False


@frozen
class RoomOutline:
    """A room in a list."""

    room_id: RoomID
    name: str | None
    canonical_alias: RoomAlias | None
    members: int
    """Users of all servers that are joined."""
    local_members: int
    """Users of this server that are joined."""
    state_events: int
    """Entries of the current state."""
    events: int
    """What this server has stored of the room, whatever became of it."""
    version: str | None
    creator: UserID | None
    encryption: str | None
    """The algorithm."""
    join_rule: str | None
    public: bool
    """Listed in the published directory."""
    room_type: str | None
    blocked: bool
