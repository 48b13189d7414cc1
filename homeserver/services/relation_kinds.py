"""
Which events others relate to, and how: of the events last asked for, from memory.

Most events nobody relates to; to know that saves a look-up for each event of each page.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from attrs import define, field

from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import EVENT, STORED, LogEntry
from homeserver.core.relations import REFERENCE, REPLACE, THREAD, relation_of
from homeserver.core.timeline import TimelineEvent
from homeserver.services.known_events import KnownEvents
from homeserver.store import relations
from homeserver.store.database import Database

Kinds: TypeAlias = dict[str, set[EventID]]
"""``{rel_type: the events that have such}``; no empty sets."""

KINDS: Final = frozenset({REPLACE, REFERENCE, THREAD})
_NONE: Final[frozenset[str]] = frozenset()


@define(eq=False)
class _Room:
    """What is known of the events of one room."""

    known: dict[EventID, frozenset[str]] = field(factory=dict)
    """By what kinds others relate to the event.  It may say more than is true: what was redacted relates no more."""
    readers: int = 0
    """How many are reading more from the store."""
    news: dict[EventID, frozenset[str]] = field(factory=dict)
    """What the log has told while somebody was reading."""

    def learn(self, event_ids: Sequence[EventID], read: Mapping[str, set[EventID]]) -> None:
        """Of *event_ids* is known what was *read* of them, and what the log has told meanwhile."""
        self.known.update(dict.fromkeys(event_ids, _NONE))
        for kind, parents in read.items():
            for event_id in parents:
                self.known[event_id] |= {kind}
        for event_id in self.news.keys() & set(event_ids):
            self.known[event_id] |= self.news[event_id]

    def hear(self, event: TimelineEvent) -> None:
        """*event* is new."""
        relation = relation_of(event.event.content)
        if relation is None or relation.rel_type not in KINDS:
            return
        parent = relation.event_id
        if parent in self.known:
            self.known[parent] |= {relation.rel_type}
        if self.readers:
            self.news[parent] = self.news.get(parent, _NONE) | {relation.rel_type}


@define(eq=False)
class RelationKinds:
    """
    How others relate to events; of *events_max* events from memory.

    Follows the log's tail behind ``KnownEvents``: of what this process wrote that is in memory too, and so what it
    relates to is known; a room in which another process wrote is forgotten.
    """

    database: Database
    known: KnownEvents
    events_max: int = 10_000
    _rooms: OrderedDict[RoomID, _Room] = field(init=False, factory=OrderedDict)
    _count: int = field(init=False, default=0)

    async def of(self, room_id: RoomID, room_nid: int, event_ids: Iterable[EventID]) -> Kinds:
        """The kinds of what relates to events of a room, and to which of them."""
        room = self._room(room_id)
        found, missing = _split(room, event_ids)
        if missing:
            with _reading([room]):
                read = await self.database.read(relations.kinds_of, room_nid, missing)
                self._learn(room_id, room, missing, read)
            _join(found, read)
        return found

    async def across(self, rooms: Mapping[int, Sequence[TimelineEvent]]) -> dict[int, Kinds]:
        """The same of events of several rooms, by the nid of the room; every such room is there.  One read at most."""
        found: dict[int, Kinds] = {room_nid: {} for room_nid in rooms}
        unread: dict[int, tuple[RoomID, _Room, list[EventID]]] = {}
        parents: dict[EventID, int] = {}
        for room_nid, events in rooms.items():
            if not events:
                continue
            room_id = events[0].event.room_id
            room = self._room(room_id)
            found[room_nid], missing = _split(room, [entry.event_id for entry in events])
            if missing:
                unread[room_nid] = room_id, room, missing
                parents.update(dict.fromkeys(missing, room_nid))
        if parents:
            with _reading([room for _, room, _ in unread.values()]):
                read = await self.database.read(relations.kinds_across, parents)
                for room_nid, (room_id, room, missing) in unread.items():
                    self._learn(room_id, room, missing, read[room_nid])
                    _join(found[room_nid], read[room_nid])
        return found

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What is known of an event holds, whatever has come to relate to it."""
        for entry in entries:
            if entry.kind in {EVENT, STORED} and (room := self._rooms.get(RoomID(entry.subject))) is not None:
                event = self.known.cached_by_nid(entry.event_nid)
                if event is None:
                    self._forget(RoomID(entry.subject))
                elif "m.relates_to" in event.event.content:
                    room.hear(event)

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """Nothing is in memory of the room's events."""
        self._forget(room_id)

    def _room(self, room_id: RoomID) -> _Room:
        room = self._rooms.setdefault(room_id, _Room())
        self._rooms.move_to_end(room_id)
        return room

    def _learn(self, room_id: RoomID, room: _Room, event_ids: Sequence[EventID], read: Kinds) -> None:
        before = len(room.known)
        room.learn(event_ids, read)
        # It may have been forgotten while it was read: then nobody asks it any more.
        if self._rooms.get(room_id) is room:
            self._count += len(room.known) - before
            while self._count > self.events_max:
                self._forget(next(iter(self._rooms)))

    def _forget(self, room_id: RoomID) -> None:
        room = self._rooms.pop(room_id, None)
        if room is not None:
            self._count -= len(room.known)


def _split(room: _Room, event_ids: Iterable[EventID]) -> tuple[Kinds, list[EventID]]:
    """What is known of the events, and of which nothing is."""
    found: Kinds = {}
    missing: list[EventID] = []
    known = room.known
    for event_id in event_ids:
        kinds = known.get(event_id)
        if kinds is None:
            missing.append(event_id)
        elif kinds:
            for kind in kinds:
                found.setdefault(kind, set()).add(event_id)
    return found, missing


def _join(found: Kinds, read: Kinds) -> None:
    for kind, parents in read.items():
        found.setdefault(kind, set()).update(parents)


@contextmanager
def _reading(rooms: Sequence[_Room]) -> Iterator[None]:
    for room in rooms:
        room.readers += 1
    try:
        yield
    finally:
        for room in rooms:
            room.readers -= 1
            if not room.readers:
                room.news.clear()
