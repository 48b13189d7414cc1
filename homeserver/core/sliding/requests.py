"""
Requests of sliding sync, as the proposal spells them and as clients of today do.

Spec: proposals/4186
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias, get_args

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.presence import PresenceState
from homeserver.core.sliding.room_configs import Element, RequiredState, RoomConfig, StateRequest, own_elements
from homeserver.core.sliding.room_filters import EVERY_ROOM, ListFilters
from homeserver.core.sync_tokens import SlidingToken, parse_sliding_token

LISTS_MAX: Final = 100
SUBSCRIPTIONS_MAX: Final = 100
ELEMENTS_MAX: Final = 1_000
RANGES_MAX: Final = 20
STRINGS_MAX: Final = 1_000
CONN_ID_CHARACTERS_MAX: Final = 255
NAME_CHARACTERS_MAX: Final = 255
"""Of a type and of a state key: no event has longer ones."""
INDEX_MAX: Final = 2**53 - 1

_OPAQUE: Final = re.compile(r"[0-9a-zA-Z._~-]{1,255}\Z", re.ASCII)

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Of indexes, both ends included, in ascending order."""


@frozen
class RoomList:
    """One list: the rooms that *filters* let through, and of these the ones at *ranges*; None: all."""

    filters: ListFilters
    ranges: Ranges | None
    config: RoomConfig


@frozen
class SlidingRequest:
    """
    What a client asks.  *extensions*: what it says to each, by name.

    *lists* and *subscriptions* are the rules of this request alone: a room that no rule of it matches is not told of,
    whatever was asked before.  Clients that say a subscription once see the room's news by their lists.
    """

    conn_id: str = ""
    pos: SlidingToken | None = None
    timeout_ms: int = 0
    set_presence: PresenceState | None = None
    lists: Mapping[str, RoomList] = {}
    subscriptions: Mapping[RoomID, RoomConfig] = {}
    extensions: Mapping[str, JSONObject] = {}
    txn_id: str | None = None
    """Given back: clients tell by it which request an answer is to."""


def parse_sliding_request(body: Mapping[str, JSON], query: Mapping[str, str], user_id: UserID) -> SlidingRequest:
    """
    The request of one user.  Raises Malformed.

    *query*: parameters that were there before the proposal moved them to the body; what the body says counts.
    """
    conn_id = _text(body, "conn_id") or ""
    if len(conn_id) > CONN_ID_CHARACTERS_MAX:
        raise Malformed(f"This has at most {CONN_ID_CHARACTERS_MAX} characters.", "conn_id", "M_INVALID_PARAM")
    pos = _text(body, "pos") or query.get("pos")
    txn_id = _text(body, "txn_id")
    return SlidingRequest(
        conn_id,
        parse_sliding_token(pos) if pos else None,
        _timeout(body, query),
        _presence(_text(body, "set_presence") or query.get("set_presence")),
        {name: _parse_list(each, f"lists.{name}", user_id) for name, each in _lists(body)},
        {room: _parse_config(each, f"room_subscriptions.{room}", user_id) for room, each in _subscriptions(body)},
        {
            name: _object(each, f"extensions.{name}")
            for name, each in _object(body.get("extensions"), "extensions").items()
        },
        None if txn_id is None else txn_id[:STRINGS_MAX],
    )


def _timeout(body: Mapping[str, JSON], query: Mapping[str, str]) -> int:
    value = body.get("timeout")
    if value is None:
        text = query.get("timeout", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > 16:
            raise Malformed("This must be an integer.", "timeout", "M_INVALID_PARAM")
        return int(text)
    return _number(value, "timeout")


def _presence(text: str | None) -> PresenceState | None:
    if text is None:
        return None
    if text not in get_args(PresenceState):
        raise Malformed(f"This is one of {', '.join(get_args(PresenceState))}.", "set_presence", "M_INVALID_PARAM")
    return text  # type: ignore[return-value]


def _lists(body: Mapping[str, JSON]) -> list[tuple[str, JSONObject]]:
    lists = _object(body.get("lists"), "lists")
    if len(lists) > LISTS_MAX:
        raise Malformed(f"There are at most {LISTS_MAX} lists.", "lists", "M_INVALID_PARAM")
    for name in lists:
        if not _OPAQUE.match(name):
            raise Malformed("The name of a list is an opaque identifier.", "lists", "M_INVALID_PARAM")
    return [(name, _object(each, f"lists.{name}")) for name, each in lists.items()]


def _subscriptions(body: Mapping[str, JSON]) -> list[tuple[RoomID, JSONObject]]:
    rooms = _object(body.get("room_subscriptions"), "room_subscriptions")
    if len(rooms) > SUBSCRIPTIONS_MAX:
        reason = f"There are at most {SUBSCRIPTIONS_MAX} subscriptions."
        raise Malformed(reason, "room_subscriptions", "M_INVALID_PARAM")
    # Rooms that do not exist are passed over, whatever their names look like.
    return [(RoomID(room), _object(each, f"room_subscriptions.{room}")) for room, each in rooms.items()]


def _parse_list(body: JSONObject, path: str, user_id: UserID) -> RoomList:
    filters = body.get("filters")
    return RoomList(
        EVERY_ROOM if not filters else _parse_filters(_object(filters, f"{path}.filters"), f"{path}.filters"),
        _parse_ranges(body, path),
        _parse_config(body, path, user_id),
    )


def _parse_ranges(body: JSONObject, path: str) -> Ranges | None:
    value = body.get("range")
    ranges = [value] if value is not None else body.get("ranges")
    if ranges is None:
        return None
    if not isinstance(ranges, list) or len(ranges) > RANGES_MAX:
        raise Malformed(f"Ranges are a list of at most {RANGES_MAX}.", f"{path}.ranges", "M_INVALID_PARAM")
    return tuple(sorted(_parse_range(each, f"{path}.range") for each in ranges))


def _parse_range(value: JSON, path: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed("A range is two numbers.", path, "M_INVALID_PARAM")
    first, last = _number(value[0], path), _number(value[1], path)
    if first > last:
        raise Malformed("A range does not end before it begins.", path, "M_INVALID_PARAM")
    return first, last


def _parse_config(body: JSONObject, path: str, user_id: UserID) -> RoomConfig:
    for name in ("timeline_limit", "required_state"):
        if body.get(name) is None:
            raise Malformed(f"{name} is required.", path, "M_MISSING_PARAM")
    request = _parse_state_request(body["required_state"], f"{path}.required_state", user_id)
    heroes = _flag(body, "include_heroes", path)
    return RoomConfig(
        _number(body["timeline_limit"], f"{path}.timeline_limit"),
        RequiredState(frozenset({request})),
        heroes is not False,
    )


def _parse_state_request(value: JSON, path: str, user_id: UserID) -> StateRequest:
    if isinstance(value, list):
        return own_elements(_parse_pairs(value, path), user_id)
    body = _object(value, path)
    return StateRequest(
        _parse_elements(body, "include", path),
        _parse_elements(body, "exclude", path),
        _flag(body, "lazy_members", path) is True,
    )


def _parse_pairs(value: list[JSON], path: str) -> list[tuple[str, str]]:
    pairs = [tuple(each) for each in value if isinstance(each, list) and len(each) == 2]
    if len(pairs) != len(value) or len(pairs) > ELEMENTS_MAX:
        raise Malformed(f"These are at most {ELEMENTS_MAX} pairs of a type and a state key.", path)
    if not all(_is_short(kind) and _is_short(key) for kind, key in pairs):
        raise Malformed(f"A type and a state key are strings of at most {NAME_CHARACTERS_MAX} characters.", path)
    return pairs  # type: ignore[return-value]


def _parse_elements(body: JSONObject, name: str, path: str) -> frozenset[Element]:
    value = body.get(name)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or len(value) > ELEMENTS_MAX:
        raise Malformed(f"This is a list of at most {ELEMENTS_MAX}.", f"{path}.{name}")
    elements = [_object(each, f"{path}.{name}") for each in value]
    where = f"{path}.{name}"
    found = frozenset((_text(each, "type", where), _text(each, "state_key", where)) for each in elements)
    if not all(name is None or _is_short(name) for element in found for name in element):
        raise Malformed(f"A type and a state key have at most {NAME_CHARACTERS_MAX} characters.", where)
    return found


def _parse_filters(body: JSONObject, path: str) -> ListFilters:
    spaces = _strings(body, "spaces", path)
    not_types = _strings(body, "not_room_types", path, nullable=True)
    is_invited = _flag(body, "is_invited", path)
    return ListFilters(
        _flag(body, "is_dm", path),
        _flag(body, "is_encrypted", path),
        _flag(body, "is_invite", path) if is_invited is None else is_invited,
        _strings(body, "room_types", path, nullable=True),
        not_types or frozenset(),
        _strings(body, "tags", path),  # type: ignore[arg-type]
        _strings(body, "not_tags", path) or frozenset(),  # type: ignore[arg-type]
        None if spaces is None else frozenset(RoomID(space) for space in spaces if space is not None),
        _text(body, "room_name_like", path),
    )


def _strings(body: JSONObject, name: str, path: str, *, nullable: bool = False) -> frozenset[str | None] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > STRINGS_MAX:
        raise Malformed(f"This is a list of at most {STRINGS_MAX}.", f"{path}.{name}")
    strings = [each for each in value if isinstance(each, str) or (nullable and each is None)]
    if len(strings) != len(value):
        raise Malformed("This is a list of strings.", f"{path}.{name}")
    return frozenset(strings)


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= NAME_CHARACTERS_MAX


def _object(value: JSON, path: str) -> JSONObject:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed("This must be an object.", path)
    return value


def _text(body: Mapping[str, JSON], name: str, path: str = "") -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed("This must be a string.", f"{path}.{name}" if path else name)
    return value


def _flag(body: Mapping[str, JSON], name: str, path: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Malformed("This must be true or false.", f"{path}.{name}")
    return value


def _number(value: JSON, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INDEX_MAX:
        raise Malformed("This must be an integer of 0 or more.", path, "M_INVALID_PARAM")
    return value
