"""
History from before what this server knows, fetched from servers that were there.

Spec: server-server-api#backfilling-and-retrieving-missing-events
"""

from collections.abc import Iterable, Sequence
from typing import Final

import structlog
from attrs import define, field

from federation.core.paths import FEDERATION_V1, path_of
from federation.services.ancestry import Ancestry
from federation.services.pdu_checks import PduChecks
from federation.services.ports import Peers
from federation.services.sharing import Shared
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName
from homeserver.core.timeline import Ordering
from homeserver.services.history import History
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.store.backward_extremities import MissingEvent

log = structlog.get_logger(__name__)

EVENTS_MAX: Final = 100
"""Events that are asked for at once, however few are wanted."""
SERVERS_MAX: Final = 5
"""Servers that are asked, those with most users in the room first."""


@define(eq=False)
class Backfill:
    """Fetches history; whoever asks for the same room at once shares one request."""

    server: ServerName
    peers: Peers
    checks: PduChecks
    ancestry: Ancestry
    history: History
    known: KnownEvents
    live_rooms: LiveRooms
    _under_way: Shared[RoomID, bool] = field(init=False, factory=Shared)

    async def backfill(self, room_id: RoomID, before: Ordering, limit: int) -> bool:
        """
        Whether events are here now that were missed: some of those that come before what stands at *before*.

        False: everything is here, or nobody who has it can be reached.  *limit* is a hint: whole pages are fetched.
        """
        return await self._under_way.run(room_id, lambda: self._backfill(room_id, before))

    async def closest_ts(self, room_id: RoomID, ts: int, *, forward: bool) -> int | None:
        """The time of the event closest to *ts* that one of the servers knows of; None when none tells."""
        room = await self.live_rooms.load(room_id)
        query: dict[str, str | int] = {"ts": ts, "dir": "f" if forward else "b"}
        path = path_of(f"{FEDERATION_V1}/timestamp_to_event", room_id)
        for server in await self._servers(room):
            try:
                found = (await self.peers.fetch(server, path, query)).get("origin_server_ts")
            except (PeerUnreachable, PeerFault) as error:
                log.info("a server did not tell of a time", server=server, room=room_id, reason=str(error))
                continue
            if type(found) is int and (found >= ts if forward else found <= ts):
                return found
        return None

    async def _backfill(self, room_id: RoomID, before: Ordering) -> bool:
        missed = await self.history.missing(room_id, before)
        if not missed:
            return False
        room = await self.live_rooms.load(room_id)
        servers = await self._servers(room)
        without_it = 0
        for server in servers:
            try:
                stretch = await self._fetch(server, room, missed[0])
                if stretch:
                    await self._place(server, room, missed[0], stretch)
                    return True
            except (PeerUnreachable, PeerFault) as error:
                log.info("a server did not tell of history", server=server, room=room_id, reason=str(error))
            else:
                without_it += 1
        if servers and without_it == len(servers):
            await self.history.give_up(room_id, missed[0])
        return False

    async def _servers(self, room: LiveRoom) -> list[ServerName]:
        return [server for server, _ in room.servers.most_common() if server != self.server][:SERVERS_MAX]

    async def _fetch(self, server: ServerName, room: LiveRoom, missing: MissingEvent) -> list[Event]:
        """The missing event and what came before it, oldest first; empty when the server does not have it."""
        query: dict[str, str | int] = {"v": missing.event_id, "limit": EVENTS_MAX}
        answer = await self.peers.fetch(server, path_of(f"{FEDERATION_V1}/backfill", room.room_id), query)
        pdus = answer.get("pdus")
        # Spec: server-server-api#get_matrixfederationv1backfillroomid
        listed = pdus[: 2 * EVENTS_MAX] if isinstance(pdus, list) else ()
        found = await self.checks.sound(listed, room.version, room.room_id, historic=True)
        return _connected({event.event_id: event for event in found}, missing.event_id)

    async def _place(self, server: ServerName, room: LiveRoom, missing: MissingEvent, events: Sequence[Event]) -> None:
        fresh = [event for event in events if await self.known.without_place([event.event_id])]
        fresh = list(await self.history.recommended(room, fresh))
        stretch = await self.history.begin(room.room_id, missing, len(fresh))
        for event in fresh:
            cited = await self.known.by_ids(event.auth_events)
            if len(cited) < len(set(event.auth_events)):
                await self.ancestry.bring_auth_events(server, event)
            state = await self.history.known_state_before(room, event)
            if state is None:
                state = await self.ancestry.state_before(server, room.room_id, room.version, event.event_id)
            await self.history.place(stretch, event, state)


def _connected(found: dict[EventID, Event], newest: EventID) -> list[Event]:
    """*newest* and those of *found* that it follows, each after all that it follows itself."""
    order: list[Event] = []
    done: set[EventID] = set()
    stack = [newest] if newest in found else []
    entered: set[EventID] = set()
    while stack:
        event_id = stack[-1]
        if event_id in entered:
            stack.pop()
            if event_id not in done:
                done.add(event_id)
                order.append(found[event_id])
            continue
        entered.add(event_id)
        stack.extend(_unentered(found, found[event_id].prev_events, entered))
    return order


def _unentered(found: dict[EventID, Event], event_ids: Iterable[EventID], entered: set[EventID]) -> list[EventID]:
    return [event_id for event_id in event_ids if event_id in found and event_id not in entered]
