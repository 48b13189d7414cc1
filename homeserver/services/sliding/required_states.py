"""
The state of a room that a client wants, or what of it changed.

Spec: proposals/4186
"""

from collections.abc import Iterable, Mapping

from attrs import define, frozen

from homeserver.core.canonical import JSON
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import STATE, Position
from homeserver.core.sliding.room_configs import MEMBER, RequiredState
from homeserver.services.client_events import ClientEvents
from homeserver.services.known_events import KnownEvents
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import SyncSpan
from homeserver.services.sync.timelines import RoomTimeline
from homeserver.services.visible_history import joined_at
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

Found = dict[StateKey, EventID | None]
"""None: there was an entry, and is none any more."""


@frozen(eq=False)
class Wanted:
    """
    What is wanted of a room.  *former*: by what it was sent before; None: never.

    *since*: from where on changes are told; None: everything is new to the client.
    """

    required: RequiredState
    former: RequiredState | None
    since: Position | None
    may_have_changed: bool


@define(eq=False)
class RequiredStates:
    """Finds states and their changes, and renders them."""

    database: Database
    known: KnownEvents
    client_events: ClientEvents
    sent: SentMembers

    async def changes(self, span: SyncSpan, timeline: RoomTimeline, wanted: Wanted) -> Found:
        """What changed of the room's state, wanted or not; of a room that is new, nothing."""
        row = timeline.room.row
        if wanted.since is None or not wanted.may_have_changed:
            return {}
        if not (
            timeline.limited or timeline.state_hidden or timeline.has_state or span.changes.touches(STATE, row.room_id)
        ):
            return {}
        changes = await self.database.read(windows.changes, row.room_nid, wanted.since, timeline.room.upto)
        return {change.key: change.event_id for change in changes}

    async def of(
        self, span: SyncSpan, timeline: RoomTimeline, wanted: Wanted, changes: Mapping[StateKey, EventID | None]
    ) -> Found:
        """The entries that the client is to have."""
        required, found = wanted.required, Found()
        lazy = _named(timeline) if required.lazy else set()
        if wanted.since is None:
            found.update(await self._whole(timeline, required, lazy))
        else:
            every_member = required.lazy and not timeline.limited
            for key, event_id in changes.items():
                if required.matches(key) or (every_member and key[0] == MEMBER):
                    found[key] = event_id
            if wanted.former is not None and wanted.former != required:
                more = await self._whole(timeline, required, set())
                found.update((key, each) for key, each in more.items() if not wanted.former.matches(key))
            if lazy:
                found.update(await self._members(span, timeline, lazy, found))
        if required.lazy:
            members = {UserID(key) for kind, key in found if kind == MEMBER}
            self.sent.remember(span, timeline.room.row.room_nid, members)
        return found

    async def render(self, rendering: Rendering, found: Found, row: Membership | None = None) -> list[JSON]:
        """The entries as the reader gets them; *row*: tells at which of them the reader was in the room."""
        there = {key: event_id for key, event_id in found.items() if event_id is not None}
        events = await self.known.by_ids(there.values())
        wanted = [events[event_id] for event_id in there.values()]
        copies = await self.client_events.in_state(wanted)
        rendered: list[JSON] = [
            rendering.render(event, copy, joined_at(row, event)) for event, copy in zip(wanted, copies, strict=True)
        ]
        gone: list[JSON] = [
            {"type": kind, "state_key": key} for (kind, key), event_id in found.items() if event_id is None
        ]
        return [*rendered, *gone]

    async def _whole(
        self, timeline: RoomTimeline, required: RequiredState, members: Iterable[UserID]
    ) -> Mapping[StateKey, EventID]:
        """All that *required* wants, and these members."""
        room_nid, upto = timeline.room.row.room_nid, timeline.room.upto
        extra = {(MEMBER, user_id) for user_id in members}
        if required.is_exact:
            keys = {key for key in required.keys if required.matches(key)} | extra
            entries = await self.database.read(windows.entry_ids, room_nid, keys, upto)
            return {key: event_id for key, event_id in entries.items() if event_id is not None}
        named = None
        if not required.has_all_members:
            named = required.named_members | set(members)
        found = await self.database.read(windows.state_ids, room_nid, upto, members=named)
        return {key: event_id for key, event_id in found.items() if key in extra or required.matches(key)}

    async def _members(
        self, span: SyncSpan, timeline: RoomTimeline, members: Iterable[UserID], found: Found
    ) -> dict[StateKey, EventID]:
        """The memberships of those whom the client has not been told of."""
        room_nid = timeline.room.row.room_nid
        unknown = self.sent.unknown(span, room_nid, members)
        keys = {(MEMBER, user_id) for user_id in unknown} - found.keys()
        if not keys:
            return {}
        entries = await self.database.read(windows.entry_ids, room_nid, keys, timeline.room.upto)
        return {key: event_id for key, event_id in entries.items() if event_id is not None}


def _named(timeline: RoomTimeline) -> set[UserID]:
    """Who sent the events that are shown, and whose memberships these change."""
    named = {event.event.sender for event, _ in timeline.shown}
    for event, _ in timeline.shown:
        if event.event.type == MEMBER and event.event.state_key is not None:
            named.add(UserID(event.event.state_key))
    return named
