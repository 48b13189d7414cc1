"""
What other servers may read of the rooms that this server is in.

Spec: server-server-api#backfilling-and-retrieving-missing-events
"""

from collections.abc import Collection, Sequence
from heapq import heappop, heappush
from typing import Final

from attrs import frozen

from federation.services.access import Access
from federation.services.residence import Residence
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.core.redaction import redact_event
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.core.visibility import HISTORY_VISIBILITY, server_may_see, visibility_of
from homeserver.services.erased_users import ErasedUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.services.room_states import RoomStates
from homeserver.store import events, states_at
from homeserver.store.database import Database

BACKFILL_MAX: Final = 100
MISSING_MAX: Final = 50
NEAR_MAX: Final = 20
"""Events near a point in time that are looked at for one that may be seen."""
SETTING: Final = (HISTORY_VISIBILITY, "")


@frozen(eq=False)
class RoomQueries:
    """Answers servers that are in the room."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    states: RoomStates
    access: Access
    residence: Residence
    erased: ErasedUsers | None = None
    """Whose events servers get redacted that came after them; None: nobody's."""

    async def event(self, origin: ServerName, event_id: EventID) -> Event:
        """One event, as much of it as *origin* may see.  Raises NotFound."""
        entry = await self.known.by_id(event_id)
        if entry is None or entry.status is Status.REJECTED:
            raise NotFound("There is no such event.")
        room = await self._room(origin, entry.event.room_id)
        shown = await self._shown(origin, room, [entry])
        if not shown:
            raise NotFound("There is no such event.")
        return shown[0]

    async def state(self, origin: ServerName, room_id: RoomID, event_id: EventID) -> tuple[list[Event], list[Event]]:
        """The state before an event, and its auth chain.  Raises NotFound, Forbidden."""
        room = await self._room(origin, room_id)
        entry = await self.known.by_id(event_id)
        state = None
        if entry is not None and entry.event.room_id == room_id and entry.status is not Status.REJECTED:
            await self._require_present(origin, room, entry)
            state = await self.states.before(room.nid, entry)
        if state is None:
            raise NotFound("The state before this event is not known here.")
        events = [each.event for each in (await self.known.by_ids(state.values())).values()]
        return events, await self.residence.auth_chain(events)

    async def event_auth(self, origin: ServerName, room_id: RoomID, event_id: EventID) -> list[Event]:
        """The auth chain of an event.  Raises NotFound, Forbidden."""
        room = await self._room(origin, room_id)
        entry = await self.known.by_id(event_id)
        if entry is None or entry.event.room_id != room_id:
            raise NotFound("There is no such event in this room.")
        await self._require_present(origin, room, entry)
        return await self.residence.auth_chain([entry.event])

    async def backfill(
        self, origin: ServerName, room_id: RoomID, event_ids: Collection[EventID], limit: int
    ) -> list[Event]:
        """The events and what they follow, newest first, at most *limit*.  Raises NotFound, Forbidden."""
        room = await self._room(origin, room_id)
        found = await self._walk(room_id, event_ids, frozenset(), min(limit, BACKFILL_MAX))
        return await self._shown(origin, room, found)

    async def missing_events(
        self,
        origin: ServerName,
        room_id: RoomID,
        earliest: Collection[EventID],
        latest: Collection[EventID],
        limit: int,
        min_depth: int,
    ) -> list[Event]:
        """What lies between *earliest* and *latest*, without either, oldest first.  Raises NotFound, Forbidden."""
        room = await self._room(origin, room_id)
        ends = await self.known.by_ids(latest)
        starts = {event_id for entry in ends.values() for event_id in entry.event.prev_events}
        stop = frozenset({*earliest, *latest})
        found = await self._walk(room_id, starts - stop, stop, min(limit, MISSING_MAX), min_depth)
        shown = await self._shown(origin, room, found)
        return shown[::-1]

    async def closest(self, origin: ServerName, room_id: RoomID, ts: int, *, forward: bool) -> Event:
        """
        The event closest to *ts* (milliseconds), at or after it, or at or before it.  Raises NotFound, Forbidden.
        """
        room = await self._room(origin, room_id)
        rows = await self.database.read(events.near_in_time, room.nid, ts, forward=forward, limit=NEAR_MAX)
        for entry in await self.known.revive(rows):
            if await self._may_see(origin, room, entry):
                return entry.event
        raise NotFound(f"There is no event {'after' if forward else 'before'} that point in time.")

    async def _room(self, origin: ServerName, room_id: RoomID) -> LiveRoom:
        room = await self.live_rooms.find(room_id)
        if room is None or self.server not in room.servers:
            raise NotFound("This server is not in that room.")
        if origin not in room.servers and not _had_to_do_with(room, origin):
            raise Forbidden(f"{origin} is not in that room.")
        await self.access.require(room, origin)
        return room

    async def _require_present(self, origin: ServerName, room: LiveRoom, entry: TimelineEvent) -> None:
        """Raises Forbidden unless *origin* is in the room, or was when the event was sent."""
        if origin not in room.servers and not await self._was_present(origin, room, entry):
            raise Forbidden(f"{origin} is not in that room.")

    async def _was_present(self, origin: ServerName, room: LiveRoom, entry: TimelineEvent) -> bool:
        place = (room.nid, entry.nid, entry.ordering)
        return "join" in await self.database.scan(states_at.memberships_before, *place, origin)

    async def _walk(
        self,
        room_id: RoomID,
        starts: Collection[EventID],
        stop: frozenset[EventID],
        limit: int,
        min_depth: int = 0,
    ) -> list[TimelineEvent]:
        """From *starts* back along prev_events, greatest depth first, up to *limit* events and not past *stop*."""
        found: list[TimelineEvent] = []
        heap: list[tuple[int, EventID, TimelineEvent]] = []
        seen: set[EventID] = set(stop)
        pending = set(starts)
        while len(found) < limit:
            for event_id, entry in (await self.known.by_ids(pending - seen)).items():
                seen.add(event_id)
                # What follows a soft-failed event leads to it; nothing else does.
                known = entry.status in {Status.ACCEPTED, Status.SOFT_FAILED}
                if known and entry.event.room_id == room_id and entry.event.depth >= min_depth:
                    heappush(heap, (-entry.event.depth, event_id, entry))
            if not heap:
                break
            entry = heappop(heap)[2]
            found.append(entry)
            pending = set(entry.event.prev_events)
        return found

    async def _shown(self, origin: ServerName, room: LiveRoom, entries: Sequence[TimelineEvent]) -> list[Event]:
        """
        What *origin* may not see it gets redacted: it needs the shape of the DAG.

        A server that has left gets nothing of that kind.
        """
        shown: list[Event] = []
        erased = await self.erased.among({entry.event.sender for entry in entries}) if self.erased else frozenset()
        for entry in entries:
            if await self._may_see(origin, room, entry):
                veiled = entry.event.sender in erased and not await self._was_present(origin, room, entry)
                shown.append(redact_event(entry.event) if veiled else entry.event)
            elif origin in room.servers:
                shown.append(redact_event(entry.event))
        return shown

    async def _may_see(self, origin: ServerName, room: LiveRoom, entry: TimelineEvent) -> bool:
        place = (room.nid, entry.nid, entry.ordering)
        found = await self.database.read(states_at.entries_before, *place, [SETTING])
        nid = None if found is None else found.get(SETTING)
        setting = None if nid is None else (await self.known.by_nids([nid])).get(nid)
        visibility = visibility_of(None if setting is None else setting.event.content)
        present = origin in room.servers
        memberships: Collection[str] = ()
        if not (present and visibility in {"shared", "world_readable"}):
            memberships = await self.database.scan(states_at.memberships_before, *place, origin)
        return server_may_see(entry.event, origin, visibility=visibility, memberships=memberships, joined_later=present)


def _had_to_do_with(room: LiveRoom, server: ServerName) -> bool:
    """Whether users of *server* were in the room or invited to it: what was theirs to see they may see."""
    return any(kind == "m.room.member" and server_of(UserID(key)) == server for kind, key in room.state)
