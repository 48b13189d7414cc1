"""Events by ID: the recently used from memory, the rest from the store."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.canonical import load_json
from homeserver.core.drafts import Transaction
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import EVENT, REDACTED, STORED, LogEntry
from homeserver.core.pdu import stored_event
from homeserver.core.timeline import Ordering, Status, TimelineEvent
from homeserver.core.versions import ROOM_VERSIONS, RoomVersion
from homeserver.store import events, rooms
from homeserver.store.database import Database
from homeserver.store.events import StoredEvent

_PLACING: Final = (EVENT, STORED)
_IN_FORCE: Final = (Status.ACCEPTED, Status.OUTLIER)


@define(eq=False)
class KnownEvents:
    """
    Every event in the store, with those last used in memory.

    Messages are asked for while they are new, state again and again: of state more is kept.  What was refused is kept
    among the messages, or whoever floods a room would drive its state out.
    """

    database: Database
    messages_max: int = 2_000
    state_events_max: int = 20_000
    _messages: OrderedDict[EventID, TimelineEvent] = field(init=False, factory=OrderedDict)
    _state: OrderedDict[EventID, TimelineEvent] = field(init=False, factory=OrderedDict)
    _ids: dict[int, EventID] = field(init=False, factory=dict)
    """The IDs of the cached by nid."""
    _expected: dict[EventID, TimelineEvent] = field(init=False, factory=dict)
    """What is being committed: in memory in any case, until the log has it."""
    _versions: dict[int, RoomVersion] = field(init=False, factory=dict)
    """By the nid of the room."""

    def cached(self, event_id: EventID) -> TimelineEvent | None:
        """The event if it is in memory."""
        for cache in (self._messages, self._state):
            found = cache.get(event_id)
            if found is not None:
                cache.move_to_end(event_id)
                return found
        return self._expected.get(event_id)

    def cached_by_nid(self, nid: int) -> TimelineEvent | None:
        """The stored event of this number if it is in memory."""
        event_id = self._ids.get(nid)
        return None if event_id is None else self.cached(event_id)

    def expect(self, event: TimelineEvent) -> None:
        """*event* is found from now on, while the writer that commits it sets its nid and ordering."""
        if event.nid:
            # It was known without a place.
            self.forget(event.event_id)
        self._expected[event.event_id] = event

    def disappoint(self, event_id: EventID) -> None:
        """The write of an expected event failed: it is not known after all."""
        self._expected.pop(event_id, None)
        self.forget(event_id)

    def is_pending(self, event_ids: Collection[EventID]) -> bool:
        """Whether any of the events is being committed, so that the store does not have it yet."""
        return any(event_id in self._expected for event_id in event_ids)

    async def by_id(self, event_id: EventID) -> TimelineEvent | None:
        """The event, of whatever status; None when this server has never stored it."""
        found = self.cached(event_id)
        if found is None:
            found = (await self.by_ids((event_id,))).get(event_id)
        return found

    async def by_ids(self, event_ids: Collection[EventID]) -> dict[EventID, TimelineEvent]:
        """Those of *event_ids* that are stored."""
        found: dict[EventID, TimelineEvent] = {}
        missing: list[EventID] = []
        for event_id in event_ids:
            event = self.cached(event_id)
            if event is None:
                missing.append(event_id)
            else:
                found[event_id] = event
        if missing:
            stored = await self.database.read(events.by_ids, missing)
            for event in await self.revive(stored.values()):
                found[event.event_id] = event
        return found

    async def without_place(self, event_ids: Collection[EventID]) -> set[EventID]:
        """Those of *event_ids* that are not stored, or only as outliers: nothing is known of what they follow."""
        found = await self.by_ids(event_ids)
        return {i for i in event_ids if i not in found or found[i].status is Status.OUTLIER}

    async def by_nids(self, nids: Collection[int]) -> dict[int, TimelineEvent]:
        """Those of *nids* that are stored."""
        found: dict[int, TimelineEvent] = {}
        missing: list[int] = []
        for nid in nids:
            event = self.cached_by_nid(nid)
            if event is None:
                missing.append(nid)
            else:
                found[nid] = event
        if missing:
            stored = await self.database.read(events.by_nids, missing)
            for event in await self.revive(stored.values()):
                found[event.nid] = event
        return found

    async def revive(self, stored: Iterable[StoredEvent]) -> list[TimelineEvent]:
        """What was read from the store, in the same order; each is in memory now, and the same object as before."""
        rows = list(stored)
        unknown = {row.room_nid for row in rows} - self._versions.keys()
        if unknown:
            for room in (await self.database.read(rooms.by_nids, list(unknown))).values():
                if room.version is not None:
                    self._versions[room.nid] = ROOM_VERSIONS[room.version]
        return [self.cached(row.event_id) or self.remember(revived(row, self._versions[row.room_nid])) for row in rows]

    def remember(self, event: TimelineEvent) -> TimelineEvent:
        """The stored *event* is in memory; the same object as before if it was there already."""
        is_asked_for_again = event.event.is_state and event.status in _IN_FORCE
        cache, kept = (
            (self._state, self.state_events_max) if is_asked_for_again else (self._messages, self.messages_max)
        )
        known = cache.setdefault(event.event_id, event)
        cache.move_to_end(event.event_id)
        self._ids[event.nid] = event.event_id
        while len(cache) > kept:
            _, dropped = cache.popitem(last=False)
            self._ids.pop(dropped.nid, None)
        return known

    def forget(self, event_id: EventID) -> None:
        """*event_id* is read afresh the next time."""
        dropped = self._messages.pop(event_id, None) or self._state.pop(event_id, None)
        if dropped is not None:
            self._ids.pop(dropped.nid, None)

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """No event of the room is in memory."""
        self._forget_of(self._state, room_id)
        self._versions.pop(room_nid, None)

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """No event of the room that is no state is in memory."""
        self._forget_of(self._messages, room_id)

    def _forget_of(self, cache: OrderedDict[EventID, TimelineEvent], room_id: RoomID) -> None:
        for event_id in [event_id for event_id, entry in cache.items() if entry.event.room_id == room_id]:
            self.forget(event_id)

    def _forget_placeless(self, nid: int) -> None:
        event = self.cached_by_nid(nid)
        if event is not None and event.ordering is None:
            self.forget(event.event_id)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What was expected and is in the log is stored; what the entries say was redacted is read afresh."""
        for entry in entries:
            if entry.ref is not None and entry.kind in _PLACING:
                # What was known without a place has one now, if this is an old event.
                self._forget_placeless(entry.ref)
        stored = [event for event in self._expected.values() if event.nid] if self._expected else ()
        head = entries[-1].position
        for event in stored:
            if event.nid <= head:
                del self._expected[event.event_id]
                self.remember(event)
        for entry in entries:
            if entry.kind == REDACTED:
                self.forget(EventID(entry.subject))


def revived(row: StoredEvent, version: RoomVersion) -> TimelineEvent:
    """The event that was stored as *row* in a room of *version*."""
    transaction = None
    if row.device_id is not None and row.txn_id is not None:
        transaction = Transaction(row.device_id, row.txn_id)
    return TimelineEvent(
        stored_event(load_json(row.pdu), version, row.event_id),
        row.nid,
        None if row.ordering is None else Ordering(row.ordering),
        row.status,
        row.redacted_by,
        transaction,
    )
