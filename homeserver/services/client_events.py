"""
Events as clients see them, serialized once for all readers.
"""

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field

from homeserver.core.canonical import encode_json
from homeserver.core.client_events import ClientEvent, serialize
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import REDACTED, LogEntry, Position
from homeserver.core.timeline import TimelineEvent, position_of
from homeserver.services.erased_users import VeiledEvent
from homeserver.services.known_events import KnownEvents
from homeserver.store import windows
from homeserver.store.database import Database


@define(eq=False)
class ClientEvents:
    """
    The client form of events, the *events_max* last used from memory.

    In a timeline a state event tells what it replaced; as part of a state it does not, which saves looking for it.
    """

    database: Database
    known: KnownEvents
    events_max: int = 20_000
    _plain: OrderedDict[EventID, ClientEvent] = field(init=False, factory=OrderedDict)
    _replacing: OrderedDict[EventID, ClientEvent] = field(init=False, factory=OrderedDict)
    """State events that tell what they replaced."""
    _replaced_by: dict[EventID, EventID] = field(init=False, factory=dict)
    """By what was replaced, the event in ``_replacing`` that shows it."""

    async def in_timeline(self, room_nid: int, events: Sequence[TimelineEvent]) -> list[ClientEvent]:
        """The events of a timeline, in the same order."""
        found: list[ClientEvent] = []
        for event in events:
            cache = self._replacing if event.event.is_state else self._plain
            copy = cache.get(event.event_id)
            if isinstance(event, VeiledEvent):
                copy = await self._serialize(event)
            elif copy is None:
                copy = await (
                    self._serialize_state(room_nid, event) if event.event.is_state else self._serialize(event)
                )
            found.append(copy)
        return found

    async def in_state(self, events: Sequence[TimelineEvent]) -> list[ClientEvent]:
        """The events of a state, in the same order."""
        return [
            (None if isinstance(event, VeiledEvent) else self._plain.get(event.event_id))
            or await self._serialize(event)
            for event in events
        ]

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What the entries say was redacted is serialized anew, wherever it shows."""
        for entry in entries:
            if entry.kind == REDACTED:
                event_id = EventID(entry.subject)
                self._plain.pop(event_id, None)
                self._replacing.pop(event_id, None)
                replacing = self._replaced_by.pop(event_id, None)
                if replacing is not None:
                    self._replacing.pop(replacing, None)

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """No event of the room is kept in the form that clients see."""
        named = encode_json({"room_id": room_id})[1:-1]
        for cache in (self._plain, self._replacing):
            for event_id in [event_id for event_id, copy in cache.items() if named in copy.head]:
                del cache[event_id]

    async def _serialize(self, event: TimelineEvent) -> ClientEvent:
        copy = serialize(event.event, redacted_because=await self.redaction_of(event))
        # It may have been redacted meanwhile.
        if self.known.cached(event.event_id) is event:
            self._keep(self._plain, copy)
        return copy

    async def _serialize_state(self, room_nid: int, event: TimelineEvent) -> ClientEvent:
        previous = await self._previous_of(room_nid, event)
        copy = serialize(
            event.event,
            previous=None if previous is None else previous.event,
            redacted_because=await self.redaction_of(event),
        )
        is_current = previous is None or self.known.cached(previous.event_id) is previous
        if is_current and self.known.cached(event.event_id) is event:
            if previous is not None:
                self._replaced_by[previous.event_id] = event.event_id
            self._keep(self._replacing, copy)
        return copy

    async def _previous_of(self, room_nid: int, event: TimelineEvent) -> TimelineEvent | None:
        # What was fetched later stands where the current state was another.
        if event.ordering is None or position_of(event.ordering) != event.nid:
            return None
        before = Position(event.nid - 1)
        event_id = await self.database.read(windows.entry_id, room_nid, event.event.key, before)
        return None if event_id is None else await self.known.by_id(event_id)

    async def redaction_of(self, event: TimelineEvent) -> Event | None:
        """What the event was redacted by; None: it was not, or that is not here."""
        if event.redacted_by is None:
            return None
        redaction = await self.known.by_id(event.redacted_by)
        return None if redaction is None else redaction.event

    def _keep(self, cache: OrderedDict[EventID, ClientEvent], copy: ClientEvent) -> None:
        cache[copy.event_id] = copy
        while len(cache) > self.events_max:
            cache.popitem(last=False)
        while len(self._replaced_by) > self.events_max:
            del self._replaced_by[next(iter(self._replaced_by))]
