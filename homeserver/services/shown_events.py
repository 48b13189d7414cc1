"""
Events of rooms as one reader gets them, outside of a sync.

Spec: client-server-api#room-event-format
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSON
from homeserver.core.client_events import ClientEvent, serialize
from homeserver.core.timeline import TimelineEvent
from homeserver.services.aggregations import Aggregations
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import Clock, now_ms
from homeserver.services.room_views import RoomView
from homeserver.services.unsigned import Unsigned, unsigned_of
from homeserver.services.visible_history import Seen

NOBODY_KNOWS: Final[Mapping[int, str]] = {}


@define(eq=False)
class ShownEvents:
    """Completes events for their reader."""

    clock: Clock
    client_events: ClientEvents
    aggregations: Aggregations
    unsigned: list[Unsigned] = field(factory=list)

    async def timeline(self, view: RoomView, seen: Sequence[Seen]) -> list[JSON]:
        """Events of a timeline, for splicing: with what they replaced and with what relates to them."""
        now = now_ms(self.clock)
        events = [event for event, _ in seen]
        copies = await self.client_events.in_timeline(view.room_nid, events)
        bundles = await self.aggregations.of(view, events, now)
        if bundles:
            copies = [
                copy.with_relations(bundles[copy.event_id]) if copy.event_id in bundles else copy for copy in copies
            ]
        return [
            self._rendered(view, now, event, copy, membership)
            for (event, membership), copy in zip(seen, copies, strict=True)
        ]

    async def aside(self, view: RoomView, seen: Seen) -> JSON:
        """One event that is not quite as it is stored, and so is not to be found again."""
        event, membership = seen
        now = now_ms(self.clock)
        copy = serialize(event.event, redacted_because=await self.client_events.redaction_of(event))
        bundles = await self.aggregations.of(view, [event], now)
        if event.event_id in bundles:
            copy = copy.with_relations(bundles[event.event_id])
        return self._rendered(view, now, event, copy, membership)

    async def state(
        self, view: RoomView, events: Sequence[TimelineEvent], memberships: Mapping[int, str] = NOBODY_KNOWS
    ) -> list[JSON]:
        """Events of a state, for splicing; *memberships*: of the reader at the events, by nid, where they are known."""
        now = now_ms(self.clock)
        copies = await self.client_events.in_state(events)
        return [
            self._rendered(view, now, event, copy, memberships.get(event.nid))
            for event, copy in zip(events, copies, strict=True)
        ]

    def _rendered(
        self, view: RoomView, now: int, event: TimelineEvent, copy: ClientEvent, membership: str | None
    ) -> JSON:
        transaction, own_id = event.transaction, None
        if transaction is not None and transaction.device_id == view.device_id and event.event.sender == view.user_id:
            own_id = transaction.transaction_id
        more = unsigned_of(self.unsigned, event, view.user_id, now) if self.unsigned else None
        return copy.render(now, membership, own_id, more)  # type: ignore[return-value]
