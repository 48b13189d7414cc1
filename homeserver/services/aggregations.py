"""
Bundled aggregations: what an event tells of those that relate to it.

Spec: client-server-api#aggregations-of-child-events
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.edits import newest_edit
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.relations import REFERENCE, REPLACE, THREAD
from homeserver.core.timeline import TimelineEvent
from homeserver.services.client_events import ClientEvents
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.relation_kinds import Kinds, RelationKinds
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.store import relations, threads
from homeserver.store.database import Database
from homeserver.store.relations import Child
from homeserver.store.threads import ThreadSummary

REFERENCES_MAX: Final = 1_000
"""Of one event; the newest are told."""
EDITS_MAX: Final = 100
"""Of one event, by its sender; those that came last are looked at."""
REPLIES_MAX: Final = 1_000
"""Of longer threads a reader who does not see all of it is told the whole count, and the last they see of so many."""


@frozen(eq=False)
class _Thread:
    """*latest*: what of it the reader sees last."""

    count: int
    latest: TimelineEvent
    participated: bool


@frozen(eq=False)
class _Found:
    """What relates to the events of a page, by the event that it relates to."""

    edits: Mapping[EventID, TimelineEvent]
    references: Mapping[EventID, Sequence[EventID]]
    threads: Mapping[EventID, _Thread]
    memberships: Mapping[int, str]
    """What the reader was at each of the events that are shown, by its nid."""


NOTHING: Final[Mapping[EventID, JSONObject]] = {}


@define(eq=False)
class Aggregations:
    """Gathers what relates to events, as one reader may see it."""

    database: Database
    known: KnownEvents
    views: RoomViews
    client_events: ClientEvents
    ignored: IgnoredUsers
    kinds: RelationKinds
    threads: ThreadSummaries

    async def of(
        self, view: RoomView, events: Iterable[TimelineEvent], now_ms: int, kinds: Kinds | None = None
    ) -> Mapping[EventID, JSONObject]:
        """
        ``m.relations`` of those of *events* that have any; state events have none.

        *kinds*: of the room, as ``kinds_across`` answered for the events.
        """
        # NOTSPEC: nothing, unless the spec changes its mind about state events.
        parents = {event.event_id: event for event in events if not event.event.is_state}
        if not parents:
            return NOTHING
        if kinds is None:
            kinds = await self.kinds.of(view.room_id, view.room_nid, parents)
        if not kinds:
            return NOTHING
        ignored = await self.ignored.of(view.user_id)
        memberships: dict[int, str] = {}
        answered = await self._threads(view, ignored, parents, kinds.get(THREAD, ()), memberships)
        # The last event of a thread tells what relates to it; it is in the thread, and so is no root itself.
        latest = {thread.latest.event_id: thread.latest for thread in answered.values()}
        if latest:
            for kind, more in (await self.kinds.of(view.room_id, view.room_nid, latest)).items():
                kinds[kind] = kinds.get(kind, set()) | more
        everything = {**latest, **parents}
        found = _Found(
            await self._edits(view, ignored, everything, kinds.get(REPLACE, ()), memberships),
            await self._references(view, ignored, kinds.get(REFERENCE, ())),
            answered,
            memberships,
        )
        bundles = {event_id: await self._bundle(event_id, found, now_ms) for event_id in parents}
        return {event_id: bundle for event_id, bundle in bundles.items() if bundle}

    async def kinds_across(self, rooms: Mapping[int, Iterable[TimelineEvent]]) -> Mapping[int, Kinds]:
        """What kinds of events relate to those of several rooms, by the room's nid; in one read."""
        messages = {nid: [each for each in events if not each.event.is_state] for nid, events in rooms.items()}
        return await self.kinds.across(messages)

    async def newest_edits(self, view: RoomView, events: Iterable[TimelineEvent]) -> Mapping[EventID, TimelineEvent]:
        """{event ID: what replaces it for the reader} of those of *events* that are replaced."""
        originals = {event.event_id: event for event in events if not event.event.is_state}
        if not originals:
            return {}
        edited = (await self.kinds.of(view.room_id, view.room_nid, originals)).get(REPLACE, ())
        return await self._edits(view, await self.ignored.of(view.user_id), originals, edited, {})

    async def _bundle(self, event_id: EventID, found: _Found, now_ms: int) -> JSONObject:
        bundle: JSONObject = {}
        edit = found.edits.get(event_id)
        if edit is not None:
            bundle[REPLACE] = await self._rendered(edit, {}, now_ms, found.memberships)
        references = found.references.get(event_id)
        if references:
            bundle[REFERENCE] = {"chunk": [{"event_id": child} for child in references]}
        thread = found.threads.get(event_id)
        if thread is not None:
            beside = _Found(found.edits, found.references, {}, found.memberships)
            own = await self._bundle(thread.latest.event_id, beside, now_ms)
            bundle[THREAD] = {
                "latest_event": await self._rendered(thread.latest, own, now_ms, found.memberships),
                "count": thread.count,
                "current_user_participated": thread.participated,
            }
        return bundle

    async def _rendered(
        self, event: TimelineEvent, bundle: JSONObject, now_ms: int, memberships: Mapping[int, str]
    ) -> JSON:
        (copy,) = await self.client_events.in_state([event])
        whole = copy.with_relations(bundle) if bundle else copy
        return whole.render(now_ms, memberships.get(event.nid))  # type: ignore[return-value]

    async def _edits(
        self,
        view: RoomView,
        ignored: Collection[UserID],
        originals: Mapping[EventID, TimelineEvent],
        edited: Iterable[EventID],
        memberships: dict[int, str],
    ) -> dict[EventID, TimelineEvent]:
        # What was redacted is gone, with all that replaced it.
        authors = {
            event_id: originals[event_id].event.sender
            for event_id in edited
            if originals[event_id].redacted_by is None and originals[event_id].event.sender not in ignored
        }
        if not authors:
            return {}
        found = await self.database.read(relations.edits, view.room_nid, authors, view.newest, EDITS_MAX)
        children = [child for some in found.values() for child in some]
        shown = await self._shown(view, ignored, children, memberships)
        edits: dict[EventID, TimelineEvent] = {}
        for event_id, some in found.items():
            own = [edit for child in some if (edit := shown[child.event_nid]) is not None]
            newest = newest_edit(originals[event_id].event, [edit.event for edit in own])
            if newest is not None:
                edits[event_id] = next(edit for edit in own if edit.event is newest)
        return edits

    async def _references(
        self, view: RoomView, ignored: Collection[UserID], referred: Iterable[EventID]
    ) -> dict[EventID, list[EventID]]:
        references: dict[EventID, list[EventID]] = {}
        for parent in referred:
            children = await self.database.read(
                relations.children, view.room_nid, parent, rel_type=REFERENCE, limit=REFERENCES_MAX
            )
            shown = await self._shown(view, ignored, children, {})
            # Newest first from the store; told in the order in which they came.
            references[parent] = [event.event_id for event in reversed(shown.values()) if event is not None]
        return references

    async def _threads(
        self,
        view: RoomView,
        ignored: Collection[UserID],
        parents: Mapping[EventID, TimelineEvent],
        roots: Collection[EventID],
        memberships: dict[int, str],
    ) -> dict[EventID, _Thread]:
        if not roots:
            return {}
        summaries = await self.threads.of(view.room_id, view.room_nid, roots)
        answered = await self.database.read(threads.answered_by, roots, view.user_id)
        found: dict[EventID, _Thread] = {}
        for root, summary in summaries.items():
            counted = await self._counted(view, ignored, summary, memberships)
            if counted is not None:
                participated = parents[root].event.sender == view.user_id or root in answered
                found[root] = _Thread(counted[0], counted[1], participated)
        return found

    async def _counted(
        self, view: RoomView, ignored: Collection[UserID], summary: ThreadSummary, memberships: dict[int, str]
    ) -> tuple[int, TimelineEvent] | None:
        """How many events of the thread count for the reader, and the last of them; None: none does."""
        if not ignored:
            # It may have been purged meanwhile.
            latest = (await self.known.by_nids((summary.latest_nid,))).values()
            for event, membership in await self.views.seen(view, [*latest]):
                memberships[event.nid] = membership
                return summary.count, event
        children = await self.database.read(
            relations.children, view.room_nid, summary.root, rel_type=THREAD, limit=REPLIES_MAX
        )
        found = await self._shown(view, ignored, children, memberships)
        shown = [event for event in found.values() if event is not None]
        if not shown:
            return None
        # Newest first from the store.
        return len(shown) if summary.count <= REPLIES_MAX else summary.count, shown[0]

    async def _shown(
        self, view: RoomView, ignored: Collection[UserID], children: Sequence[Child], memberships: dict[int, str]
    ) -> dict[int, TimelineEvent | None]:
        """
        {event nid: the event}, in the order of *children*; None where the reader may not, or will not, see it.

        *memberships* tells what the reader was at each.
        """
        nids = [child.event_nid for child in children if child.sender not in ignored]
        found = await self.known.by_nids(nids)
        placed = sorted(found.values(), key=lambda event: event.ordering or 0)
        visible = {event.nid: (event, membership) for event, membership in await self.views.seen(view, placed)}
        memberships.update((nid, membership) for nid, (_, membership) in visible.items())
        return {
            child.event_nid: visible[child.event_nid][0] if child.event_nid in visible else None for child in children
        }
