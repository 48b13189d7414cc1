"""What a sync tells of sticky events.  Spec: proposals/4354"""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import ClassVar, Final

from attrs import define, field

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.sticky import STICKY, duration_ms_of
from homeserver.core.timeline import TimelineEvent
from homeserver.services.client_events import ClientEvents
from homeserver.services.known_events import KnownEvents
from homeserver.services.sticky_events.service import StickyEvent, StickyEvents
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.services.visible_history import joined_at
from homeserver.store import sticky_events
from homeserver.store.database import Database

SECTION: Final = "msc4354_sticky"
TIME_LEFT: Final = "msc4354_sticky_duration_ttl_ms"
ENDS_MAX: Final = 10_000


@define(eq=False)
class StickyNews:
    """
    Sticky events of joined rooms that the timeline does not show.

    What does not fit one answer is owed, and told by the next.  It also says of each event how long it is sticky yet.
    """

    tells_of: ClassVar[LogKinds] = frozenset({STICKY})

    database: Database
    known: KnownEvents
    client_events: ClientEvents
    sticky: StickyEvents
    _ends_ms: dict[int, int] = field(init=False, factory=dict)
    """When events end that were told of lately, by nid."""

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """The events that are new are in *body*."""
        told = await self._news(span, body)
        if not told:
            return
        limit = self.sticky.settings.told_at_once_max
        if len(told) > limit:
            told = told[:limit]
            body.owed = told[-1].position
        events = await self.known.by_nids([each.event_nid for each in told])
        by_room: dict[RoomID, list[TimelineEvent]] = {}
        for each in told:
            entry = events.get(each.event_nid)
            if entry is None or each.sender in span.ignored or duration_ms_of(entry.event.pdu) is None:
                continue
            self._note(each)
            by_room.setdefault(each.room_id, []).append(entry)
        for room_id, entries in by_room.items():
            await self._write_room(span, body, room_id, entries)

    def of(self, event: TimelineEvent, reader: UserID, now_ms: int) -> Mapping[str, JSON]:
        """How long a sticky event is so yet."""
        duration_ms = duration_ms_of(event.event.pdu)
        if not duration_ms:
            return {}
        # What was not told of lately was sent lately, and by then at the latest.
        end = self._ends_ms.get(event.nid) or min(event.event.origin_server_ts, now_ms) + duration_ms
        return {TIME_LEFT: end - now_ms} if end > now_ms else {}

    async def _news(self, span: SyncSpan, body: SyncBody) -> list[StickyEvent]:
        """One more than fits one answer, if there are so many."""
        owed = None if span.since is None else span.since.owed
        after = span.after if owed is None else min(owed, span.after)
        touched = None if owed is not None else span.changes.of_kind(STICKY)
        candidates = self._rooms(span, body, touched)
        new = {room_id for room_id in candidates if span.since is None or room_id in body.newly_joined}
        old = [room_id for room_id in candidates if room_id not in new]
        found = [*await self._read(span, new, Position(0)), *await self._read(span, old, after)]
        return sorted(found, key=lambda each: each.position or 0)

    def _rooms(self, span: SyncSpan, body: SyncBody, touched: AbstractSet[str] | None) -> list[RoomID]:
        """The joined rooms where something may be new, by what the log has *touched*; None: that is not known."""
        admits, joined, told = span.filter.room, span.rooms.joined, self.sticky.rooms
        names: Iterable[RoomID]
        if touched is None or span.since is None:
            names = joined if len(joined) < len(told) else told
        else:
            names = {*map(RoomID, touched), *body.newly_joined}
        return [
            room_id
            for room_id in names
            if room_id in joined and self.sticky.is_told_in(room_id, span.now_ms) and admits.admits_room(room_id)
        ]

    async def _read(self, span: SyncSpan, room_ids: Collection[RoomID], after: Position) -> list[StickyEvent]:
        if not room_ids:
            return []
        limit = self.sticky.settings.told_at_once_max + 1
        return await self.database.read(sticky_events.between, room_ids, after, span.upto.position, span.now_ms, limit)

    async def _write_room(self, span: SyncSpan, body: SyncBody, room_id: RoomID, entries: list[TimelineEvent]) -> None:
        shown = {event.event_id for event, _ in body.timelines.get(room_id, ())}
        entries = [entry for entry in entries if entry.event_id not in shown]
        if not entries:
            return
        rendering = Rendering(span)
        row = span.rooms.joined[room_id]
        copies = await self.client_events.in_timeline(row.room_nid, entries)
        events = [
            rendering.render(entry, copy, joined_at(row, entry)) for entry, copy in zip(entries, copies, strict=True)
        ]
        body.joined(room_id)[SECTION] = {"events": events}

    def _note(self, told: StickyEvent) -> None:
        self._ends_ms.pop(told.event_nid, None)
        self._ends_ms[told.event_nid] = told.ends_ms
        if len(self._ends_ms) > ENDS_MAX:
            del self._ends_ms[next(iter(self._ends_ms))]
