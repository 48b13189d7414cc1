"""
A page of another server's directory, as far as it is one: clients get nothing else.

Spec: server-server-api#published-room-directory
"""

from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import parse_room_id
from homeserver.core.malformed import Malformed

_TEXTS: Final = ("name", "topic", "canonical_alias", "avatar_url", "room_type", "join_rule")
_FLAGS: Final = ("world_readable", "guest_can_join")


def known_page(answer: Mapping[str, JSON]) -> JSONObject:
    """What of *answer* the specification knows; rooms that lack what each must have are left out."""
    chunk = answer.get("chunk")
    rooms = [_known_room(room) for room in chunk] if isinstance(chunk, list) else []
    page: JSONObject = {"chunk": [room for room in rooms if room is not None]}
    for name in ("next_batch", "prev_batch"):
        if isinstance(answer.get(name), str):
            page[name] = answer[name]
    total = answer.get("total_room_count_estimate")
    if type(total) is int:
        page["total_room_count_estimate"] = total
    return page


def _known_room(room: JSON) -> JSONObject | None:
    if not isinstance(room, dict):
        return None
    try:
        parse_room_id(room.get("room_id"))
    except Malformed:
        return None
    if type(room.get("num_joined_members")) is not int or not all(type(room.get(name)) is bool for name in _FLAGS):
        return None
    required = {name: room[name] for name in ("room_id", "num_joined_members", *_FLAGS)}
    return {**required, **{name: room[name] for name in _TEXTS if isinstance(room.get(name), str)}}
