"""
How many replies threads have, and which is the last: of the threads last shown, from memory.

To count a thread of 50,000 replies takes a twentieth of a second, which not everybody who looks at its root shall wait
for.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final

from attrs import define, evolve, field

from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import EVENT, REDACTED, STORED, LogEntry
from homeserver.core.relations import THREAD, relation_of
from homeserver.core.timeline import TimelineEvent
from homeserver.services.known_events import KnownEvents
from homeserver.store import threads
from homeserver.store.database import Database
from homeserver.store.threads import ThreadSummary

INLINE_MAX: Final = 1_000
"""Replies that are counted at once; of more in a thread of the process's own."""


@define(eq=False)
class ThreadSummaries:
    """
    The summaries of *threads_max* threads.

    Follows the log's tail behind ``KnownEvents``: a reply that this process wrote is counted in, and the room is
    forgotten in which another process wrote.
    """

    database: Database
    known: KnownEvents
    threads_max: int = 5_000
    _rooms: OrderedDict[RoomID, dict[EventID, ThreadSummary]] = field(init=False, factory=OrderedDict)
    _count: int = field(init=False, default=0)
    _changes: int = field(init=False, default=0)
    """Counts what may have made an answer of the store old."""

    async def of(self, room_id: RoomID, room_nid: int, roots: Collection[EventID]) -> dict[EventID, ThreadSummary]:
        """{root: its thread} of those events that have one."""
        room = self._rooms.get(room_id, {})
        found = {root: room[root] for root in roots if root in room}
        missing = [root for root in roots if root not in room]
        if found:
            self._rooms.move_to_end(room_id)
        if missing:
            changes = self._changes
            read = await self.database.read(threads.summaries_of, room_nid, missing, INLINE_MAX)
            if read is None:
                read = await self.database.scan(threads.summaries_of, room_nid, missing)
            assert read is not None, "without a limit everything is counted"
            found.update(read)
            if changes == self._changes:
                self._keep(room_id, read)
        return found

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Replies are counted in; what is not known for certain is forgotten."""
        for entry in entries:
            if entry.kind == REDACTED:
                # It may have been a reply; nobody says to what, or in which room.
                self._forget_all()
            elif entry.kind == STORED:
                self._forget(RoomID(entry.subject))
            elif entry.kind == EVENT:
                event = self.known.cached_by_nid(entry.event_nid)
                if event is None:
                    self._forget(RoomID(entry.subject))
                elif "m.relates_to" in event.event.content:
                    self._hear(event)

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """Nothing is in memory of the room's threads."""
        self._forget(room_id)

    def _hear(self, event: TimelineEvent) -> None:
        relation = relation_of(event.event.content)
        if relation is None or relation.rel_type != THREAD:
            return
        self._changes += 1
        room = self._rooms.get(event.event.room_id, {})
        thread = room.get(relation.event_id)
        # The store may have told of it before the log did.
        if thread is not None and event.ordering is not None and event.ordering > thread.latest:
            counted = evolve(thread, count=thread.count + 1, latest_nid=event.nid, latest=event.ordering)
            room[relation.event_id] = counted

    def _keep(self, room_id: RoomID, read: dict[EventID, ThreadSummary]) -> None:
        if not read:
            return
        room = self._rooms.setdefault(room_id, {})
        self._rooms.move_to_end(room_id)
        self._count += len(read.keys() - room.keys())
        room.update(read)
        while self._count > self.threads_max:
            self._forget(next(iter(self._rooms)))

    def _forget_all(self) -> None:
        self._changes += 1
        self._rooms.clear()
        self._count = 0

    def _forget(self, room_id: RoomID) -> None:
        self._changes += 1
        room = self._rooms.pop(room_id, None)
        if room is not None:
            self._count -= len(room)
