"""
Spaces, and what rooms show of themselves.

Spec: client-server-api#spaces
"""

from typing import Annotated

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.hierarchy_tokens import HierarchyPlace, parse_hierarchy_place
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName
from homeserver.core.malformed import Malformed
from homeserver.http.client.messages import Limit, parse_limit
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.spaces import HierarchyRequest, Spaces


def parse_positive(text: str) -> int:
    """An integer greater than zero.  Raises Malformed."""
    number = parse_limit(text)
    if not number:
        raise Malformed("This must be greater than zero.", code="M_INVALID_PARAM")
    return number


Place = Annotated[HierarchyPlace, parse_hierarchy_place]
Positive = Annotated[int, parse_positive]


@frozen
class SpaceEndpoints:
    """Rooms as they are shown to who is not in them."""

    spaces: Spaces

    @operation("getSpaceHierarchy")
    async def space_hierarchy(
        self,
        caller: Caller,
        room_id: RoomID,
        suggested_only: bool | None = None,
        limit: Positive | None = None,
        max_depth: Limit | None = None,
        from_: Place | None = None,
    ) -> JSONObject:
        """The rooms in a space.  Raises Forbidden, Malformed."""
        return await self.spaces.hierarchy(caller, room_id, HierarchyRequest(suggested_only, limit, max_depth, from_))

    @operation("getRoomSummary")
    async def room_summary(
        self, caller: Caller | None, room_id_or_alias: RoomID | RoomAlias, via: tuple[ServerName, ...] = ()
    ) -> JSONObject:
        """What a room shows of itself.  Raises NotFound, Unreachable."""
        return await self.spaces.summary(caller, room_id_or_alias, tuple(via))
