"""
Where a search goes on: the token that clients get with a part of the results.

Spec: client-server-api#server-side-search
"""

import base64
import binascii
from typing import Final, Literal, cast, get_args

import orjson
from attrs import frozen

from homeserver.core.malformed import Malformed

GroupKey = Literal["room_id", "sender"]
GROUP_KEYS: Final = frozenset(get_args(GroupKey))
_INTEGER_MAX: Final = 2**62
_LENGTH_MAX: Final = 1_024


@frozen
class SearchToken:
    """
    The results after the first *offset* of those that there were when the search began: *newest* was the newest text.

    *group*: of those of one room or one sender alone.
    """

    newest: int
    offset: int
    group: tuple[GroupKey, str] | None = None

    def __str__(self) -> str:
        fields = [self.newest, self.offset, *(self.group or ())]
        return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")


def parse_search_token(text: str) -> SearchToken:
    """The token spelled so.  Raises Malformed with ``M_INVALID_PARAM``."""
    fields = _fields(text)
    if fields is None or len(fields) not in (2, 4):
        raise _unknown(text)
    newest, offset = _number(fields[0]), _number(fields[1])
    if newest is None or offset is None:
        raise _unknown(text)
    if len(fields) == 2:
        return SearchToken(newest, offset)
    key, value = fields[2:]
    if not isinstance(value, str) or not isinstance(key, str) or key not in GROUP_KEYS:
        raise _unknown(text)
    return SearchToken(newest, offset, (cast(GroupKey, key), value))


def _number(value: object) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _INTEGER_MAX
    return cast(int, value) if is_one else None


def _fields(text: str) -> list[object] | None:
    if len(text) > _LENGTH_MAX or not text.isascii():
        return None
    try:
        fields = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, orjson.JSONDecodeError):
        return None
    return fields if isinstance(fields, list) else None


def _unknown(text: str) -> Malformed:
    return Malformed(f"This server gave out no token {text[:64]!r}.", "next_batch", "M_INVALID_PARAM")
