"""
The two tokens that clients carry between requests: where a sync ended, and where a page of history ended.

Spec: client-server-api#syncing
"""

import re
from typing import Final

from attrs import field, frozen

from homeserver.core.log import Position
from homeserver.core.malformed import Malformed
from homeserver.core.timeline import ORDERING_SHIFT, Ordering, ordering_at

_INTEGER_MAX: Final = 2**63 - 1
"""What both databases hold."""
_POSITION_MAX: Final = _INTEGER_MAX >> ORDERING_SHIFT

_SYNC: Final = re.compile(r"s([0-9]{1,19})_([0-9]{1,19})(?:_([0-9]{1,19}))?\Z", re.ASCII)
_SLIDING: Final = re.compile(r"c([0-9]{1,19})_([0-9]{1,19})_([0-9]{1,19})_([0-9]{1,19})\Z", re.ASCII)
_PAGINATION: Final = re.compile(r"t(-?[0-9]{1,19})\Z", re.ASCII)


@frozen
class SyncToken:
    """
    How far a client has synced: everything up to and with *position* of the log.

    *serial* counts what is never stored, typing and presence; it starts anew with every process.  *owed*: of one thing
    there was too much for one answer, and it is told up to this position only.
    """

    position: Position
    serial: int = 0
    owed: Position | None = None

    def __str__(self) -> str:
        whole = f"s{self.position}_{self.serial}"
        return whole if self.owed is None else f"{whole}_{self.owed}"


@frozen
class SlidingToken:
    """
    The ``pos`` of a sliding sync: how far a client has synced on one *connection*.

    *generation*: of what the client was sent.

    Spec: proposals/4186
    """

    since: SyncToken
    connection: int
    generation: int

    def __str__(self) -> str:
        return f"c{self.since.position}_{self.since.serial}_{self.connection}_{self.generation}"


@frozen
class PaginationToken:
    """A place in one room's timeline: what has this ordering or less is before it, the rest is after it."""

    ordering: Ordering
    spelled: str | None = field(default=None, eq=False)
    """What a client gave: it gets the same back.  None: the token was made here."""

    def __str__(self) -> str:
        return self.spelled or f"t{self.ordering}"


def parse_sync_token(text: str) -> SyncToken:
    """The token spelled ``s<position>_<serial>``, and ``_<owed>``.  Raises Malformed with ``M_INVALID_PARAM``."""
    match = _SYNC.match(text)
    if match is None:
        raise _unknown(text)
    position, serial, owed = int(match[1]), int(match[2]), None if match[3] is None else Position(int(match[3]))
    if position > _POSITION_MAX or serial > _INTEGER_MAX or (owed or 0) > _POSITION_MAX:
        raise _unknown(text)
    return SyncToken(Position(position), serial, owed)


def parse_sliding_token(text: str) -> SlidingToken:
    """The token spelled ``c<position>_<serial>_<connection>_<generation>``.  Raises Malformed: M_UNKNOWN_POS."""
    match = _SLIDING.match(text)
    numbers = [int(group) for group in match.groups()] if match is not None else []
    if not numbers or numbers[0] > _POSITION_MAX or max(numbers) > _INTEGER_MAX:
        raise Malformed("This server gave out no such pos.", "pos", "M_UNKNOWN_POS")
    position, serial, connection, generation = numbers
    return SlidingToken(SyncToken(Position(position), serial), connection, generation)


def parse_pagination_token(text: str) -> PaginationToken:
    """
    The token spelled ``t<ordering>``; a token of either sync counts as the place where that sync ended.

    Raises Malformed with ``M_INVALID_PARAM``.
    """
    if text.startswith("s"):
        return PaginationToken(ordering_at(parse_sync_token(text).position), text)
    if _SLIDING.match(text):
        return PaginationToken(ordering_at(parse_sliding_token(text).since.position), text)
    match = _PAGINATION.match(text)
    if match is None or abs(int(match[1])) > _INTEGER_MAX:
        raise _unknown(text)
    return PaginationToken(Ordering(int(match[1])))


def _unknown(text: str) -> Malformed:
    return Malformed(f"This server gave out no token {text[:64]!r}.", code="M_INVALID_PARAM")
