"""
The text of path and query parameters becomes values of the annotated types.

``parser_of(annotation)`` is asked once, at import; what it answers is called for every request.
"""

import functools
import operator
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, Union

from homeserver.core.canonical import INTEGER_MAX, INTEGER_MIN
from homeserver.core.identifiers import (
    DeviceID,
    EventID,
    RoomAlias,
    RoomID,
    ServerName,
    UserID,
    parse_event_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
)
from homeserver.core.malformed import Malformed

Parser: TypeAlias = Callable[[str], object]

TEXT_BYTES_MAX = 8192
"""Of one parameter that is plain text, after decoding."""


def parse_text(text: str) -> str:
    """*text* without NUL, which no database column of text can hold."""
    if "\0" in text:
        raise Malformed("This holds a NUL character.", code="M_INVALID_PARAM")
    if len(text) > TEXT_BYTES_MAX:
        raise Malformed(f"This is longer than {TEXT_BYTES_MAX} characters.", code="M_INVALID_PARAM")
    return text


def parse_integer(text: str) -> int:
    """A decimal integer in the range of canonical JSON."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 16 or not INTEGER_MIN <= int(text) <= INTEGER_MAX:
        raise Malformed("This must be an integer.", code="M_INVALID_PARAM")
    return int(text)


def parse_boolean(text: str) -> bool:
    """``true`` or ``false``."""
    if text not in {"true", "false"}:
        raise Malformed("This must be true or false.", code="M_INVALID_PARAM")
    return text == "true"


def parse_device_id(text: str) -> DeviceID:
    """An opaque device ID, not empty."""
    if not text or "\0" in text or len(text) > 255:
        raise Malformed("This is not a device ID.", code="M_INVALID_PARAM")
    return DeviceID(text)


def parse_room_id_or_alias(text: str) -> RoomID | RoomAlias:
    """A room ID or a room alias, told apart by the first character."""
    return parse_room_alias(text) if text.startswith("#") else parse_room_id(text)


_PARSERS: dict[object, Parser] = {
    str: parse_text,
    int: parse_integer,
    bool: parse_boolean,
    UserID: parse_user_id,
    RoomID: parse_room_id,
    EventID: parse_event_id,
    RoomAlias: parse_room_alias,
    ServerName: parse_server_name,
    DeviceID: parse_device_id,
    RoomID | RoomAlias: parse_room_id_or_alias,
}


def parser_of(annotation: Any) -> Parser:
    """
    What parses a parameter of this annotation: one of the types above, a ``Literal``, an ``Enum``, ``X | None`` (as X),
    or ``Annotated[T, parse]`` with a function of one's own.  Raises TypeError for others.
    """
    if annotation in _PARSERS:
        return _PARSERS[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        parse: Parser = arguments[1]
        return parse
    if origin is Literal:
        return _one_of(dict(zip(arguments, arguments, strict=True)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _one_of({member.value: member for member in annotation})
    if origin in {Union, types.UnionType} and types.NoneType in arguments:
        return parser_of(functools.reduce(operator.or_, (each for each in arguments if each is not types.NoneType)))
    raise TypeError(f"no parameter is parsed into {annotation}")


def item_of(annotation: Any) -> Any | None:
    """The item type of ``list[X]`` or ``tuple[X, ...]``, for parameters that may be repeated; None for other types."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list or (origin is tuple and arguments[1:] == (Ellipsis,)):
        return arguments[0]
    return None


def _one_of(values: dict[Any, object]) -> Parser:
    def parse(text: str) -> object:
        if text not in values:
            raise Malformed(f"This must be one of {', '.join(map(str, values))}.", code="M_INVALID_PARAM")
        return values[text]

    return parse
