"""
Events by what they relate to, and the threads of a room.

Spec: client-server-api#relationships-api
"""

from collections.abc import Collection, Sequence
from typing import Final

from attrs import define, evolve, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.redaction import redact_event
from homeserver.core.sync_tokens import PaginationToken
from homeserver.core.timeline import Ordering
from homeserver.services.callers import Caller
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.messages import BEGINNING, Messages
from homeserver.services.refusals import NotFound, NotInRoom
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.shown_events import ShownEvents
from homeserver.services.visible_history import Seen
from homeserver.store import relations, threads
from homeserver.store.database import Database
from homeserver.store.relations import Child
from homeserver.store.threads import ThreadPlace

CHILDREN_DEFAULT: Final = 50
CHILDREN_MAX: Final = 1_000
RECURSION_DEPTH: Final = 3
"""Spec: client-server-api#get_matrixclientv1roomsroomidrelationseventid"""
DESCENDANTS_MAX: Final = 10_000
"""Of each step of a recursion."""
THREADS_DEFAULT: Final = 20
THREADS_MAX: Final = 100
STEPS_MAX: Final = 5


@frozen
class RelationRequest:
    """Which of the events that relate to *parent* are asked for."""

    parent: EventID
    rel_type: str | None = None
    event_type: str | None = None
    backward: bool = True
    from_: PaginationToken | None = None
    to: PaginationToken | None = None
    limit: int = CHILDREN_DEFAULT
    recurse: bool | None = None

    @property
    def between(self) -> tuple[Ordering, Ordering]:
        """The orderings ahead, both ends excluded."""
        first = None if self.from_ is None else self.from_.ordering
        last = None if self.to is None else self.to.ordering
        lower, upper = (last, first) if self.backward else (first, last)
        return (
            BEGINNING if lower is None else lower,
            Ordering(-BEGINNING) if upper is None else Ordering(upper + 1),
        )


@define(eq=False)
class Relating:
    """Follows relations for readers."""

    database: Database
    known: KnownEvents
    views: RoomViews
    messages: Messages
    shown: ShownEvents
    ignored: IgnoredUsers

    async def children(self, caller: Caller, room_id: RoomID, request: RelationRequest) -> JSONObject:
        """A page of the events that relate to one that the caller may see.  Raises NotFound."""
        try:
            view = await self.views.open(caller, room_id)
        except NotInRoom as refusal:
            raise NotFound("There is no such event, or you may not see it.") from refusal
        await self.messages.visible(view, request.parent)
        limit = min(request.limit, CHILDREN_MAX)
        found = await (self._descendants(view, request) if request.recurse else self._children(view, request, limit))
        page = found[:limit]
        ignored = await self.ignored.of(view.user_id)
        answer: JSONObject = {"chunk": await self.shown.timeline(view, await self._seen(view, ignored, page))}
        if len(found) > limit and page:
            last = page[-1].ordering
            answer["next_batch"] = str(PaginationToken(Ordering(last - 1) if request.backward else last))
        if request.from_ is not None:
            answer["prev_batch"] = str(request.from_)
        if request.recurse is not None:
            answer["recursion_depth"] = RECURSION_DEPTH if request.recurse else 1
        return answer

    async def threads(
        self, caller: Caller, room_id: RoomID, start: PaginationToken | None, limit: int, *, participated: bool
    ) -> JSONObject:
        """
        The roots of threads, that last replied to first; *participated*: of those the caller took part in.

        Raises NotInRoom.
        """
        view = await self.views.open(caller, room_id)
        limit = min(limit, THREADS_MAX)
        place: Ordering | None = view.newest if start is None else min(start.ordering, view.newest)
        roots: list[tuple[Seen, Ordering]] = []
        for _ in range(STEPS_MAX):
            # One more than wanted says whether there are more.
            missing = limit + 1 - len(roots)
            if place is None or missing == 0:
                break
            before = Ordering(place + 1)
            page = await self.database.scan(threads.page, view.room_nid, before, view.newest, missing)
            place = None if page.place is None else Ordering(page.place - 1)
            roots += await self._roots(view, page.threads, participated)
        if len(roots) > limit:
            roots = roots[:limit]
            place = Ordering(roots[-1][1] - 1)
        answer: JSONObject = {"chunk": await self._shown_roots(view, [seen for seen, _ in roots])}
        if place is not None:
            answer["next_batch"] = str(PaginationToken(place))
        return answer

    async def _children(self, view: RoomView, request: RelationRequest, limit: int) -> list[Child]:
        after, before = request.between
        return await self.database.read(
            relations.children,
            view.room_nid,
            request.parent,
            rel_type=request.rel_type,
            event_type=request.event_type,
            after=after,
            before=min(before, Ordering(view.newest + 1)),
            limit=limit + 1,
            backward=request.backward,
        )

    async def _descendants(self, view: RoomView, request: RelationRequest) -> list[Child]:
        """All that relate to the parent, over several steps, as far as they are ahead."""
        after, before = request.between
        before = min(before, Ordering(view.newest + 1))
        found = await self.database.scan(
            relations.descendants, view.room_nid, request.parent, RECURSION_DEPTH, DESCENDANTS_MAX
        )
        ahead = [
            child
            for child in found
            if after < child.ordering < before
            and request.rel_type in {None, child.rel_type}
            and request.event_type in {None, child.event_type}
        ]
        return ahead if request.backward else ahead[::-1]

    async def _seen(self, view: RoomView, ignored: Collection[UserID], children: Sequence[Child]) -> list[Seen]:
        wanted = [child.event_nid for child in children if child.sender not in ignored]
        events = await self.known.by_nids(wanted)
        return await self.views.seen(view, [events[nid] for nid in wanted if nid in events])

    async def _roots(
        self, view: RoomView, places: Sequence[ThreadPlace], participated: bool
    ) -> list[tuple[Seen, Ordering]]:
        """The roots that are wanted and may be seen, each with the place of its last reply."""
        events = await self.known.by_ids([place.root for place in places])
        here = [
            event for event in events.values() if event.event.room_id == view.room_id and event.ordering is not None
        ]
        if participated and here:
            answered = await self.database.read(threads.answered_by, [e.event_id for e in here], view.user_id)
            here = [event for event in here if event.event.sender == view.user_id or event.event_id in answered]
        seen = await self.views.seen(view, sorted(here, key=lambda event: event.ordering or 0))
        visible = {event.event_id: (event, membership) for event, membership in seen}
        return [(visible[place.root], place.latest) for place in places if place.root in visible]

    async def _shown_roots(self, view: RoomView, roots: Sequence[Seen]) -> list[JSON]:
        ignored = await self.ignored.of(view.user_id)
        shown = await self.shown.timeline(view, roots)
        for index, (event, membership) in enumerate(roots):
            if event.event.sender in ignored and event.redacted_by is None:
                redacted = evolve(event, event=redact_event(event.event))
                shown[index] = await self.shown.aside(view, (redacted, membership))
        return shown
