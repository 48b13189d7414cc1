"""
Events, states and auth chains for servers that are in the room.

Spec: server-server-api#backfilling-and-retrieving-missing-events
"""

from collections.abc import Iterable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from federation.services.room_queries import RoomQueries
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName
from homeserver.http.client.messages import Direction
from homeserver.http.operation import server_operation
from homeserver.services.clock import now_ms

LIMIT_DEFAULT = 10


@frozen
class MissingEventsBody:
    """Between which events, and how many."""

    earliest_events: list[EventID]
    latest_events: list[EventID]
    limit: int = LIMIT_DEFAULT
    min_depth: int = 0


@frozen
class ServerEventEndpoints:
    """What happened in rooms."""

    server: ServerName
    clock: IReactorTime
    queries: RoomQueries

    @server_operation("getEvent")
    async def event(self, origin: ServerName, event_id: EventID) -> JSONObject:
        """One event.  Raises NotFound, Forbidden."""
        return self._transaction([await self.queries.event(origin, event_id)])

    @server_operation("getRoomState")
    async def room_state(self, origin: ServerName, room_id: RoomID, event_id: EventID) -> JSONObject:
        """The state before an event, and its auth chain.  Raises NotFound, Forbidden."""
        state, auth_chain = await self.queries.state(origin, room_id, event_id)
        return {"pdus": _pdus(state), "auth_chain": _pdus(auth_chain)}

    @server_operation("getRoomStateIds")
    async def room_state_ids(self, origin: ServerName, room_id: RoomID, event_id: EventID) -> JSONObject:
        """The same by ID.  Raises NotFound, Forbidden."""
        state, auth_chain = await self.queries.state(origin, room_id, event_id)
        return {"pdu_ids": _ids(state), "auth_chain_ids": _ids(auth_chain)}

    @server_operation("getEventAuth")
    async def event_auth(self, origin: ServerName, room_id: RoomID, event_id: EventID) -> JSONObject:
        """The auth chain of an event.  Raises NotFound, Forbidden."""
        return {"auth_chain": _pdus(await self.queries.event_auth(origin, room_id, event_id))}

    @server_operation("backfillRoom")
    async def backfill_room(
        self, origin: ServerName, room_id: RoomID, v: tuple[EventID, ...], limit: int
    ) -> JSONObject:
        """Events and what they follow, newest first.  Raises NotFound, Forbidden."""
        return self._transaction(await self.queries.backfill(origin, room_id, v, max(limit, 0)))

    @server_operation("getMissingPreviousEvents")
    async def missing_events(self, origin: ServerName, room_id: RoomID, body: MissingEventsBody) -> JSONObject:
        """Events between others, oldest first.  Raises NotFound, Forbidden."""
        found = await self.queries.missing_events(
            origin, room_id, body.earliest_events, body.latest_events, max(body.limit, 0), body.min_depth
        )
        return {"events": _pdus(found)}

    @server_operation("getEventByTimestamp")
    async def event_by_timestamp(self, origin: ServerName, room_id: RoomID, ts: int, dir: Direction) -> JSONObject:
        """The event closest to a point in time.  Raises NotFound, Forbidden."""
        found = await self.queries.closest(origin, room_id, ts, forward=dir == "f")
        return {"event_id": found.event_id, "origin_server_ts": found.origin_server_ts}

    def _transaction(self, events: Iterable[Event]) -> JSONObject:
        return {"origin": self.server, "origin_server_ts": now_ms(self.clock), "pdus": _pdus(events)}


def _pdus(events: Iterable[Event]) -> list[JSON]:
    return [event.pdu for event in events]


def _ids(events: Iterable[Event]) -> list[JSON]:
    return [event.event_id for event in events]
