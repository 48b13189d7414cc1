"""What a sliding sync tells of sticky events.  Spec: proposals/4354"""

from collections.abc import Iterable
from typing import Final

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.log import Position
from homeserver.core.sticky import STICKY, duration_ms_of
from homeserver.services.client_events import ClientEvents
from homeserver.services.known_events import KnownEvents
from homeserver.services.sliding.extensions import ExtensionAnswer, ExtensionSpan
from homeserver.services.sticky_events.service import StickyEvent, StickyEvents
from homeserver.services.sync.rendering import Rendering
from homeserver.services.visible_history import joined_at
from homeserver.store import sticky_events
from homeserver.store.database import Database

EVENTS_MAX: Final = 10_000
"""In one answer."""


@define(eq=False)
class StickyExtension:
    """
    Sticky events of the rooms that the client knows; of new rooms all there are.

    NOTSPEC: the proposal names the extension and no form of its answer; this one is that of the section of a sync.
    """

    database: Database
    known: KnownEvents
    client_events: ClientEvents
    sticky: StickyEvents
    name: str = "org.matrix.msc4354.sticky_events"

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """What is sticky and was not told."""
        span, told = ask.span, self.sticky.rooms
        touched = None if ask.is_new else span.changes.of_kind(STICKY)
        old: Iterable[str] = told if touched is None else touched
        found = [
            *await self._read(ask, [room_id for room_id in told if room_id in ask.new_rooms], Position(0)),
            *await self._read(
                ask,
                [RoomID(name) for name in old if RoomID(name) in ask.rooms and RoomID(name) not in ask.new_rooms],
                ask.after,
            ),
        ]
        rooms: JSONObject = {}
        for room_id in dict.fromkeys(each.room_id for each in found):
            events = await self._rendered(ask, [each for each in found if each.room_id == room_id])
            if events:
                rooms[room_id] = {"events": events}
        return ExtensionAnswer({"rooms": rooms}, has_news=True) if rooms else ExtensionAnswer()

    async def _read(self, ask: ExtensionSpan, room_ids: list[RoomID], after: Position) -> list[StickyEvent]:
        span = ask.span
        wanted = [room_id for room_id in room_ids if self.sticky.is_told_in(room_id, span.now_ms)]
        if not wanted:
            return []
        return await self.database.read(
            sticky_events.between, wanted, after, span.upto.position, span.now_ms, EVENTS_MAX
        )

    async def _rendered(self, ask: ExtensionSpan, told: list[StickyEvent]) -> list[JSON]:
        span = ask.span
        row = span.rooms.joined.get(told[0].room_id)
        if row is None:
            return []
        found = await self.known.by_nids([each.event_nid for each in told if each.sender not in span.ignored])
        entries = [
            found[each.event_nid]
            for each in told
            if each.event_nid in found and duration_ms_of(found[each.event_nid].event.pdu) is not None
        ]
        copies = await self.client_events.in_timeline(row.room_nid, entries)
        rendering = Rendering(span)
        return [
            rendering.render(entry, copy, joined_at(row, entry)) for entry, copy in zip(entries, copies, strict=True)
        ]
