"""
Reading a room's state and its members.

Spec: client-server-api#getting-events-for-a-room
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import StateKey
from homeserver.core.filters import EVERYTHING, EventFilter
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.timeline import ORDERING_SHIFT, Ordering, TimelineEvent, position_of
from homeserver.services.callers import Caller
from homeserver.services.known_events import KnownEvents
from homeserver.services.refusals import NotFound
from homeserver.services.room_states import RoomStates
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.shown_events import ShownEvents
from homeserver.services.sync.pacing import Pace, batched
from homeserver.store import state, windows
from homeserver.store.database import Database
from homeserver.store.windows import MEMBER

POPULATED_MAX: Final = 1_000
"""Events of a longer list do not tell what the reader was to the room: nobody should wait for that."""
READ_AT_ONCE: Final = 20
"""Events; after a few times that many, others go on."""

_SHOWN_OF_MEMBERS: Final = {"displayname": "display_name", "avatar_url": "avatar_url"}


@frozen
class MemberFilter:
    """Which members are wanted: those of this membership, or not of that one; both None: all."""

    membership: str | None = None
    not_membership: str | None = None

    def admits(self, membership: str) -> bool:
        """Whether such a member is wanted.  Spec: client-server-api#get_matrixclientv3roomsroomidmembers"""
        if self.membership is None and self.not_membership is None:
            return True
        if self.membership is not None and membership == self.membership:
            return True
        return self.not_membership is not None and membership != self.not_membership


@define(eq=False)
class RoomReading:
    """States for readers: the current one for members, and for who was one that of when they left."""

    database: Database
    known: KnownEvents
    views: RoomViews
    states: RoomStates
    shown: ShownEvents

    async def state(self, caller: Caller, room_id: RoomID) -> list[JSON]:
        """The whole state.  Raises NotInRoom."""
        view = await self.views.open(caller, room_id)
        ids = await self.database.scan(windows.state_ids, view.room_nid, view.upto)
        return await self._shown(view, ids.values())

    async def entry(self, caller: Caller, room_id: RoomID, key: StateKey) -> TimelineEvent:
        """One entry of the state.  Raises NotInRoom, NotFound."""
        return await self._entry(await self.views.open(caller, room_id), key)

    async def shown_entry(self, caller: Caller, room_id: RoomID, key: StateKey) -> JSON:
        """The same as clients see events, with what it replaced.  Raises NotInRoom, NotFound."""
        view = await self.views.open(caller, room_id)
        entry = await self._entry(view, key)
        memberships = await self.views.history.memberships_at(view.row, view.user_id, view.room_nid, [entry])
        if entry.nid not in memberships:
            return (await self.shown.state(view, [entry]))[0]
        return (await self.shown.timeline(view, [(entry, memberships[entry.nid])]))[0]

    async def members(self, caller: Caller, room_id: RoomID, at: Ordering | None, wanted: MemberFilter) -> list[JSON]:
        """The member events, as they were at a place of the timeline; None: now.  Raises NotInRoom."""
        view = await self.views.open(caller, room_id)
        upto = view.upto if at is None else Position(min(view.upto, at >> ORDERING_SHIFT))
        found = await self.database.scan(state.members_as_of, view.room_nid, upto)
        pace = Pace(self.shown.clock)
        shown: list[JSON] = []
        nids = [nid for membership, nid in found.values() if wanted.admits(membership)]
        for some in batched(nids, READ_AT_ONCE):
            await pace.step()
            events = await self.known.by_nids(some)
            here = [events[nid] for nid in some if nid in events]
            shown += await self._rendered(view, here, is_long=len(nids) > POPULATED_MAX)
        return shown

    async def joined_members(self, caller: Caller, room_id: RoomID) -> JSONObject:
        """``{user id: what they show of themselves}`` of all who are in the room.  Raises NotInRoom."""
        view = await self.views.joined(caller, room_id)
        found = await self.database.scan(state.members_as_of, view.room_nid, view.upto)
        pace = Pace(self.shown.clock)
        profiles: JSONObject = {}
        members = [(user_id, nid) for user_id, (membership, nid) in found.items() if membership == "join"]
        for some in batched(members, READ_AT_ONCE):
            await pace.step()
            events = await self.known.by_nids([nid for _, nid in some])
            profiles.update((user_id, _profile(events[nid].event.content)) for user_id, nid in some if nid in events)
        return profiles

    async def state_at(
        self, view: RoomView, event: TimelineEvent, wanted: EventFilter, members: Collection[UserID] | None
    ) -> list[JSON]:
        """The state after *event*; *members*: of the members those alone, None: all."""
        found = await self._state_after(view, event)
        ids = [
            event_id for (kind, key), event_id in found.items() if members is None or kind != MEMBER or key in members
        ]
        return await self._shown(view, ids, wanted)

    async def members_at(self, view: RoomView, event: TimelineEvent, members: Collection[UserID]) -> list[JSON]:
        """The member events of some, as they were after *event*."""
        return await self._shown(view, await self._members_after(view, event, members))

    async def profiles_at(self, view: RoomView, event: TimelineEvent, members: Collection[UserID]) -> JSONObject:
        """``{user id: name and avatar}`` of members, as they were after *event*."""
        events = await self.known.by_ids(await self._members_after(view, event, members))
        return {
            entry.event.state_key: _named(entry.event.content)
            for entry in events.values()
            if entry.event.state_key is not None
        }

    async def _members_after(self, view: RoomView, event: TimelineEvent, members: Collection[UserID]) -> list[EventID]:
        keys = [(MEMBER, user_id) for user_id in sorted(members)]
        at = Position(min(view.upto, position_of(_place(event))))
        found = await self.database.read(windows.entry_ids, view.room_nid, keys, at)
        if any(event_id is None for event_id in found.values()) and position_of(_place(event)) != event.nid:
            # Of history that was fetched later only its own state tells who was there.
            then = await self._state_after(view, event)
            found = {key: then.get(key) or event_id for key, event_id in found.items()}
        return [event_id for event_id in found.values() if event_id is not None]

    async def _entry(self, view: RoomView, key: StateKey) -> TimelineEvent:
        event_id = await self.database.read(windows.entry_id, view.room_nid, key, view.upto)
        event = None if event_id is None else await self.known.by_id(event_id)
        if event is None:
            raise NotFound("The room has no such state.")
        return event

    async def _state_after(self, view: RoomView, event: TimelineEvent) -> Mapping[StateKey, EventID]:
        return await self.states.whole_after(view.room_nid, event) or {}

    async def _shown(
        self, view: RoomView, event_ids: Iterable[EventID], wanted: EventFilter = EVERYTHING
    ) -> list[JSON]:
        """A large state is read and rendered a little at a time."""
        pace = Pace(self.shown.clock)
        shown: list[JSON] = []
        every = list(event_ids)
        for some in batched(every, READ_AT_ONCE):
            await pace.step()
            events = await self.known.by_ids(some)
            # What is missing was deleted with its room meanwhile.
            here = [events[event_id] for event_id in some if event_id in events]
            here = [entry for entry in here if wanted.admits(entry.event)]
            shown += await self._rendered(view, here, is_long=len(every) > POPULATED_MAX)
        return shown

    async def _rendered(self, view: RoomView, events: Sequence[TimelineEvent], *, is_long: bool = False) -> list[JSON]:
        """With the reader's membership at each, but for those of a long list."""
        if is_long:
            return await self.shown.state(view, events)
        memberships = await self.views.history.memberships_at(view.row, view.user_id, view.room_nid, events)
        return await self.shown.state(view, events, memberships)


def _named(content: Mapping[str, JSON]) -> JSONObject:
    return {name: value for name in _SHOWN_OF_MEMBERS if isinstance(value := content.get(name), str)}


def _place(event: TimelineEvent) -> Ordering:
    assert event.ordering is not None, "an event of a timeline has a place"
    return event.ordering


def _profile(content: Mapping[str, JSON]) -> JSONObject:
    return {name: value for member, name in _SHOWN_OF_MEMBERS.items() if isinstance(value := content.get(member), str)}
