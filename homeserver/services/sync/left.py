"""
The rooms that the user has left, was put out of or banned from: once when it happens, and all of them on request.

Spec: client-server-api#leaving-rooms
"""

from collections.abc import Iterator
from typing import ClassVar, Final

from attrs import define, frozen

from homeserver.core.log import Position
from homeserver.services.recent_events import RecentEvents, Window
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.services.sync.settings import SyncSettings
from homeserver.services.sync.states import States
from homeserver.services.sync.timelines import RoomSpan, Timelines
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

LEFT: Final = frozenset({"leave", "ban"})


@frozen
class _Leaving:
    """*was_in*: not only invited, knocking or banned before."""

    room: RoomSpan
    was_in: bool


@define(eq=False)
class LeftRooms:
    """Rooms as they were when the user left them."""

    tells_of: ClassVar[LogKinds] = frozenset()

    database: Database
    recent: RecentEvents
    timelines: Timelines
    states: States
    settings: SyncSettings = SyncSettings()

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """The rooms left within the span are in *body*; on a first sync those that the filter wants."""
        rows = list(_rows(span))
        if not rows:
            return
        before: dict[int, str | None] = {}
        if span.since is not None:
            nids = [row.room_nid for row in rows]
            before = await self.database.read(windows.memberships_as_of, span.user_id, nids, span.since.position)
        limit = span.filter.room.timeline.limit_within(self.settings.timeline_default, self.settings.timeline_max)
        leavings = [await self._leaving(span, row, before.get(row.room_nid)) for row in rows]
        found = await self.recent.latest_of([leaving.room.stretch(limit) for leaving in leavings])
        rendering = Rendering(span)
        for leaving, window in zip(leavings, found, strict=True):
            await self._write_room(span, rendering, body, leaving, window, limit)

    async def _leaving(self, span: SyncSpan, row: Membership, before: str | None) -> _Leaving:
        """Up to the moment of leaving; from the last sync on, unless the user came into the room after it."""
        upto = Position(min(row.position, span.upto.position))
        since = None if span.since is None else span.since.position
        was_in = before == "join" or await was_joined(self.database, row, upto)
        return _Leaving(RoomSpan(row, None if was_in and before != "join" else since, upto), was_in)

    async def _write_room(
        self, span: SyncSpan, rendering: Rendering, body: SyncBody, leaving: _Leaving, window: Window, limit: int
    ) -> None:
        room = leaving.room
        timeline = await self.timelines.choose(span, room, window, limit)
        if leaving.was_in:
            state_ids = await self.states.of(span, timeline, room.since is None, ())
        else:
            state_ids = await self.states.own_membership(span, timeline)
        body.has_news = True
        body.leave[room.row.room_id] = {
            "timeline": await self.timelines.render(rendering, timeline),
            body.state_name: {"events": await self.states.render(span, rendering, state_ids)},
            "account_data": {"events": []},
        }


async def was_joined(database: Database, row: Membership, upto: Position) -> bool:
    """Whether the user of *row*, who is out of the room, was joined until then: declining an invite is no leaving."""
    history = await database.read(windows.history_of_key, row.room_nid, ("m.room.member", row.user_id), upto)
    return len(history) > 1 and history[-2][1] == "join"


def _rows(span: SyncSpan) -> Iterator[Membership]:
    if span.since is None and not span.filter.room.include_leave:
        return
    if span.since is not None and span.rooms.changed_at <= span.since.position:
        return
    for room_id, row in span.rooms.rows.items():
        is_left = row.membership in LEFT and not row.forgotten and row.position > span.after
        if is_left and span.filter.room.admits_room(room_id):
            yield row
