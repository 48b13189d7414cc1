"""
This server's spaces, for other servers.

Spec: server-server-api#spaces
"""

from attrs import frozen

from federation.services.space_queries import SpaceQueries
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.http.operation import server_operation


@frozen
class ServerSpaceEndpoints:
    """Rooms as they are shown to servers."""

    spaces: SpaceQueries

    @server_operation("getSpaceHierarchy")
    async def space_hierarchy(self, origin: ServerName, room_id: RoomID, suggested_only: bool = False) -> JSONObject:
        """A room, and of a space what is in it.  Raises NotFound."""
        return await self.spaces.hierarchy(origin, room_id, suggested_only=suggested_only)
