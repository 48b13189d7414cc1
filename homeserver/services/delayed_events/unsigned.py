"""Whoever scheduled an event is told by it which of theirs it was.  Spec: proposals/4140"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.timeline import TimelineEvent
from homeserver.services.delayed_events.service import DELAYED

DELAY_ID: Final = "org.matrix.msc4140.delay_id"


@frozen
class DelayIDs:
    """The delay IDs of events, for their senders."""

    def of(self, event: TimelineEvent, reader: UserID, now_ms: int) -> Mapping[str, JSON]:
        """The delay ID, where the reader scheduled the event."""
        transaction = event.transaction
        if transaction is None or transaction.device_id != DELAYED or event.event.sender != reader:
            return {}
        return {DELAY_ID: transaction.transaction_id}
