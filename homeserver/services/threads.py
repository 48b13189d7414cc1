"""
Which thread an event is in.

Spec: client-server-api#threaded-read-receipts
"""

from attrs import define

from homeserver.core.events import Event
from homeserver.core.relations import MAIN_THREAD, THREAD_HOPS_MAX, relation_of
from homeserver.services.known_events import KnownEvents


@define(eq=False)
class Threads:
    """Follows events' relations."""

    known: KnownEvents

    async def of(self, event: Event) -> str:
        """The root of the event's thread, or ``main``; the root itself is in the main timeline."""
        for _ in range(THREAD_HOPS_MAX):
            relation = relation_of(event.content)
            if relation is None:
                return MAIN_THREAD
            if relation.thread_root is not None:
                return relation.thread_root
            parent = await self.known.by_id(relation.event_id)
            if parent is None or parent.event.room_id != event.room_id:
                return MAIN_THREAD
            event = parent.event
        return MAIN_THREAD
