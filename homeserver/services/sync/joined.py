"""The rooms that the user is in: their timelines, states and summaries."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar, Final

from attrs import define, frozen

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import EVENT, STATE, Position
from homeserver.services.clock import Clock
from homeserver.services.recent_events import INLINE_MAX, RecentEvents, Window
from homeserver.services.relation_kinds import Kinds
from homeserver.services.summaries import Summaries, Summary
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.pacing import ROOMS_AT_ONCE, Pace, batched
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.services.sync.settings import SyncSettings
from homeserver.services.sync.states import States
from homeserver.services.sync.timelines import RoomSpan, RoomTimeline, Timelines
from homeserver.store import room_activity, windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.windows import MEMBER

LARGE: Final = 500
"""Members with whom a room is read by itself, and not in the reactor's thread."""


@frozen(eq=False)
class _Answer:
    """What the rooms are written into."""

    span: SyncSpan
    body: SyncBody
    rendering: Rendering
    pace: Pace


@frozen(eq=False)
class _Draft:
    """
    What is known of a room's part before its state.

    *is_whole*: the client is told all of the room.  *heroes*: with lazy loading, members to be told of in any case.
    """

    timeline: RoomTimeline
    is_whole: bool
    summary: Summary | None
    heroes: Collection[UserID]

    @property
    def is_large(self) -> bool:
        return self.summary is not None and self.summary.counts.known > LARGE


@define(eq=False)
class JoinedRooms:
    """
    Rooms of which something changed.

    A first sync gives all of them; so does a room that the client knows nothing of, as the user has just joined.
    """

    tells_of: ClassVar[LogKinds] = frozenset({EVENT, STATE})

    database: Database
    clock: Clock
    recent: RecentEvents
    timelines: Timelines
    states: States
    summaries: Summaries
    sent: SentMembers
    settings: SyncSettings = SyncSettings()

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """The rooms with news are in *body*."""
        self.sent.begin(span)
        rows = [row for row in _rows(span) if _is_wanted(span, row.room_id)]
        if span.since is not None and not span.full_state and span.changes.subjects is None:
            rows = await self._with_news(span, rows)
        if not rows:
            return
        rooms = await self._room_spans(span, rows)
        limit = span.filter.room.timeline.limit_within(self.settings.timeline_default, self.settings.timeline_max)
        answer = _Answer(span, body, Rendering(span), Pace(self.clock))
        if span.since is not None and not span.full_state:
            rooms = await self._write_what_is_at_hand(answer, rooms, limit)
        for some in batched(rooms, ROOMS_AT_ONCE):
            found = await self.recent.latest_of([room.stretch(limit) for room in some])
            drafts = [await self._draft(span, room, window, limit) for room, window in zip(some, found, strict=True)]
            kinds = await self.timelines.kinds([draft.timeline for draft in drafts])
            whole = [(draft.timeline, draft.heroes) for draft in drafts if draft.is_whole and not draft.is_large]
            states = await self.states.wholes(span, whole)
            for draft in drafts:
                nid = draft.timeline.room.row.room_nid
                state_ids = await self.states.of(
                    span,
                    draft.timeline,
                    draft.is_whole,
                    draft.heroes,
                    state=states.get(nid),
                    is_large=draft.is_large,
                )
                await self._write_room(answer, draft, state_ids, kinds.get(nid))
                await answer.pace.step()

    async def _write_what_is_at_hand(self, answer: _Answer, rooms: Sequence[RoomSpan], limit: int) -> list[RoomSpan]:
        """The others of *rooms*."""
        others: list[RoomSpan] = []
        for room in rooms:
            if not self._write_at_hand(answer, room, limit):
                others.append(room)
            elif answer.pace.advance():
                await answer.pace.turn()
        return others

    def _write_at_hand(self, answer: _Answer, room: RoomSpan, limit: int) -> bool:
        """Whether the room is written: where only messages are told of it, and these have been told to others."""
        span, room_id = answer.span, room.row.room_id
        window = None if room.since is None else self.recent.at_hand(room.stretch(limit))
        timeline = None if window is None else self.timelines.at_hand(span, room, window)
        if timeline is None or span.changes.touches(STATE, room_id):
            return False
        if span.filter.room.state.lazy_load_members and self.states.introduces(span, timeline):
            return False
        answer.body.tell(room_id, self.timelines.render_at_hand(answer.rendering, timeline), [])
        answer.body.timelines[room_id] = timeline.shown
        return True

    async def _with_news(self, span: SyncSpan, rows: list[Membership]) -> list[Membership]:
        """Nobody remembers what happened since: the rooms themselves know, all of them in one question."""
        read = self.database.read if len(rows) <= INLINE_MAX else self.database.scan
        newest = await read(room_activity.newest, [row.room_nid for row in rows])
        return [row for row in rows if max(newest.get(row.room_nid, 0), row.position) > span.after]

    async def _room_spans(self, span: SyncSpan, rows: list[Membership]) -> list[RoomSpan]:
        upto, since = span.upto.position, None if span.since is None else span.since.position
        if since is None:
            return [RoomSpan(row, None, upto) for row in rows]
        moved = [row for row in rows if row.position > since]
        before = {}
        if moved:
            before = await self.database.read(
                windows.memberships_as_of, span.user_id, [row.room_nid for row in moved], since
            )
        # Who was in the room already knows it, whatever happened since.
        return [
            RoomSpan(row, None if row.position > since and before[row.room_nid] != "join" else since, upto)
            for row in rows
        ]

    async def _draft(self, span: SyncSpan, room: RoomSpan, window: Window, limit: int) -> _Draft:
        timeline = await self.timelines.choose(span, room, window, limit)
        is_whole = room.since is None or span.full_state
        summary = await self._summary(span, timeline, is_whole)
        lazy = span.filter.room.state.lazy_load_members
        heroes = summary.heroes(span.user_id) if summary is not None and lazy else ()
        return _Draft(timeline, is_whole, summary, heroes)

    async def _write_room(
        self, answer: _Answer, draft: _Draft, state_ids: Sequence[EventID], kinds: Kinds | None
    ) -> None:
        span, body, timeline = answer.span, answer.body, draft.timeline
        state = await self.states.render(span, answer.rendering, state_ids, answer.pace, timeline.room.row)
        if not (draft.is_whole or timeline.shown or state):
            return
        room = timeline.room
        rendered = await self.timelines.render(answer.rendering, timeline, kinds)
        part = body.tell(room.row.room_id, rendered, state)
        body.timelines[room.row.room_id] = timeline.shown
        if draft.summary is not None:
            part["summary"] = draft.summary.to_json(span.user_id)
        if room.since is None:
            body.newly_joined.add(room.row.room_id)

    async def _summary(self, span: SyncSpan, timeline: RoomTimeline, whole: bool) -> Summary | None:
        room = timeline.room
        if whole or await self._members_changed(span, timeline):
            return await self.summaries.of(room.row.room_nid, room.row.room_id, room.upto)
        return None

    async def _members_changed(self, span: SyncSpan, timeline: RoomTimeline) -> bool:
        room = timeline.room
        if any(event.event.type == MEMBER for event, _ in timeline.shown):
            return True
        if not (timeline.limited or timeline.state_hidden or span.changes.touches(STATE, room.row.room_id)):
            return False
        after = room.since if room.since is not None else Position(0)
        changes = await self.database.read(windows.changes, room.row.room_nid, after, room.upto)
        return any(change.key[0] == MEMBER for change in changes)


def _rows(span: SyncSpan) -> Iterable[Membership]:
    """The rooms in which anything may have happened."""
    joined = span.rooms.joined
    events, states = span.changes.of_kind(EVENT), span.changes.of_kind(STATE)
    if span.since is None or span.full_state or events is None or states is None:
        return joined.values()
    return _touched(span, events | states if states else events)


def _touched(span: SyncSpan, room_ids: AbstractSet[str]) -> Iterator[Membership]:
    joined = span.rooms.joined
    for room_id in room_ids:
        row = joined.get(RoomID(room_id))
        if row is not None:
            yield row
    if span.rooms.changed_at > span.after:
        # A join may have come to pass without an event of its own, by resolution.
        for room_id, row in joined.items():
            if row.position > span.after and room_id not in room_ids:
                yield row


def _is_wanted(span: SyncSpan, room_id: RoomID) -> bool:
    return span.filter.room.admits_room(room_id)
