"""
The timelines of rooms.

Spec: client-server-api#getting-events-for-a-room
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject, parse_json
from homeserver.core.filters import EVERYTHING, EventFilter, parse_event_filter
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.malformed import Malformed
from homeserver.core.sync_tokens import PaginationToken, parse_pagination_token
from homeserver.http.client.send_options import Parameters
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Raw, encode
from homeserver.services.callers import Caller
from homeserver.services.messages import LIMIT_DEFAULT, Messages, PageRequest

FILTER_LENGTH_MAX = 65_536


def parse_filter_text(text: str) -> EventFilter:
    """A filter as it stands in a query.  Raises Malformed."""
    if len(text) > FILTER_LENGTH_MAX:
        raise Malformed("This filter is too long.", code="M_INVALID_PARAM")
    return parse_event_filter(parse_json(text.encode()))


def parse_limit(text: str) -> int:
    """How many events are wanted: any integer that is not negative.  Raises Malformed."""
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        raise Malformed("A limit is an integer that is not negative.", code="M_INVALID_PARAM")
    return int(text)


Direction = Literal["b", "f"]
Limit = Annotated[int, parse_limit]
FilterText = Annotated[EventFilter, parse_filter_text]
Token = Annotated[PaginationToken, parse_pagination_token]


class EventDetour(Protocol):
    """One proposal's query parameters, with which an event is shown in another way."""

    async def answer(self, caller: Caller, room_id: RoomID, event_id: EventID, query: Parameters) -> object | None:
        """What the client is told instead; None: the query does not ask for it.  Raises Malformed, Refusal."""


@frozen
class MessageEndpoints:
    """What was sent to a room."""

    messages: Messages
    detours: Sequence[EventDetour] = ()

    @operation("getRoomEvents")
    async def room_events(
        self,
        caller: Caller,
        room_id: RoomID,
        dir: Direction,
        from_: Token | None = None,
        to: Token | None = None,
        limit: Limit = LIMIT_DEFAULT,
        filter: FilterText = EVERYTHING,
    ) -> JSONObject:
        """A page of the timeline.  Raises NotInRoom."""
        return await self.messages.page(caller, room_id, PageRequest(dir == "b", from_, to, limit, filter))

    @operation("getEventContext")
    async def event_context(
        self,
        caller: Caller,
        room_id: RoomID,
        event_id: EventID,
        limit: Limit = LIMIT_DEFAULT,
        filter: FilterText = EVERYTHING,
    ) -> JSONObject:
        """An event, and what surrounds it.  Raises NotInRoom, NotFound."""
        return await self.messages.context(caller, room_id, event_id, limit, filter)

    @operation("getOneRoomEvent")
    async def one_room_event(self, caller: Caller, room_id: RoomID, event_id: EventID, incoming: Incoming) -> object:
        """An event.  Raises NotFound."""
        for detour in self.detours if incoming.query else ():
            answer = await detour.answer(caller, room_id, event_id, incoming.query)
            if answer is not None:
                return answer
        event: JSON = await self.messages.event(caller, room_id, event_id)
        return Raw(encode(event))

    @operation("getEventByTimestamp")
    async def event_by_timestamp(self, caller: Caller, room_id: RoomID, ts: int, dir: Direction) -> JSONObject:
        """The event closest to a point in time.  Raises NotInRoom, NotFound."""
        found = await self.messages.closest(caller, room_id, ts, forward=dir == "f")
        return {"event_id": found.event_id, "origin_server_ts": found.event.origin_server_ts}
