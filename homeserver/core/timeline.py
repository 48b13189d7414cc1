"""
The place an event has in the room as this server knows it.

Live events take consecutive places as they are accepted; history fetched later goes between them.
"""

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
