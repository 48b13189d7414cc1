"""
Which room is in which space, said anew when another room takes the place of one.

Spec: client-server-api#spaces
"""

from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.restricted_joins import allowed_rooms

CHILD: Final = "m.space.child"
PARENT: Final = "m.space.parent"


def moved_link(
    kind: str, sender: UserID, content: Mapping[str, JSON], before: RoomID, after: RoomID, server: ServerName
) -> list[Draft]:
    """The link to *before* is one to *after*, with all else that it says; *server* is sure to know the way there."""
    return [Draft(kind, sender, {**content, "via": [server]}, after), Draft(kind, sender, {}, before)]


def is_link(content: Mapping[str, JSON]) -> bool:
    """Whether a child's or parent's event says that there is one.  Spec: client-server-api#mspacechild"""
    return isinstance(content.get("via"), list)


def widened_join_rules(content: Mapping[str, JSON], before: RoomID, after: RoomID) -> JSONObject | None:
    """Rules by which the members of *after* may join where those of *before* may; None: there is nothing to change."""
    allowed, conditions = allowed_rooms(content), content.get("allow")
    if before not in allowed or after in allowed or not isinstance(conditions, list):
        return None
    return {**content, "allow": [*conditions, {"type": "m.room_membership", "room_id": after}]}
