"""
JSON in and out: strict parsing, and the canonical form that is hashed and signed.

Spec: appendices#canonical-json
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import canonicaljson
import orjson

from homeserver.core.malformed import Malformed

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
JSONObject: TypeAlias = dict[str, JSON]

INTEGER_MAX = 2**53 - 1
INTEGER_MIN = -INTEGER_MAX
DEPTH_MAX = 100
"""Objects and arrays inside one another; what the wire brings deeper than this is refused."""


def encode_canonical(value: object) -> bytes:
    """
    The canonical JSON of *value*: UTF-8, shortest form, keys sorted by codepoint.

    Raises Malformed for what has no such form (a lone surrogate, an integer past 64 bits).
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Malformed(f"This has no canonical JSON form: {error}.") from error


def encode_legacy(value: object) -> bytes:
    """
    The same for events of rooms until version 5, which may hold floats and any integer, as the reference library does.

    Raises Malformed for what has no such form.
    """
    try:
        return canonicaljson.encode_canonical_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed(f"This has no canonical JSON form: {error}.") from error


def encode_json(value: object) -> bytes:
    """The JSON of *value* in the order its keys have; ``orjson.Fragment`` parts are spliced as they are."""
    return orjson.dumps(value)


def load_json(text: bytes | str) -> Any:
    """The value of *text* that this server wrote itself, to itself."""
    return orjson.loads(text)


def parse_json(text: bytes) -> JSON:
    """The value of *text*.  Raises Malformed with ``M_NOT_JSON``, or ``M_BAD_JSON`` when nested too deep."""
    try:
        value = cast(JSON, orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise Malformed("This is not valid JSON.", code="M_NOT_JSON") from error
    # Most texts have too few brackets to nest too deep.
    if text.count(b"{") + text.count(b"[") > DEPTH_MAX:
        _check_depth(value)
    return value


def parse_json_object(text: bytes) -> JSONObject:
    """The object of *text*; an empty text counts as the empty object.  Raises Malformed."""
    if not text:
        return {}
    value = parse_json(text)
    if not isinstance(value, dict):
        raise Malformed("This must be a JSON object.")
    return value


def check_canonical(value: object, path: str = "") -> None:
    """
    Raises Malformed where *value* holds what canonical JSON forbids: a float, or an integer outside
    [-(2**53) + 1, (2**53) - 1].

    Since room version 6 events must be in this form.  Spec: rooms/v6#canonical-json
    """
    if not _is_canonical(value):
        _refuse_first_fault(value, path)


def _is_canonical(value: object) -> bool:
    # The hot path: exact types, no paths.  What it does not know is looked at again by _refuse_first_fault.
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is int:
            if not INTEGER_MIN <= item <= INTEGER_MAX:
                return False
        elif kind is dict:
            pending.extend(item.values())
        elif kind is list:
            pending.extend(item)
        else:
            return False
    return True


def _refuse_first_fault(value: object, path: str) -> None:
    # An explicit stack: events come from strangers, and recursion has a limit of its own.
    pending: list[tuple[object, str]] = [(value, path)]
    while pending:
        item, where = pending.pop()
        if item is None or isinstance(item, str | bool):
            continue
        if isinstance(item, int):
            if not INTEGER_MIN <= item <= INTEGER_MAX:
                raise Malformed("An integer lies outside the range of canonical JSON.", where)
        elif isinstance(item, Mapping):
            pending.extend((child, f"{where}.{key}" if where else key) for key, child in item.items())
        elif isinstance(item, list | tuple):
            pending.extend((child, f"{where}[{index}]") for index, child in enumerate(item))
        elif isinstance(item, float):
            raise Malformed("Canonical JSON has no floats.", where)
        else:
            raise Malformed(f"JSON has no {type(item).__name__}.", where)


def _check_depth(value: JSON) -> None:
    level: list[JSON] = [value]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise Malformed(f"This nests deeper than {DEPTH_MAX} levels.")
