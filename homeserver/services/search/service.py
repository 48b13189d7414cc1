"""
Finds events by their words, for whoever may see them.

The index says what matches in the rooms that the user has been in; each match is then held against what the user may
see, as anywhere else.  A message that was edited is found by the text that its reader is shown: by that of the newest
edit they may see, and by its own only as long as there is none.

Spec: client-server-api#server-side-search
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.filters import EVERYTHING, EventFilter
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.search_tokens import GroupKey, SearchToken
from homeserver.core.search_words import Sought, closeness, surfaces, words_sought
from homeserver.core.searchable import EVERY_KEY, SearchKey, SearchText, search_text
from homeserver.core.timeline import TimelineEvent
from homeserver.services.aggregations import Aggregations
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.erased_users import VeiledEvent
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.memberships import Memberships
from homeserver.services.messages import Messages, Surroundings
from homeserver.services.refusals import Forbidden, NotInRoom
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.search.indexing import SearchIndexing
from homeserver.services.search.results import DEPTH_MAX, Part, Result, groups_of
from homeserver.services.shown_events import ShownEvents
from homeserver.services.sync.pacing import Pace, batched
from homeserver.services.visible_history import Seen
from homeserver.store import relations, windows
from homeserver.store.database import Database
from homeserver.store.search_hits import Hit, Hits, SearchQuery, hits, unencrypted

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 100
CONTEXT_MAX: Final = 50
"""Events before, and after, each result."""
LOOKED_AT_ONCE: Final = 25
WINDOW: Final = 500
"""Matches that one request looks at, for results that the user may see."""
_KEY_OF_TYPE: Final = {
    "m.room.message": SearchKey.BODY,
    "m.room.name": SearchKey.NAME,
    "m.room.topic": SearchKey.TOPIC,
}


@frozen
class ContextRequest:
    """How much of what surrounds each result is asked for."""

    before: int = 5
    after: int = 5
    profiles: bool = False


@frozen
class SearchRequest:
    """What is looked for, and what is asked of the results."""

    term: str
    keys: SearchKey = EVERY_KEY
    wanted: EventFilter = EVERYTHING
    by_rank: bool = True
    context: ContextRequest | None = None
    include_state: bool = False
    group_by: tuple[GroupKey, ...] = ()
    token: SearchToken | None = None


@define(eq=False)
class _Looking:
    """One request under way."""

    caller: Caller
    request: SearchRequest
    rooms: Mapping[int, RoomID]
    ignored: frozenset[UserID]
    views: dict[RoomID, RoomView | None] = field(factory=dict)
    """None: the user may not look into the room at all."""


NOTHING: Final = Part(Hits((), 0), (), 0)


@define(eq=False)
class Search:
    """Search for users."""

    clock: Clock
    database: Database
    indexing: SearchIndexing
    known: KnownEvents
    memberships: Memberships
    views: RoomViews
    messages: Messages
    reading: RoomReading
    shown: ShownEvents
    aggregations: Aggregations
    ignored: IgnoredUsers

    async def search(self, caller: Caller, request: SearchRequest) -> JSONObject:
        """A part of the results, as ``room_events`` of the answer.  Raises Forbidden."""
        if not self.indexing.settings.enabled:
            raise Forbidden("Search is switched off on this server.")
        sought = words_sought(request.term)
        token = request.token
        part = NOTHING
        if sought:
            newest = await self.indexing.catch_up()
            if token is None:
                token = SearchToken(newest, 0)
            part = await self._part(caller, request, sought, token)
        answer: JSONObject = {
            # What the reader may not see does not count: that there is something would tell what was said.
            "count": part.hits.total - part.hidden,
            "highlights": list[JSON](surfaces(request.term, [result.text for result in part.found])) if sought else [],
            "results": await self._shown(request, sought, part.found),
        }
        if request.include_state:
            rooms = dict.fromkeys(result.view.room_id for result in part.found)
            answer["state"] = {room_id: await self.reading.state(caller, room_id) for room_id in rooms}
        if request.group_by:
            answer["groups"] = {key: groups_of(part, token, key) for key in request.group_by}
        if token is not None and not part.is_last:
            answer["next_batch"] = str(evolve(token, offset=part.upto))
        return answer

    async def _part(self, caller: Caller, request: SearchRequest, sought: Sequence[Sought], token: SearchToken) -> Part:
        ignored = await self.ignored.of(caller.user_id)
        looking = _Looking(caller, request, await self._rooms(caller, request.wanted, token), ignored)
        rooms = await self.database.read(unencrypted, looking.rooms)
        query = _query(request, sought, token, rooms)
        limit = max(1, request.wanted.limit_within(LIMIT_DEFAULT, LIMIT_MAX))
        part = Part(Hits((), 0), (), token.offset)
        # Mostly all that match may be seen; who asks for groups wants to know how many there are of each.
        for window in (WINDOW,) if request.group_by else (min(2 * limit, WINDOW), WINDOW):
            depth = min(token.offset + window, DEPTH_MAX)
            found = await self.database.scan(hits, evolve(query, limit=depth))
            part = await self._more(looking, evolve(part, hits=found), limit)
            if len(part.found) == limit or part.upto < depth:
                break
        return part

    async def _more(self, looking: _Looking, part: Part, limit: int) -> Part:
        """*part* with what else of its matches is shown, up to *limit* results."""
        results, upto, hidden, pace = list(part.found), part.upto, part.hidden, Pace(self.clock)
        for some in batched(part.rest, LOOKED_AT_ONCE):
            await pace.step()
            visible = await self._visible(looking, some)
            for hit in some:
                if len(results) == limit:
                    return Part(part.hits, results, upto, hidden)
                upto += 1
                if hit.nid in visible:
                    results.append(visible[hit.nid])
                else:
                    hidden += 1
        return Part(part.hits, results, upto, hidden)

    async def _rooms(self, caller: Caller, wanted: EventFilter, token: SearchToken) -> Mapping[int, RoomID]:
        """{nid: room ID} of the rooms that the user has been in, as far as they are wanted."""
        only = token.group[1] if token.group is not None and token.group[0] == "room_id" else None
        rows = [
            row
            for room_id, row in (await self.memberships.of(caller.user_id)).rows.items()
            if not row.forgotten and wanted.admits_room(room_id) and only in {None, room_id}
        ]
        doubtful = [row.room_nid for row in rows if row.membership != "join"]
        been_in = await self.database.read(windows.once_joined, caller.user_id, doubtful) if doubtful else set()
        return {row.room_nid: row.room_id for row in rows if row.membership == "join" or row.room_nid in been_in}

    async def _visible(self, looking: _Looking, some: Sequence[Hit]) -> dict[int, Result]:
        """{nid: result} of those matches that are shown."""
        entries = await self.known.by_nids([hit.nid for hit in some])
        by_room: dict[int, list[tuple[Hit, TimelineEvent]]] = {}
        for hit in some:
            # It may have been deleted with its room meanwhile.
            if hit.nid in entries:
                by_room.setdefault(hit.room_nid, []).append((hit, entries[hit.nid]))
        found: dict[int, Result] = {}
        for room_nid, matches in by_room.items():
            view = await self._view(looking, looking.rooms[room_nid])
            if view is not None:
                found.update((result.hit.nid, result) for result in await self._visible_in(looking, view, matches))
        return found

    async def _visible_in(
        self, looking: _Looking, view: RoomView, matches: Sequence[tuple[Hit, TimelineEvent]]
    ) -> Iterable[Result]:
        texts = {hit.nid: _text_of(entry) for hit, entry in matches}
        replaced = [text.replaces for text in texts.values() if text is not None and text.replaces is not None]
        originals = await self.known.by_ids(replaced)
        seen = await self._seen(view, [*(entry for _, entry in matches), *originals.values()])
        edits = await self.aggregations.newest_edits(view, [event for event, _ in seen.values()])
        results: list[Result] = []
        for hit, entry in matches:
            text = texts[hit.nid]
            if text is None or entry.event_id not in seen:
                continue
            target = text.replaces or entry.event_id
            # Of all its texts, only that one counts which its reader is shown.
            by_edit = edits[target].event_id if target in edits else target
            if target in seen and by_edit == entry.event_id:
                results.append(Result(hit, view, seen[target], text.text))
        admitted = await self._admitted(looking, view, [result.event for result in results])
        return [result for result in results if result.event.event_id in admitted]

    async def _seen(self, view: RoomView, entries: Iterable[TimelineEvent]) -> dict[EventID, Seen]:
        """Those that the user may see, and that still say something."""
        here = {
            entry.event_id: entry
            for entry in entries
            if entry.event.room_id == view.room_id
            and entry.ordering is not None
            and entry.ordering <= view.newest
            and entry.redacted_by is None
        }
        placed = sorted(here.values(), key=lambda entry: entry.ordering or 0)
        seen = await self.views.seen(view, placed)
        return {pair[0].event_id: pair for pair in seen if not isinstance(pair[0], VeiledEvent)}

    async def _admitted(self, looking: _Looking, view: RoomView, events: Sequence[TimelineEvent]) -> set[EventID]:
        """Those that the filter wants, and the user."""
        wanted = looking.request.wanted
        found = {
            entry.event_id
            for entry in events
            if wanted.admits(entry.event) and (entry.event.is_state or entry.event.sender not in looking.ignored)
        }
        if wanted.asks_relations and found:
            related = await self.database.read(relations.related_to, view.room_nid, found)
            found = {event_id for event_id in found if wanted.admits_related(related.get(event_id, ()))}
        return found

    async def _view(self, looking: _Looking, room_id: RoomID) -> RoomView | None:
        if room_id not in looking.views:
            try:
                looking.views[room_id] = await self.views.open(looking.caller, room_id)
            except NotInRoom:
                looking.views[room_id] = None
        return looking.views[room_id]

    async def _shown(self, request: SearchRequest, sought: Sequence[Sought], found: Sequence[Result]) -> list[JSON]:
        contexts = {} if request.context is None else await self._contexts(request.context, found)
        copies = await self._copies(found, contexts)
        shown: list[JSON] = []
        for result in found:
            rank = closeness(sought, result.text) if result.hit.rank is None else result.hit.rank
            one: JSONObject = {"rank": rank, "result": copies[result.event.event_id]}
            if request.context is not None:
                one["context"] = await self._context(request.context, result, contexts[result.event.event_id], copies)
            shown.append(one)
        return shown

    async def _contexts(self, wanted: ContextRequest, found: Sequence[Result]) -> dict[EventID, Surroundings]:
        """{ID of the shown event: what surrounds it}; each room's are read together."""
        before, after = min(wanted.before, CONTEXT_MAX), min(wanted.after, CONTEXT_MAX)
        by_room: dict[RoomID, list[Result]] = {}
        for result in found:
            by_room.setdefault(result.view.room_id, []).append(result)
        contexts: dict[EventID, Surroundings] = {}
        pace = Pace(self.clock)
        for results in by_room.values():
            for some in batched(results, LOOKED_AT_ONCE):
                await pace.step()
                events = [result.event for result in some]
                contexts |= await self.messages.around_each(some[0].view, events, before, after)
        return contexts

    async def _copies(self, found: Sequence[Result], contexts: Mapping[EventID, Surroundings]) -> dict[EventID, JSON]:
        """{event ID: as its reader gets it} of all that is told of the results; each room's together."""
        by_room: dict[RoomID, tuple[RoomView, dict[EventID, Seen]]] = {}
        for result in found:
            _, seen = by_room.setdefault(result.view.room_id, (result.view, {}))
            around = contexts.get(result.event.event_id)
            for each in (result.seen, *(() if around is None else (*around.before, *around.after))):
                seen[each[0].event_id] = each
        copies: dict[EventID, JSON] = {}
        pace = Pace(self.clock)
        for view, seen in by_room.values():
            for some in batched(list(seen.values()), LOOKED_AT_ONCE):
                await pace.step()
                shown = await self.shown.timeline(view, some)
                copies.update((event.event_id, copy) for (event, _), copy in zip(some, shown, strict=True))
        return copies

    async def _context(
        self, wanted: ContextRequest, result: Result, around: Surroundings, copies: Mapping[EventID, JSON]
    ) -> JSONObject:
        context: JSONObject = {
            "start": str(around.start),
            "end": str(around.end),
            "events_before": [copies[entry.event_id] for entry, _ in around.before],
            "events_after": [copies[entry.event_id] for entry, _ in around.after],
        }
        if wanted.profiles:
            senders = {entry.event.sender for entry, _ in [*around.before, result.seen, *around.after]}
            context["profile_info"] = await self.reading.profiles_at(result.view, result.event, senders)
        return context


def _query(
    request: SearchRequest, sought: Sequence[Sought], token: SearchToken, room_nids: Collection[int]
) -> SearchQuery:
    keys = SearchKey(0)
    for kind, key in _KEY_OF_TYPE.items():
        if key in request.keys and request.wanted.admits_type(kind):
            keys |= key
    senders = request.wanted.senders
    if token.group is not None and token.group[0] == "sender":
        one = frozenset({UserID(token.group[1])})
        senders = one if senders is None else one & senders
    return SearchQuery(
        sought,
        tuple(room_nids),
        int(keys),
        token.newest,
        request.by_rank,
        DEPTH_MAX,
        senders,
    )


def _text_of(entry: TimelineEvent) -> SearchText | None:
    return search_text(entry.event.type, entry.event.is_state, entry.event.content)
