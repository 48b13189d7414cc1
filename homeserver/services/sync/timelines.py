"""The part of a room's timeline that goes into an answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.client_events import ClientEvent
from homeserver.core.identifiers import RoomID
from homeserver.core.log import Position
from homeserver.core.sync_tokens import PaginationToken
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at, position_of
from homeserver.services.aggregations import Aggregations
from homeserver.services.client_events import ClientEvents
from homeserver.services.recent_events import BEGINNING, RecentEvents, Stretch, Window
from homeserver.services.relation_kinds import Kinds
from homeserver.services.room_views import RoomView
from homeserver.services.sync.forks import Forks
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import SyncSpan
from homeserver.services.visible_history import Seen, VisibleHistory
from homeserver.store.memberships import Membership

PAGES_MAX: Final = 5
"""How far back is looked, in pages, for events that the filter lets through."""
PAGE: Final = 100
PLAIN_MAX: Final = 2_000
"""Rooms of which is in memory what most readers are told alike."""


@frozen
class RoomSpan:
    """One room of an answer: from *since* (None: all of it is new to the client) to *upto*."""

    row: Membership
    since: Position | None
    upto: Position

    def stretch(self, limit: int) -> Stretch:
        """The timeline that may be shown of it."""
        after = BEGINNING if self.since is None else ordering_at(self.since)
        return Stretch(self.row.room_nid, self.row.room_id, after, ordering_at(self.upto), limit)


@frozen(eq=False)
class RoomTimeline:
    """
    What is shown of a room, oldest first.

    *limited*: not everything of the span is shown.  *state_hidden*: of what comes after the first event that is shown,
    state events are not.
    """

    room: RoomSpan
    shown: Sequence[Seen]
    limited: bool
    state_hidden: bool
    has_state: bool
    """State events are shown, or hidden after the first event that is shown."""

    @property
    def before(self) -> Position:
        """The position just before the first event that is shown; without any, the end."""
        return self.room.upto if not self.shown else Position(position_of(_place(self.shown[0][0])) - 1)

    @property
    def previous(self) -> PaginationToken:
        """From where to page back."""
        if self.shown:
            return PaginationToken(Ordering(_place(self.shown[0][0]) - 1))
        return PaginationToken(ordering_at(self.room.upto))


@frozen(eq=False)
class _Plain:
    """
    A window of messages as all see it whom the filter hides nothing, and who were in the room before it began.

    *first*: the place of its first event.
    """

    window: Window
    first: Ordering
    shown: Sequence[Seen]
    copies: Sequence[ClientEvent]
    previous: str


@define(eq=False)
class Timelines:
    """Chooses events for one reader, and renders them; what most readers of a room are told alike is found once."""

    recent: RecentEvents
    visible: VisibleHistory
    forks: Forks
    client_events: ClientEvents
    aggregations: Aggregations
    _plain: dict[int, _Plain] = field(init=False, factory=dict)
    """Of rooms, the last that were looked at, by nid."""

    def at_hand(self, span: SyncSpan, room: RoomSpan, window: Window) -> RoomTimeline | None:
        """What ``choose`` would choose, if it is in memory because others were told the same messages; else None."""
        plain, row = self._plain.get(room.row.room_nid), room.row
        if plain is None or plain.window is not window or not _is_plain(span, row, plain.first):
            return None
        return RoomTimeline(room, plain.shown, limited=False, state_hidden=False, has_state=False)

    def render_at_hand(self, rendering: Rendering, timeline: RoomTimeline) -> JSONObject:
        """A timeline that was at hand, as the reader gets it."""
        plain = self._plain[timeline.room.row.room_nid]
        return {
            "events": [
                rendering.render(event, copy, membership)
                for (event, membership), copy in zip(plain.shown, plain.copies, strict=True)
            ],
            "limited": False,
            "prev_batch": plain.previous,
        }

    def forget_messages(self, room_id: RoomID, room_nid: int) -> None:
        """No message of the room is in memory."""
        self._plain.pop(room_nid, None)

    async def choose(self, span: SyncSpan, room: RoomSpan, window: Window, limit: int) -> RoomTimeline:
        """
        What is shown of *window*, the last *limit* events of *room*.

        Where the filter hides much, of what is before the window too.
        """
        seen = await self._seen(room.row, window.events)
        wanted = self._wanted(span, seen)
        scanned, limited = len(window.events), window.limited
        hidden = len(wanted) < len(window.events)
        pages = 0
        while limited and hidden and len(wanted) < limit and len(seen) == scanned and pages < PAGES_MAX:
            # What the filter hides is made up for by older events; what may not be seen is not.
            pages += 1
            stretch = room.stretch(PAGE)
            first = _place(window.events[0])
            older = await self.recent.latest(
                Stretch(stretch.room_nid, stretch.room_id, stretch.after, Ordering(first - 1), PAGE)
            )
            window = Window([*older.events, *window.events], older.limited)
            more = await self._seen(room.row, older.events)
            seen = [*more, *seen]
            scanned, limited = len(window.events), window.limited
            wanted = [*self._wanted(span, more), *wanted]
        if len(wanted) > limit:
            wanted, limited = wanted[-limit:] if limit else [], True
        timeline = _timeline(room, window.events, wanted, limited or len(seen) < scanned)
        is_whole = not timeline.limited and timeline.shown and not timeline.has_state
        if is_whole and _is_plain(span, room.row, _place(window.events[0])):
            await self._keep(window, timeline)
        return timeline

    async def _keep(self, window: Window, timeline: RoomTimeline) -> None:
        """Others are going to be told the same, if each event has the state before it that the room had."""
        if len(timeline.shown) < len(window.events) or await self.forks.among(window.events):
            return
        nid = timeline.room.row.room_nid
        copies = await self.client_events.in_timeline(nid, window.events)
        first, previous = _place(window.events[0]), str(timeline.previous)
        self._plain.pop(nid, None)
        self._plain[nid] = _Plain(window, first, timeline.shown, copies, previous)
        if len(self._plain) > PLAIN_MAX:
            del self._plain[next(iter(self._plain))]

    async def kinds(self, timelines: Iterable[RoomTimeline]) -> Mapping[int, Kinds]:
        """What ``render`` must know of the timelines, by the room's nid: of several it is read at once."""
        limited = {t.room.row.room_nid: [event for event, _ in t.shown] for t in timelines if t.limited and t.shown}
        return await self.aggregations.kinds_across(limited) if len(limited) > 1 else {}

    async def render(self, rendering: Rendering, timeline: RoomTimeline, kinds: Kinds | None = None) -> JSONObject:
        """The timeline as the reader gets it; *kinds*: what was found before of its events."""
        events = [event for event, _ in timeline.shown]
        copies: Sequence[ClientEvent] = await self.client_events.in_timeline(timeline.room.row.room_nid, events)
        if timeline.limited:
            # Otherwise the client has all that relates to an event from its own timeline.
            # Spec: client-server-api#aggregations-of-child-events
            bundles = await self.aggregations.of(
                _view(rendering.span, timeline.room), events, rendering.span.now_ms, kinds
            )
            copies = [
                copy.with_relations(bundles[copy.event_id]) if copy.event_id in bundles else copy for copy in copies
            ]
        return {
            "events": [
                rendering.render(event, copy, membership)
                for (event, membership), copy in zip(timeline.shown, copies, strict=True)
            ],
            "limited": timeline.limited,
            "prev_batch": str(timeline.previous),
        }

    async def _seen(self, row: Membership, events: Sequence[TimelineEvent]) -> list[Seen]:
        """Those of *events*, oldest first, that the user may see."""
        if row.membership != "join":
            return await self.visible.of(row, events)
        if self.visible.horizon is not None:
            events = await self.visible.within_horizon(row.room_nid, events)
        # What came after the user joined, or last changed their profile, they see for certain, if it was sent after.
        joined_at, forked = ordering_at(row.position), await self.forks.among(events)
        doubtful = [event for event in events if _place(event) <= joined_at or event.nid in forked]
        if not doubtful:
            return [(event, "join") for event in events]
        seen = await self.visible.seen_by(row.user_id, row.room_nid, doubtful)
        pairs = {pair[0].nid: pair for pair in seen}
        hidden = {event.nid for event in doubtful} - pairs.keys()
        return [pairs.get(event.nid, (event, "join")) for event in events if event.nid not in hidden]

    @staticmethod
    def _wanted(span: SyncSpan, seen: Sequence[Seen]) -> Sequence[Seen]:
        admits, ignored = span.filter.room.timeline, span.ignored
        if admits.unlimited and not ignored:
            return seen
        return [
            pair
            for pair in seen
            if admits.admits(pair[0].event) and (pair[0].event.is_state or pair[0].event.sender not in ignored)
        ]


def _is_plain(span: SyncSpan, row: Membership, first: Ordering) -> bool:
    """Whether the user was in the room before its event at *first*, and hides nothing."""
    return (
        row.membership == "join"
        and ordering_at(row.position) < first
        and not span.ignored
        and span.filter.room.timeline.unlimited
    )


def _view(span: SyncSpan, room: RoomSpan) -> RoomView:
    row = room.row
    return RoomView(row.room_nid, row.room_id, span.user_id, span.device_id, row, room.upto)


def _timeline(room: RoomSpan, scanned: Sequence[TimelineEvent], shown: Sequence[Seen], limited: bool) -> RoomTimeline:
    first = _place(shown[0][0]) if shown else None
    state = [e for e in scanned if e.event.is_state and (first is None or _place(e) >= first)]
    shown_ids = {event.event_id for event, _ in shown} if state else set()
    hidden = any(event.event_id not in shown_ids for event in state)
    return RoomTimeline(room, shown, limited, hidden, bool(state))


def _place(event: TimelineEvent) -> Ordering:
    assert event.ordering is not None, "an event of a timeline has a place"
    return event.ordering
