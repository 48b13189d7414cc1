"""
The published directory of rooms.

Spec: client-server-api#published-room-directory
"""

from attrs import field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.room_directory import ROOM_TYPES_MAX, TERM_LENGTH_MAX, RoomQuery
from homeserver.http.client.messages import Limit
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.directory import Directory


@frozen
class RoomFilterBody:
    """Which rooms are wanted."""

    generic_search_term: str | None = None
    room_types: list[str | None] | None = None


@frozen
class PublicRoomsBody:
    """Which part of the directory is wanted."""

    limit: int | None = None
    since: str | None = None
    filter: RoomFilterBody = field(factory=RoomFilterBody)
    include_all_networks: bool = False
    third_party_instance_id: str | None = None


@frozen
class DirectoryEndpoints:
    """Rooms that are shown to everybody."""

    directory: Directory

    @operation("getPublicRooms")
    async def public_rooms(
        self, limit: Limit | None = None, since: str | None = None, server: ServerName | None = None
    ) -> JSONObject:
        """The published rooms, or a page of them.  Raises Malformed, Unreachable."""
        return await self.directory.page(RoomQuery(_some(limit), since), server)

    @operation("queryPublicRooms")
    async def query_public_rooms(
        self, caller: Caller, body: PublicRoomsBody, server: ServerName | None = None
    ) -> JSONObject:
        """Those of them that are looked for.  Raises Malformed, Unreachable."""
        return await self.directory.page(room_query(body), server)


def room_query(body: PublicRoomsBody) -> RoomQuery:
    """What a client or another server asks for.  Raises Malformed."""
    term, types = body.filter.generic_search_term, body.filter.room_types
    if term is not None and len(term) > TERM_LENGTH_MAX:
        raise Malformed("This is too long.", "filter.generic_search_term", "M_INVALID_PARAM")
    if types is not None and len(types) > ROOM_TYPES_MAX:
        raise Malformed(f"At most {ROOM_TYPES_MAX} types can be asked for.", "filter.room_types", "M_INVALID_PARAM")
    return RoomQuery(
        _some(body.limit),
        body.since,
        term or None,
        None if types is None else frozenset(types),
        body.include_all_networks,
        body.third_party_instance_id,
    )


def _some(limit: int | None) -> int | None:
    if limit is not None and limit < 0:
        raise Malformed("A limit is an integer that is not negative.", "limit", "M_INVALID_PARAM")
    # NOTSPEC: clients that want all of it ask for 0.
    return limit or None
