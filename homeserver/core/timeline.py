"""
The place an event has in the room as this server knows it.

Live events take consecutive places as they are accepted; history fetched later goes between them.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NewType

from attrs import define

from homeserver.core.drafts import Transaction
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID
from homeserver.core.log import Position

Ordering = NewType("Ordering", int)
"""The order of a room's timeline, oldest first.  A live event's is its log position, shifted."""

ORDERING_SHIFT: Final = 20
"""Between two live events there is room for a million older ones that are fetched later."""


HISTORY_STEP: Final = 16
"""How far apart older events are placed: between them others may find room, where the DAG forked."""


class Status(IntEnum):
    """What the checks on receipt said of an event.  Spec: server-server-api#checks-performed-on-receipt-of-a-pdu"""

    ACCEPTED = 0
    REJECTED = 1
    SOFT_FAILED = 2
    """It may count for state resolution, and clients do not see it."""
    OUTLIER = 3
    """Known as part of state or an auth chain, with no place in the timeline."""


def ordering_at(position: Position) -> Ordering:
    """The place of the live event stored at *position*; whatever was seen up to *position* is not after it."""
    return Ordering(position << ORDERING_SHIFT)


def position_of(ordering: Ordering) -> Position:
    """The log position at which the first live event at or after *ordering* was stored."""
    return Position(-(-ordering >> ORDERING_SHIFT))


def free_places(before: int, taken: Iterable[int], count: int, *, is_all: bool) -> tuple[Ordering, int] | None:
    """
    The first of *count* free places before *before*, as near to it as may be, and how far apart they are.

    *taken* are the places before *before* that are not free, newest first; *is_all*: there are no others.  None when
    those that are known leave no room.
    """
    upto = before
    for place in taken:
        if upto - place > count:
            step = min(HISTORY_STEP, (upto - place) // (count + 1))
            return Ordering(upto - count * step), step
        upto = place
    return (Ordering(upto - count * HISTORY_STEP), HISTORY_STEP) if is_all else None


@define(eq=False)
class TimelineEvent:
    """
    An event as it is stored.

    *nid*: its number in this server's store; 0 as long as it is being committed.
    *ordering*: None for what has no place in the timeline.
    *redacted_by*: the redaction that was carried out on it.  *transaction*: of the local device that sent it.
    """

    event: Event
    nid: int
    ordering: Ordering | None
    status: Status = Status.ACCEPTED
    redacted_by: EventID | None = None
    transaction: Transaction | None = None

    @property
    def event_id(self) -> EventID:
        return self.event.event_id
