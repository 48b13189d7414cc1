"""
The state that goes with a timeline: what a client must know beside the events that it is shown.

Clients apply the timeline's state events on top of it, or with ``state_after`` do not.

Spec: client-server-api#syncing, proposals/4222
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import STATE
from homeserver.core.timeline import TimelineEvent
from homeserver.services.client_events import ClientEvents
from homeserver.services.known_events import KnownEvents
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.pacing import Pace, batched
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import SyncSpan
from homeserver.services.sync.timelines import RoomTimeline
from homeserver.services.visible_history import joined_at
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.windows import MEMBER, StateChange

EVENTS_AT_ONCE: Final = 100
"""Of a long state; of those that nobody has in memory, a few milliseconds."""

State: TypeAlias = Mapping[StateKey, EventID]


@define(eq=False)
class States:
    """Finds states and their differences, and renders them."""

    database: Database
    known: KnownEvents
    client_events: ClientEvents
    sent: SentMembers

    async def wholes(
        self, span: SyncSpan, wanted: Iterable[tuple[RoomTimeline, Collection[UserID]]]
    ) -> Mapping[int, State]:
        """
        The whole states that go with several timelines, by the room's nid, as ``of`` needs them; in one read.

        Each timeline comes with its heroes.  A room that ``of`` had better read by itself is left out.
        """
        members = {
            timeline.room.row.room_nid: _members_shown(span, timeline, heroes)
            for timeline, heroes in wanted
            if timeline.room.upto == span.upto.position and (span.state_after or not timeline.has_state)
        }
        if len(members) < 2:
            return {}
        return await self.database.read(windows.states_of_rooms, members, span.upto.position)

    async def of(
        self,
        span: SyncSpan,
        timeline: RoomTimeline,
        whole: bool,
        heroes: Collection[UserID],
        *,
        state: State | None = None,
        is_large: bool = False,
    ) -> list[EventID]:
        """
        The events of the state that goes with *timeline*: all of it (*whole*), or what changed.

        *heroes*: members to be told of in any case, with lazy loading.  *state*: what ``wholes`` found.  *is_large*:
        the room has so many members that nobody should wait while they are read.
        """
        lazy = span.filter.room.state.lazy_load_members
        senders = _senders(timeline) if lazy else set()
        if whole:
            found = dict(state) if state is not None else await self._whole(span, timeline, heroes, is_large=is_large)
        else:
            found = await self._changed(span, timeline) if _needs_changes(span, timeline) else {}
            if lazy:
                found |= await self._members(span, timeline, senders | set(heroes), found)
        if lazy:
            self._remember(span, timeline, found)
        return list(found.values())

    async def own_membership(self, span: SyncSpan, timeline: RoomTimeline) -> list[EventID]:
        """
        All there is for a user of a room that they were not in: what they are to it, if the timeline does not tell.

        With ``state_after``, in any case.
        """
        own = (MEMBER, str(span.user_id))
        if not span.state_after and own in _shown_keys(timeline):
            return []
        room = timeline.room
        entry = await self.database.read(windows.entry_id, room.row.room_nid, own, room.upto)
        return [] if entry is None else [entry]

    async def render(
        self,
        span: SyncSpan,
        rendering: Rendering,
        event_ids: Sequence[EventID],
        pace: Pace | None = None,
        row: Membership | None = None,
    ) -> list[JSON]:
        """
        The state as the reader gets it; of a long one, others go first now and then if *pace* is given.

        *row*: tells at which of the events the reader was in the room, if that is to be told.
        """
        if not event_ids:
            return []
        if pace is not None and len(event_ids) > EVENTS_AT_ONCE:
            rendered: list[JSON] = []
            for some in batched(event_ids, EVENTS_AT_ONCE):
                rendered += await self.render(span, rendering, some, row=row)
                await pace.turn()
            return rendered
        events = await self.known.by_ids(event_ids)
        admits = span.filter.room.state
        wanted: list[TimelineEvent] = [
            events[event_id] for event_id in event_ids if admits.admits(events[event_id].event)
        ]
        copies = await self.client_events.in_state(wanted)
        return [
            rendering.render(event, copy, joined_at(row, event)) for event, copy in zip(wanted, copies, strict=True)
        ]

    async def _whole(
        self, span: SyncSpan, timeline: RoomTimeline, heroes: Collection[UserID], *, is_large: bool
    ) -> dict[StateKey, EventID]:
        room, members = timeline.room, _members_shown(span, timeline, heroes)
        # What the timeline shows the client applies itself, on top of what was before.
        shown = set() if span.state_after else _shown_keys(timeline)
        read = self.database.scan if is_large and members is None else self.database.read
        return await read(windows.state_around, room.row.room_nid, timeline.before, room.upto, shown, members=members)

    async def _changed(self, span: SyncSpan, timeline: RoomTimeline) -> dict[StateKey, EventID]:
        room = timeline.room
        assert room.since is not None, "what changed is what changed since then"
        changes = await self.database.read(windows.changes, room.row.room_nid, room.since, room.upto)
        return _latest(changes, timeline, {} if span.state_after else dict.fromkeys(_shown_keys(timeline)))

    def introduces(self, span: SyncSpan, timeline: RoomTimeline) -> bool:
        """Whether, with lazy loading, the device must be told of members whose messages the timeline shows."""
        return bool(self.sent.unknown(span, timeline.room.row.room_nid, _senders(timeline)))

    async def _members(
        self, span: SyncSpan, timeline: RoomTimeline, wanted: Iterable[UserID], found: Mapping[StateKey, EventID]
    ) -> dict[StateKey, EventID]:
        """The memberships of those that the device has not been told of."""
        room_nid = timeline.room.row.room_nid
        unknown = self.sent.unknown(span, room_nid, wanted)
        keys = {(MEMBER, user_id) for user_id in unknown} - found.keys()
        if not keys:
            return {}
        at = timeline.room.upto if span.state_after else timeline.before
        entries = await self.database.read(windows.entry_ids, room_nid, keys, at)
        return {key: event_id for key, event_id in entries.items() if event_id is not None}

    def _remember(self, span: SyncSpan, timeline: RoomTimeline, found: Iterable[StateKey]) -> None:
        members = {UserID(key) for kind, key in found if kind == MEMBER}
        members |= {UserID(key) for kind, key in _shown_keys(timeline) if kind == MEMBER}
        self.sent.remember(span, timeline.room.row.room_nid, members)


def _needs_changes(span: SyncSpan, timeline: RoomTimeline) -> bool:
    """Whether the state may have changed in a way that the shown events do not tell."""
    return (
        timeline.limited
        or timeline.state_hidden
        or (span.state_after and timeline.has_state)
        or span.changes.touches(STATE, timeline.room.row.room_id)
    )


def _latest(
    changes: Iterable[StateChange], timeline: RoomTimeline, shown: Mapping[StateKey, None]
) -> dict[StateKey, EventID]:
    """What each key is at the end, but for keys that the timeline shows changing: what those are before it."""
    latest: dict[StateKey, EventID] = {}
    for change in changes:
        if change.key in shown and change.position > timeline.before:
            continue
        if change.event_id is None:
            # NOTSPEC: that an entry is gone has no form in a sync.
            latest.pop(change.key, None)
        else:
            latest[change.key] = change.event_id
    return latest


def _shown_keys(timeline: RoomTimeline) -> set[StateKey]:
    return {event.event.key for event, _ in timeline.shown if event.event.is_state}


def _members_shown(span: SyncSpan, timeline: RoomTimeline, heroes: Collection[UserID]) -> Collection[UserID] | None:
    """Of whom a whole state tells; None: of all."""
    if not span.filter.room.state.lazy_load_members:
        return None
    return {*_senders(timeline), *heroes, span.user_id}


def _senders(timeline: RoomTimeline) -> set[UserID]:
    return {event.event.sender for event, _ in timeline.shown}
