"""
Lists that are shown page by page to administrators.

A page ends with a token that stands for the key of its last item, so that what comes and goes in between neither
repeats nor hides anything.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import frozen

from homeserver.core.canonical import encode_json, parse_json
from homeserver.core.malformed import Malformed

T = TypeVar("T")

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1_000

Key: TypeAlias = tuple[str | int, ...]
"""Where in its order an item stands."""


@frozen
class Page(Generic[T]):
    """Some items of a list."""

    items: list[T]
    """In the order of the list."""
    total: int
    """How many the whole list has."""
    next_token: str | None = None
    """The ``from`` of the next page; there is none after the last."""


@frozen
class PageRequest:
    """Which items are wanted: the first *limit* after those that end at *token* (None: from the beginning)."""

    token: str | None = None
    limit: int = LIMIT_DEFAULT

    def key(self, *types: type) -> Key | None:
        """The key of the last item before, whose parts are of *types*; None: from the beginning.  Raises Malformed."""
        return None if self.token is None else parse_page_token(self.token, *types)


def paged(items: Sequence[T], place: Callable[[T], str], wanted: PageRequest) -> Page[T]:
    """A page of *items* that are all in memory, in the order of *place*, which no two share.  Raises Malformed."""
    key = wanted.key(str)
    after = "" if key is None else str(key[0])
    rest = [item for item in sorted(items, key=place) if key is None or place(item) > after]
    shown = rest[: wanted.limit]
    return page_of(rest, len(items), wanted.limit, (place(shown[-1]),) if shown else None)


def page_token(key: Key) -> str:
    """The token of a page whose last item stands at *key*."""
    return urlsafe_b64encode(encode_json(list(key))).decode().rstrip("=")


def parse_page_token(token: str, *types: type) -> Key:
    """The key that *token* stands for, whose parts are of *types*.  Raises Malformed."""
    try:
        parts = parse_json(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, Malformed) as error:
        raise Malformed("This is no token of a page.", "from", "M_INVALID_PARAM") from error
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise Malformed("This is no token of a page of this list.", "from", "M_INVALID_PARAM")
    return tuple(part for part in parts if isinstance(part, str | int))


def page_of(items: list[T], total: int, limit: int, last: Key | None) -> Page[T]:
    """
    The page of *items*, of which one more than *limit* was asked for to see whether there are more.

    *last*: the key of the item that ends the page; None when there is none.
    """
    more = len(items) > limit and last is not None
    return Page(items[:limit], total, page_token(last) if more and last is not None else None)
