"""
Guests are in rooms only while these let guests in.

Spec: client-server-api#guest-access
"""

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeserver.core.events import StateKey
from homeserver.core.identifiers import RoomID, ServerName, server_of
from homeserver.core.log import EVENT, STATE, LogEntry
from homeserver.services.departing import Departing
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_guards import MemberChange
from homeserver.services.refusals import GuestsForbidden, Refusal
from homeserver.store import guests
from homeserver.store.database import Database

log = structlog.get_logger(__name__)

GUEST_ACCESS: Final[StateKey] = ("m.room.guest_access", "")


@define(eq=False)
class GuestAccess:
    """As a ``MemberGuard`` it lets guests into no other rooms; it follows the log, and takes them out of such rooms."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    departing: Departing

    async def check(self, change: MemberChange) -> None:
        """Raises GuestsForbidden when a guest wants to be where guests may not."""
        if change.membership != "join" or server_of(change.target) != self.server:
            return
        if not await self.database.read(guests.is_guest, change.target):
            return
        room = await self.live_rooms.find(change.room_id)
        if room is None or not await self._admits(room):
            raise GuestsForbidden("Guests may not join this room.")

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Rooms that may not let guests in any more are looked at."""
        for entry in entries:
            if entry.kind == STATE or (entry.kind == EVENT and self._is_about_guests(entry)):
                Deferred.fromCoroutine(self.expel(RoomID(entry.subject))).addErrback(_report)

    async def sweep(self) -> None:
        """What a stop interrupted is done.  To be called at the start."""
        for room_id in await self.database.scan(guests.rooms_with_guests):
            await self.expel(room_id)

    async def expel(self, room_id: RoomID) -> None:
        """No guest is in the room, unless it lets guests in."""
        room = await self.live_rooms.find(room_id)
        if room is None or self.server not in room.servers or await self._admits(room):
            return
        for user_id in await self.database.read(guests.joined, room.nid):
            try:
                await self.departing.leave(user_id, room_id)
            except Refusal as refusal:
                log.warning("a guest stays in a room", room=room_id, user=user_id, reason=refusal.reason)

    async def _admits(self, room: LiveRoom) -> bool:
        event_id = room.state.get(GUEST_ACCESS)
        entry = None if event_id is None else await self.known.by_id(event_id)
        return entry is not None and entry.event.content.get("guest_access") == "can_join"

    def _is_about_guests(self, entry: LogEntry) -> bool:
        event = self.known.cached_by_nid(entry.event_nid)
        # What is not in memory another process wrote, which takes the guests out itself.
        return event is not None and event.event.type == GUEST_ACCESS[0]


def _report(failure: Failure) -> None:
    log.error("guests could not be taken out of a room", reason=failure.getTraceback())
