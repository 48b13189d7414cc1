"""
The state of a room before and after its events.

Mostly that is the room's current state as of a place in the log; where the DAG forked, and in history fetched later, an
event has a stored state of its own.
"""

from collections.abc import Collection, Mapping

from attrs import define

from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.core.versions import RoomVersion
from homeserver.services.known_events import KnownEvents
from homeserver.services.resolution import Resolution
from homeserver.store import states_at
from homeserver.store.database import Database

RoomState = Mapping[StateKey, EventID]


@define(eq=False)
class RoomStates:
    """States at events that are committed."""

    database: Database
    known: KnownEvents
    resolution: Resolution

    async def before(self, room_nid: int, entry: TimelineEvent) -> dict[StateKey, EventID] | None:
        """The state before the event; None when it is not known, as for an outlier."""
        return await self.database.read(states_at.ids_before, room_nid, entry.nid, entry.ordering)

    async def as_of(self, room_nid: int, position: int) -> dict[StateKey, EventID]:
        """The room's current state after *position*."""
        return await self.database.read(states_at.ids_as_of, room_nid, position)

    async def after(self, room_nid: int, entry: TimelineEvent) -> dict[StateKey, EventID] | None:
        """The state after the event: with it, if it is a state event that was not rejected."""
        return _with_itself(await self.before(room_nid, entry), entry)

    async def whole_after(self, room_nid: int, entry: TimelineEvent) -> dict[StateKey, EventID] | None:
        """The same, read in a thread: nobody waits for the state of a large room."""
        found = await self.database.scan(states_at.ids_before, room_nid, entry.nid, entry.ordering)
        return _with_itself(found, entry)

    async def after_all(
        self, room_nid: int, room_id: RoomID, version: RoomVersion, event_ids: Collection[EventID]
    ) -> Mapping[StateKey, EventID] | None:
        """What the states after these events resolve to; None when one of them is not known."""
        entries = await self.known.by_ids(event_ids)
        states = [await self.after(room_nid, entry) for entry in entries.values()]
        known = [state for state in states if state is not None]
        if len(known) < len(event_ids):
            return None
        return await self.resolution.resolve(room_id, version, known)


def _with_itself(state: dict[StateKey, EventID] | None, entry: TimelineEvent) -> dict[StateKey, EventID] | None:
    if state is not None and entry.event.is_state and entry.status is not Status.REJECTED:
        state[entry.event.key] = entry.event_id
    return state
