"""
Events as push rules look at them: prepared once for all members of the room.
"""

from collections import OrderedDict

from attrs import define, field, frozen

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import Position
from homeserver.core.power_levels import PowerLevels, power_levels_of
from homeserver.core.push_rules.conditions import PushedEvent
from homeserver.core.timeline import TimelineEvent
from homeserver.core.versions import RoomVersion
from homeserver.services.gates import Gates
from homeserver.services.known_events import KnownEvents
from homeserver.services.state_moves import StateMoves
from homeserver.services.summaries import Summaries
from homeserver.services.threads import Threads
from homeserver.store import windows
from homeserver.store.database import Database


@frozen(eq=False)
class Pushed:
    """An event for the push rules, and the thread it is in."""

    event: PushedEvent
    thread_id: str


@frozen(eq=False)
class _Levels:
    at: Position
    levels: PowerLevels


@define(eq=False)
class PushedEvents:
    """The *events_max* events last asked for, in memory."""

    database: Database
    known: KnownEvents
    threads: Threads
    summaries: Summaries
    moves: StateMoves
    events_max: int = 5_000
    rooms_max: int = 10_000
    _events: OrderedDict[EventID, Pushed] = field(init=False, factory=OrderedDict)
    _levels: OrderedDict[int, _Levels] = field(init=False, factory=OrderedDict)
    _gates: Gates = field(init=False, factory=Gates)

    def cached(self, event: TimelineEvent) -> Pushed | None:
        """The event if it is in memory."""
        return self._events.get(event.event_id)

    async def of(self, room_nid: int, event: TimelineEvent, upto: Position) -> Pushed:
        """
        The event as the rules look at it.

        Members and power levels are those of the room as it is after *upto*: mostly that is at the event.
        """
        found = self._events.get(event.event_id)
        while found is None:
            # All who wait in a room want its newest event at once.
            async with self._gates.enter(event.event_id) as is_first:
                if is_first:
                    found = await self._look_up(room_nid, event, upto)
                else:
                    found = self._events.get(event.event_id)
        return found

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """Nothing is in memory of the room."""
        self._levels.pop(room_nid, None)
        for event_id in [key for key, pushed in self._events.items() if pushed.event.event.room_id == room_id]:
            del self._events[event_id]

    async def _look_up(self, room_nid: int, event: TimelineEvent, upto: Position) -> Pushed:
        room_id = event.event.room_id
        summary = await self.summaries.of(room_nid, room_id, upto)
        levels = await self._levels_of(room_nid, room_id, event.event.version, upto)
        thread_id = await self.threads.of(event.event)
        pushed = PushedEvent(event.event, summary.counts.joined, levels, thread_id)
        found = self._events[event.event_id] = Pushed(pushed, thread_id)
        while len(self._events) > self.events_max:
            self._events.popitem(last=False)
        return found

    async def _levels_of(self, room_nid: int, room_id: RoomID, version: RoomVersion, upto: Position) -> PowerLevels:
        known = self._levels.get(room_nid)
        if known is not None and known.at == upto:
            return known.levels
        if known is not None and known.at < upto and not self.moves.may_have_moved(room_id, known.at):
            self._keep(room_nid, _Levels(upto, known.levels))
            return known.levels
        if known is not None and known.at < upto:
            changes = await self.database.read(windows.changes, room_nid, known.at, upto)
            if not any(change.key == POWER_LEVELS for change in changes):
                self._keep(room_nid, _Levels(upto, known.levels))
                return known.levels
        ids = await self.database.read(windows.entry_ids, room_nid, (CREATE, POWER_LEVELS), upto)
        events = await self.known.by_ids([event_id for event_id in ids.values() if event_id is not None])
        levels = power_levels_of({found.event.key: found.event for found in events.values()}, version)
        self._keep(room_nid, _Levels(upto, levels))
        return levels

    def _keep(self, room_nid: int, levels: _Levels) -> None:
        self._levels[room_nid] = levels
        self._levels.move_to_end(room_nid)
        while len(self._levels) > self.rooms_max:
            self._levels.popitem(last=False)
