"""
The events of a user's rooms one after the other, or those of one room that may be looked into.

Spec: client-server-api#get_matrixclientv3events
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import client_form
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import EVENT, LogEntry, Position
from homeserver.core.sync_tokens import SyncToken
from homeserver.core.timeline import TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import NotInRoom
from homeserver.services.room_views import RoomViews
from homeserver.services.shown_events import ShownEvents
from homeserver.services.sync.settings import SyncSettings
from homeserver.services.wakeups import Wakeups
from homeserver.store import log
from homeserver.store.database import Database

ENTRIES_AT_ONCE: Final = 500
"""Of the log, whoever they are for."""
EVENTS_MAX: Final = 100
"""In one answer; the next begins where it ends."""


@define(eq=False)
class EventStream:
    """Follows the log for one request at a time."""

    clock: Clock
    database: Database
    tail: LogTail
    serial: EphemeralSerial
    known: KnownEvents
    memberships: Memberships
    views: RoomViews
    shown: ShownEvents
    ignored: IgnoredUsers
    wakeups: Wakeups
    settings: SyncSettings = SyncSettings()

    async def listen(
        self, caller: Caller, since: SyncToken | None, timeout_ms: int, room_id: RoomID | None = None
    ) -> JSONObject:
        """
        The events after *since* (None: from now on) of the caller's rooms, or of *room_id*, which they may not be in.

        Without any it comes when the time is over.  Raises NotInRoom for a room that may not be looked into.
        """
        if room_id is not None:
            await self.views.open(caller, room_id)
        # Whose rooms are not in memory would not hear of what happens in them.
        await self.memberships.of(caller.user_id)
        wait_ms = min(max(timeout_ms, 0), int(self.settings.timeout_max_seconds * 1000))
        deadline = self.clock.seconds() + wait_ms / 1000
        position = self.tail.head if since is None else since.position
        start = since or SyncToken(position, self.serial.head)
        with self.wakeups.listen(caller.user_id, room_id) as bell:
            while True:
                bell.silence()
                head = self.tail.head
                while position < head:
                    entries = await self._entries(position, head)
                    chunk, position = await self._chunk(caller, room_id, entries, head)
                    if chunk:
                        return self._answer(start, position, chunk)
                if deadline <= self.clock.seconds():
                    return self._answer(start, position, [])
                await bell.wait(deadline - self.clock.seconds())

    def _answer(self, start: SyncToken, position: Position, chunk: Sequence[JSON]) -> JSONObject:
        return {"start": str(start), "end": str(SyncToken(position, self.serial.head)), "chunk": list(chunk)}

    async def _entries(self, after: Position, upto: Position) -> Sequence[LogEntry]:
        """The next entries of the log; what was trimmed off it is passed over."""
        some = Position(min(upto, after + ENTRIES_AT_ONCE))
        entries = self.tail.between(after, some)
        return await self.database.read(log.entries, after, upto, ENTRIES_AT_ONCE) if entries is None else entries

    async def _chunk(
        self, caller: Caller, room_id: RoomID | None, entries: Sequence[LogEntry], head: Position
    ) -> tuple[list[JSON], Position]:
        """The events of the entries that the reader may see, at most so many, and up to where they go."""
        rows = (await self.memberships.of(caller.user_id)).rows
        places: dict[int, Position] = {}
        for entry in entries:
            if entry.kind == EVENT and (entry.subject == room_id if room_id is not None else entry.subject in rows):
                places[entry.event_nid] = entry.position
                if len(places) == EVENTS_MAX:
                    break
        upto = entries[-1].position if entries and len(places) < EVENTS_MAX else head
        if len(places) == EVENTS_MAX:
            upto = max(places.values())
        if not places:
            return [], upto
        found = await self.known.by_nids(places)
        by_room: dict[RoomID, list[TimelineEvent]] = {}
        for nid in places:
            if nid in found:
                by_room.setdefault(found[nid].event.room_id, []).append(found[nid])
        copies: dict[EventID, JSON] = {}
        for each, events in by_room.items():
            copies.update(await self._copies(caller, each, events))
        return [copies[found[nid].event_id] for nid in places if nid in found and found[nid].event_id in copies], upto

    async def _copies(self, caller: Caller, room_id: RoomID, events: Sequence[TimelineEvent]) -> Mapping[EventID, JSON]:
        """{event ID: as the reader gets it} of those that they may see."""
        try:
            view = await self.views.open(caller, room_id)
        except NotInRoom:
            # All that an invited user sees of a room is what is said of themselves.
            own = [entry for entry in events if entry.event.key == ("m.room.member", caller.user_id)]
            return {entry.event_id: client_form(entry.event) for entry in own}
        ignored = await self.ignored.of(caller.user_id)
        placed = [entry for entry in events if entry.ordering is not None and entry.ordering <= view.newest]
        seen = [
            (entry, membership)
            for entry, membership in await self.views.seen(view, placed)
            if entry.event.is_state or entry.event.sender not in ignored
        ]
        shown = await self.shown.timeline(view, seen)
        return {entry.event_id: copy for (entry, _), copy in zip(seen, shown, strict=True)}
