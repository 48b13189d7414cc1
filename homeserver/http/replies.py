"""
What an operation answers, and its bytes.

An attrs value, a dict or a list is JSON as it is; an attribute that is None is left out.  The keys are those of
``bodies.py``.  Everything else has a class here.
"""

from collections.abc import Mapping
from typing import BinaryIO, TypeAlias, cast

import attrs
import orjson
from attrs import field, frozen

from homeserver.http.bodies import key_of

Header: TypeAlias = tuple[bytes, bytes]

JSON_TYPE = b"application/json"


@frozen
class Empty:
    """``{}``."""


@frozen
class Raw:
    """JSON that is serialized already: the hot path."""

    json: bytes


@frozen
class Status:
    """*body*, as JSON, under a status other than 200."""

    code: int
    body: object


@frozen
class Redirect:
    """Go there."""

    location: str
    code: int = 302


@frozen
class Content:
    """
    Bytes that are not JSON, in one or more parts.

    Files are streamed, and closed whether or not the client stays; *length* is then the whole length in bytes.
    """

    type: str
    parts: tuple[bytes | BinaryIO, ...]
    length: int
    headers: tuple[Header, ...] = ()
    code: int = 200


@frozen
class Answer:
    """One response as the edge writes it."""

    code: int
    body: bytes
    headers: tuple[Header, ...] = ()
    """Beside those that every response has."""
    content_type: bytes = JSON_TYPE
    stream: Content | None = field(default=None, repr=False)
    """What to send instead of *body*."""


EMPTY = Answer(200, b"{}")


def answer_of(result: object) -> Answer:
    """The response that says *result*."""
    if isinstance(result, Raw):
        return Answer(200, result.json)
    if isinstance(result, Empty):
        return EMPTY
    if isinstance(result, Status):
        return Answer(result.code, encode(result.body))
    if isinstance(result, Redirect):
        return Answer(result.code, b"{}", ((b"Location", result.location.encode()),))
    if isinstance(result, Content):
        return Answer(result.code, b"", result.headers, result.type.encode(), result)
    return Answer(200, encode(result))


def encode(value: object) -> bytes:
    """The JSON of a dict, a list or an attrs value; ``orjson.Fragment`` parts are spliced as they are."""
    return orjson.dumps(value, default=_without_nones)


def _without_nones(value: object) -> object:
    """What orjson writes in the place of a value that it does not know."""
    keys = _reply_keys.get(type(value))
    if keys is None:
        if isinstance(value, frozenset | set):
            return sorted(value)
        if isinstance(value, Mapping):
            return dict(value)
        keys = _reply_keys[type(value)] = _keys_of(type(value))
    return {key: item for name, key in keys if (item := getattr(value, name)) is not None}


_reply_keys: dict[type, tuple[tuple[str, str], ...]] = {}


def _keys_of(class_: type) -> tuple[tuple[str, str], ...]:
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", class_))
    return tuple((attribute.name, key_of(attribute)) for attribute in fields)
