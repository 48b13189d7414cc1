"""
Reading a room's timeline: pages of it, what surrounds an event, single events.

Spec: client-server-api#getting-events-for-a-room
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.filters import EVERYTHING, EventFilter
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.sync_tokens import PaginationToken
from homeserver.core.timeline import Ordering, TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.ports import RemoteHistory
from homeserver.services.refusals import NotFound, NotInRoom
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.shown_events import ShownEvents
from homeserver.services.visible_history import Seen
from homeserver.store import backward_extremities, events, pages, relations
from homeserver.store.database import Database

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 1_000
SCANNED_AT_ONCE: Final = 200
"""Events looked at in one step for a filter that may hide most of them."""
STEPS_MAX: Final = 5
"""How many steps one request goes; then the client is told to go on from there."""
BACKFILLS_MAX: Final = 2
"""How often other servers are asked during one request."""
BACKFILL_MIN: Final = 50
"""Events that other servers are asked for at least, since who pages goes on."""
CANDIDATES_MAX: Final = 100
"""Events near a point in time that are looked at for one that the reader may see."""
CLOSEST_BACKFILLS_MAX: Final = 10
"""How often other servers are asked for history on the way to a point in time."""
BEGINNING: Final = Ordering(-(2**62))
END: Final = Ordering(2**62)


@frozen
class PageRequest:
    """Which part of a timeline is asked for.  Without *from_*, it begins at the end or the beginning."""

    backward: bool
    from_: PaginationToken | None = None
    to: PaginationToken | None = None
    limit: int = LIMIT_DEFAULT
    filter: EventFilter = EVERYTHING


@frozen(eq=False)
class Surroundings:
    """What came before an event, the nearest first, and after it; and the tokens from which to page on either way."""

    start: PaginationToken
    end: PaginationToken
    before: Sequence[Seen]
    after: Sequence[Seen]


@define(eq=False)
class _Walk:
    """A walk through a timeline, from *place*: the ordering that the last token named."""

    view: RoomView
    request: PageRequest
    ignored: frozenset[UserID]
    place: Ordering
    stop: Ordering
    """Nothing past this one is looked at: going back, it and what is older; going forward, what is newer."""
    limit: int
    found: list[Seen] = field(factory=list)
    ended: bool = False
    hides: bool = False
    """Not all that is there is shown."""
    backfills_left: int = BACKFILLS_MAX

    @property
    def missing(self) -> int:
        return self.limit - len(self.found)

    def span(self) -> tuple[Ordering, Ordering]:
        """What is ahead: orderings in ``(after, upto]``."""
        return (self.stop, self.place) if self.request.backward else (self.place, self.stop)

    def pass_by(self, event: TimelineEvent) -> None:
        """The walk is past *event*."""
        assert event.ordering is not None, "an event of a timeline has a place"
        self.place = Ordering(event.ordering - 1) if self.request.backward else event.ordering


@define(eq=False)
class Messages:
    """Timelines for readers."""

    database: Database
    known: KnownEvents
    views: RoomViews
    reading: RoomReading
    shown: ShownEvents
    ignored: IgnoredUsers
    remote: RemoteHistory

    async def page(self, caller: Caller, room_id: RoomID, request: PageRequest) -> JSONObject:
        """A page of the timeline, and where to go on.  Raises NotInRoom."""
        view = await self.views.open(caller, room_id)
        start = request.from_ or PaginationToken(view.newest if request.backward else BEGINNING)
        walk = await self._walk(view, request, start.ordering, request.to, _limit(request.limit, request.filter))
        answer: JSONObject = {"start": str(start), "chunk": await self.shown.timeline(view, walk.found)}
        if not walk.ended:
            answer["end"] = str(PaginationToken(walk.place))
        if request.filter.lazy_load_members:
            answer["state"] = await self._members(view, walk.found)
        return answer

    async def context(
        self, caller: Caller, room_id: RoomID, event_id: EventID, limit: int, wanted: EventFilter
    ) -> JSONObject:
        """An event among what came just before and after it.  Raises NotFound, NotInRoom."""
        view = await self.views.open(caller, room_id)
        seen = await self._visible(view, event_id)
        limit = _limit(limit, wanted)
        around = await self.around(view, seen[0], limit // 2, limit - limit // 2, wanted)
        last = around.after[-1][0] if around.after else seen[0]
        senders = {entry.event.sender for entry, _ in [*around.before, seen, *around.after]}
        members = senders if wanted.lazy_load_members else None
        return {
            "start": str(around.start),
            "end": str(around.end),
            "events_before": await self.shown.timeline(view, around.before),
            "event": (await self.shown.timeline(view, [seen]))[0],
            "events_after": await self.shown.timeline(view, around.after),
            "state": await self.reading.state_at(view, last, wanted, members),
        }

    async def around(
        self,
        view: RoomView,
        event: TimelineEvent,
        before: int,
        after: int,
        wanted: EventFilter = EVERYTHING,
        *,
        backfills: int = BACKFILLS_MAX,
    ) -> Surroundings:
        """What surrounds an event of the room: so many before, and so many after it."""
        place = _place(event)
        older = PageRequest(backward=True, filter=wanted)
        newer = PageRequest(backward=False, filter=wanted)
        back = await self._walk(view, older, Ordering(place - 1), None, before, backfills)
        forth = await self._walk(view, newer, place, None, after, backfills)
        return Surroundings(PaginationToken(back.place), PaginationToken(forth.place), back.found, forth.found)

    async def around_each(
        self, view: RoomView, events: Sequence[TimelineEvent], before: int, after: int
    ) -> dict[EventID, Surroundings]:
        """As ``around`` of several events of the room, mostly in one read; no other server is asked for anything."""
        places = [_place(event) for event in events]
        read = await self.database.read(pages.around, view.room_nid, places, before, after, view.newest)
        ids = {event_id for near in read for event_id in (*near.before, *near.after)}
        placed = sorted((await self.known.by_ids(ids)).values(), key=_place)
        ignored = await self.ignored.of(view.user_id)
        seen = {
            pair[0].event_id: pair
            for pair in await self.views.seen(view, placed)
            if pair[0].event.is_state or pair[0].event.sender not in ignored
        }
        found: dict[EventID, Surroundings] = {}
        for event, near in zip(events, read, strict=True):
            if all(event_id in seen for event_id in (*near.before, *near.after)):
                older = [seen[event_id] for event_id in near.before]
                newer = [seen[event_id] for event_id in near.after]
                start = _place(older[-1][0] if older else event) - 1
                end = _place(newer[-1][0] if newer else event)
                tokens = PaginationToken(Ordering(start)), PaginationToken(end)
                found[event.event_id] = Surroundings(*tokens, older, newer)
            else:
                # What is not shown is made up for by what is farther away.
                found[event.event_id] = await self.around(view, event, before, after, backfills=0)
        return found

    async def event(self, caller: Caller, room_id: RoomID, event_id: EventID) -> JSON:
        """One event.  Raises NotFound, also where the caller may not see it."""
        try:
            view = await self.views.open(caller, room_id)
        except NotInRoom as refusal:
            raise NotFound("There is no such event, or you may not see it.") from refusal
        return (await self.shown.timeline(view, [await self._visible(view, event_id)]))[0]

    async def closest(self, caller: Caller, room_id: RoomID, ts: int, *, forward: bool) -> TimelineEvent:
        """
        The event that the caller may see closest to *ts* (milliseconds), at or after it, or at or before it.

        Raises NotInRoom, NotFound.
        """
        view = await self.views.open(caller, room_id)
        found = await self._near(view, ts, forward=forward)
        if await self._has_gaps(view):
            told = await self.remote.closest_ts(room_id, ts, forward=forward)
            fetches = CLOSEST_BACKFILLS_MAX
            while told is not None and fetches and not _is_as_near(found, told, ts):
                fetches -= 1
                if not await self.remote.backfill(room_id, END, BACKFILL_MIN):
                    break
                found = await self._near(view, ts, forward=forward)
        if found is None:
            raise NotFound(f"There is no event {'after' if forward else 'before'} that point in time.")
        return found

    async def _has_gaps(self, view: RoomView) -> bool:
        """Whether others may know events that are not here."""
        if not view.is_joined:
            return False
        return bool(await self.database.read(backward_extremities.of_room, view.room_nid))

    async def _near(self, view: RoomView, ts: int, *, forward: bool) -> TimelineEvent | None:
        """Of what is here, the event that the reader may see closest to *ts*."""
        rows = await self.database.read(events.near_in_time, view.room_nid, ts, forward=forward, limit=CANDIDATES_MAX)
        near = [entry for entry in await self.known.revive(rows) if _place(entry) <= view.newest]
        visible = {entry.event_id for entry, _ in await self.views.seen(view, sorted(near, key=_place))}
        for entry in near:
            if entry.event_id in visible:
                return entry
        return None

    async def visible(self, view: RoomView, event_id: EventID) -> TimelineEvent:
        """An event of the room that the reader may see.  Raises NotFound."""
        return (await self._visible(view, event_id))[0]

    async def _visible(self, view: RoomView, event_id: EventID) -> Seen:
        event = await self.known.by_id(event_id)
        if event is not None and event.event.room_id == view.room_id and event.ordering is not None:
            seen = await self.views.seen(view, [event]) if event.ordering <= view.newest else []
            if seen:
                return seen[0]
        raise NotFound("There is no such event, or you may not see it.")

    async def _walk(
        self,
        view: RoomView,
        request: PageRequest,
        place: Ordering,
        to: PaginationToken | None,
        limit: int,
        backfills: int = BACKFILLS_MAX,
    ) -> _Walk:
        ignored = await self.ignored.of(view.user_id)
        if request.backward:
            stop = BEGINNING if to is None else to.ordering
            place = min(place, view.newest)
        else:
            stop = view.newest if to is None else min(to.ordering, view.newest)
        hides = not request.filter.unlimited or request.filter.asks_relations
        walk = _Walk(view, request, ignored, place, stop, limit, hides=hides, backfills_left=backfills)
        steps = STEPS_MAX
        while walk.missing > 0 and not walk.ended and steps:
            steps -= 1
            await self._step(walk)
        return walk

    async def _step(self, walk: _Walk) -> None:
        """The walk is further on, by as many events as it may need."""
        view, request = walk.view, walk.request
        count = max(walk.missing, SCANNED_AT_ONCE) if walk.hides else walk.missing
        after, upto = walk.span()
        # One more than wanted says whether there is more.
        page = await self.database.read(pages.page, view.room_nid, after, upto, count + 1, backward=request.backward)
        ids = page.event_ids
        found = await self.known.by_ids(ids[:count])
        scanned = [found[event_id] for event_id in ids[:count]]
        may_backfill = request.backward and walk.backfills_left and page.may_have_gaps
        if may_backfill and await self._backfilled(walk, scanned, len(ids) <= count):
            # What came stands between what was just read.
            walk.backfills_left -= 1
            return
        wanted = await self._wanted(walk, await self.views.seen(view, scanned))
        if len(wanted) > walk.missing:
            wanted = wanted[: walk.missing]
            walk.found += wanted
            walk.pass_by(wanted[-1][0])
            return
        walk.found += wanted
        walk.hides = walk.hides or len(wanted) < len(scanned)
        if scanned:
            walk.pass_by(scanned[-1])
        walk.ended = len(ids) <= count

    async def _backfilled(self, walk: _Walk, scanned: Sequence[TimelineEvent], at_end: bool) -> bool:
        """Whether events came from other servers that belong where the walk is."""
        if not walk.view.is_joined:
            return False
        missed = await self.database.read(backward_extremities.of_room, walk.view.room_nid)
        # What is missed stands just before the event that follows it.
        oldest = BEGINNING if at_end else _place(scanned[-1])
        ahead = [each.before for each in missed if oldest <= each.before <= walk.place + 1]
        count = max(walk.missing, BACKFILL_MIN)
        return bool(ahead) and await self.remote.backfill(walk.view.room_id, max(ahead), count)

    async def _wanted(self, walk: _Walk, seen: list[Seen]) -> list[Seen]:
        admits, ignored = walk.request.filter, walk.ignored
        if ignored:
            seen = [pair for pair in seen if pair[0].event.is_state or pair[0].event.sender not in ignored]
        if not admits.unlimited:
            seen = [pair for pair in seen if admits.admits(pair[0].event)]
        if admits.asks_relations and seen:
            ids = [entry.event_id for entry, _ in seen]
            related = await self.database.read(relations.related_to, walk.view.room_nid, ids)
            seen = [pair for pair in seen if admits.admits_related(related.get(pair[0].event_id, ()))]
        return seen

    async def _members(self, view: RoomView, found: Sequence[Seen]) -> list[JSON]:
        """The members whose events are shown, as they were at the first of them."""
        if not found:
            return []
        senders = {entry.event.sender for entry, _ in found}
        return await self.reading.members_at(view, found[0][0], senders)


def _limit(asked: int, wanted: EventFilter) -> int:
    """How many events to give: the request and its filter may both say."""
    return min(wanted.limit_within(asked, asked), LIMIT_MAX)


def _is_as_near(found: TimelineEvent | None, told: int, ts: int) -> bool:
    return found is not None and abs(found.event.origin_server_ts - ts) <= abs(told - ts)


def _place(event: TimelineEvent) -> Ordering:
    assert event.ordering is not None, "an event of a timeline has a place"
    return event.ordering
