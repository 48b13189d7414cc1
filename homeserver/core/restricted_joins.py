"""
Rooms whose members may join another room.

Spec: client-server-api#restricted-rooms
"""

from collections.abc import Mapping

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID, parse_room_id
from homeserver.core.malformed import Malformed


def allowed_rooms(join_rules: Mapping[str, JSON]) -> list[RoomID]:
    """The rooms of the ``m.room_membership`` conditions; what is malformed or of another kind is passed over."""
    conditions = join_rules.get("allow")
    rooms: list[RoomID] = []
    for condition in conditions if isinstance(conditions, list) else ():
        if not isinstance(condition, dict) or condition.get("type") != "m.room_membership":
            continue
        try:
            rooms.append(parse_room_id(condition.get("room_id")))
        except Malformed:
            continue
    return rooms
