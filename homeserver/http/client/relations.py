"""
Events by what they relate to, and threads.

Spec: client-server-api#relationships-api
"""

from typing import Literal

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.malformed import Malformed
from homeserver.http.client.messages import Direction, Limit, Token
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.relating import CHILDREN_DEFAULT, THREADS_DEFAULT, Relating, RelationRequest


@frozen
class RelationEndpoints:
    """What relates to what."""

    relating: Relating

    @operation("getRelatingEvents")
    async def relating_events(
        self,
        caller: Caller,
        room_id: RoomID,
        event_id: EventID,
        from_: Token | None = None,
        to: Token | None = None,
        limit: Limit = CHILDREN_DEFAULT,
        dir: Direction = "b",
        recurse: bool | None = None,
    ) -> JSONObject:
        """The events that relate to one.  Raises NotFound."""
        request = RelationRequest(event_id, None, None, dir == "b", from_, to, _some(limit), recurse)
        return await self.relating.children(caller, room_id, request)

    @operation("getRelatingEventsWithRelType")
    async def relating_events_with_rel_type(
        self,
        caller: Caller,
        room_id: RoomID,
        event_id: EventID,
        rel_type: str,
        from_: Token | None = None,
        to: Token | None = None,
        limit: Limit = CHILDREN_DEFAULT,
        dir: Direction = "b",
        recurse: bool | None = None,
    ) -> JSONObject:
        """Those that relate to it in one way.  Raises NotFound."""
        request = RelationRequest(event_id, rel_type, None, dir == "b", from_, to, _some(limit), recurse)
        return await self.relating.children(caller, room_id, request)

    @operation("getRelatingEventsWithRelTypeAndEventType")
    async def relating_events_with_rel_type_and_event_type(
        self,
        caller: Caller,
        room_id: RoomID,
        event_id: EventID,
        rel_type: str,
        event_type: str,
        from_: Token | None = None,
        to: Token | None = None,
        limit: Limit = CHILDREN_DEFAULT,
        dir: Direction = "b",
        recurse: bool | None = None,
    ) -> JSONObject:
        """Those of them that are of one type.  Raises NotFound."""
        request = RelationRequest(event_id, rel_type, event_type, dir == "b", from_, to, _some(limit), recurse)
        return await self.relating.children(caller, room_id, request)

    @operation("getThreadRoots")
    async def thread_roots(
        self,
        caller: Caller,
        room_id: RoomID,
        include: Literal["all", "participated"] = "all",
        limit: Limit = THREADS_DEFAULT,
        from_: Token | None = None,
    ) -> JSONObject:
        """The threads of a room, that last replied to first.  Raises NotInRoom."""
        participated = include == "participated"
        return await self.relating.threads(caller, room_id, from_, _some(limit), participated=participated)


def _some(limit: int) -> int:
    """*limit*, which must be more than nothing here.  Raises Malformed."""
    if limit < 1:
        raise Malformed("A limit is an integer greater than zero.", "limit", "M_INVALID_PARAM")
    return limit
