"""
The newest events of the rooms in use: read once for all who follow a room.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import define, field, frozen

from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import EVENT, REDACTED, LogEntry
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.windows import Span

KEPT: Final = 50
"""Events a room whose IDs are in memory: what most clients ask for, and more."""
BEGINNING: Final = Ordering(-(2**62))
"""Before every event."""
LAST_MAX: Final = 2_000
"""Rooms whose last window is in memory."""
INLINE_MAX: Final = 100
"""Rooms that are read at once without leaving the reactor's thread."""

Place: TypeAlias = tuple[Ordering, EventID]


@frozen
class Stretch:
    """What is asked of a room's timeline: the last *limit* events at orderings in ``(after, upto]``."""

    room_nid: int
    room_id: RoomID
    after: Ordering
    upto: Ordering
    """Not past what the head of the log is."""
    limit: int


@frozen(eq=False)
class Window:
    """
    What a stretch holds, oldest first.

    *limited*: there are more events in it, before these.
    """

    events: Sequence[TimelineEvent]
    limited: bool


_NEVER: Final = (Ordering(0), Ordering(-1), Window((), False))


@define(eq=False)
class _Recent:
    """*places* are all events at orderings in ``(after, upto]``, oldest first."""

    after: Ordering
    upto: Ordering
    places: list[Place]
    overtaken: bool = False
    """The room has events after *upto*; as long as it has none, *upto* may as well be the head of the log."""

    def trim(self) -> None:
        """Of too many places, the older half is not in memory any more."""
        if len(self.places) > 2 * KEPT:
            self.after = self.places[KEPT - 1][0]
            del self.places[:KEPT]


@define(eq=False)
class RecentEvents:
    """The timelines of rooms from the end; of the *rooms_max* rooms last asked for, the newest events from memory."""

    database: Database
    tail: LogTail
    known: KnownEvents
    rooms_max: int = 10_000
    _rooms: OrderedDict[RoomID, _Recent] = field(init=False, factory=OrderedDict)
    _last: dict[RoomID, tuple[Ordering, Ordering, Window]] = field(init=False, factory=dict)
    """The last window of each room, with its ends."""
    _forgotten: int = field(init=False, default=0)
    """Counts what makes windows wrong that were read before it."""

    async def latest(self, stretch: Stretch) -> Window:
        """The window that *stretch* asks for."""
        window = self.at_hand(stretch)
        return (await self.latest_of((stretch,)))[0] if window is None else window

    async def latest_of(self, stretches: Sequence[Stretch]) -> list[Window]:
        """The windows that *stretches* ask for, in their order, in three reads of the store at most."""
        if len(stretches) == 1 and (window := self.at_hand(stretches[0])) is not None:
            return [window]
        forgotten = self._forgotten
        await self._catch_up(stretches)
        found = [self._cached(stretch) for stretch in stretches]
        deep = [index for index, places in enumerate(found) if places is None]
        if deep:
            asked = [stretches[index] for index in deep]
            read = await self._read([Span(each.room_nid, each.after, each.upto, each.limit + 1) for each in asked])
            for index, places in zip(deep, read, strict=True):
                found[index] = places
        answers = await self._windows(stretches, [places or [] for places in found])
        if forgotten != self._forgotten:
            return answers
        for stretch, window in zip(stretches, answers, strict=True):
            self._last[stretch.room_id] = (stretch.after, stretch.upto, window)
        return answers

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The rooms that the entries name have newer events."""
        for entry in entries:
            if entry.kind == REDACTED or len(self._last) > LAST_MAX:
                self._last.clear()
                self._forgotten += 1
            if entry.kind == EVENT:
                recent = self._rooms.get(RoomID(entry.subject))
                if recent is not None and not recent.overtaken:
                    self._extend_by(recent, entry)

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """The room's newest events are read afresh."""
        self._rooms.pop(room_id, None)
        self._last.pop(room_id, None)
        self._forgotten += 1

    def at_hand(self, stretch: Stretch) -> Window | None:
        """The window if it was the last of its room: who waits for news mostly asks for the same."""
        after, upto, window = self._last.get(stretch.room_id, _NEVER)
        is_same = after == stretch.after and upto == stretch.upto
        return window if is_same and not window.limited and len(window.events) <= stretch.limit else None

    async def _catch_up(self, stretches: Sequence[Stretch]) -> None:
        """The rooms are in memory up to the head of the log, unless it moves on meanwhile."""
        head = self.tail.head
        behind: list[RoomID] = []
        spans: list[Span] = []
        for stretch in stretches:
            recent = self._rooms.get(stretch.room_id)
            if recent is None or (recent.overtaken and recent.upto < stretch.upto):
                after = BEGINNING if recent is None else recent.upto
                behind.append(stretch.room_id)
                spans.append(Span(stretch.room_nid, after, ordering_at(head), KEPT))
        if not spans:
            return
        read = await self._read(spans)
        if head != self.tail.head:
            return
        for room_id, span, places in zip(behind, spans, read, strict=True):
            self._extend(room_id, span, places)

    def _extend(self, room_id: RoomID, span: Span, places: list[Place]) -> None:
        recent = self._rooms.get(room_id)
        # Others may have read the same meanwhile, or the room may have been dropped.
        is_next = recent is not None and recent.overtaken and recent.upto == span.after
        if len(places) == KEPT:
            # What lies between is not known.
            self._rooms[room_id] = _Recent(Ordering(places[0][0] - 1), span.upto, places)
        elif recent is not None and is_next:
            recent.places += places
            recent.upto, recent.overtaken = span.upto, False
            recent.trim()
        elif recent is None and span.after == BEGINNING:
            self._rooms[room_id] = _Recent(BEGINNING, span.upto, places)
        while len(self._rooms) > self.rooms_max:
            self._rooms.popitem(last=False)

    def _extend_by(self, recent: _Recent, entry: LogEntry) -> None:
        """What this process wrote is in memory, and need not be read by all who wait for it."""
        event = self.known.cached_by_nid(entry.event_nid)
        place = ordering_at(entry.position)
        if event is None or event.ordering != place:
            recent.overtaken = True
            recent.upto = Ordering(place - 1)
            return
        recent.places.append((place, event.event_id))
        recent.upto = place
        recent.trim()

    def _cached(self, stretch: Stretch) -> list[Place] | None:
        """The places of the last ``limit + 1`` events, oldest first; None when they are not in memory."""
        recent = self._rooms.get(stretch.room_id)
        if recent is None or (recent.overtaken and recent.upto < stretch.upto):
            return None
        places = recent.places
        end = len(places)
        while end and places[end - 1][0] > stretch.upto:
            end -= 1
        start, wanted = end, stretch.limit + 1
        while start and end - start < wanted and places[start - 1][0] > stretch.after:
            start -= 1
        if end - start < wanted and start == 0 and recent.after > stretch.after:
            return None
        self._rooms.move_to_end(stretch.room_id)
        return places[start:end]

    async def _read(self, spans: Sequence[Span]) -> list[list[Place]]:
        read = self.database.read if len(spans) <= INLINE_MAX else self.database.scan
        return await read(windows.places_of, spans)

    async def _windows(self, stretches: Sequence[Stretch], found: Sequence[list[Place]]) -> list[Window]:
        wanted = [
            # [-0:] would be everything.
            [event_id for _, event_id in places[-stretch.limit :]] if stretch.limit else []
            for stretch, places in zip(stretches, found, strict=True)
        ]
        events = await self.known.by_ids([event_id for event_ids in wanted for event_id in event_ids])
        return [
            # What was purged since its place was read is left out.
            Window([events[event_id] for event_id in event_ids if event_id in events], len(places) > stretch.limit)
            for stretch, places, event_ids in zip(stretches, found, wanted, strict=True)
        ]
