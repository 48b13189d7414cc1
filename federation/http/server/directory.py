"""
This server's directory, for other servers.

Spec: server-server-api#published-room-directory
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.room_directory import RoomQuery
from homeserver.http.client.directory import PublicRoomsBody, room_query
from homeserver.http.client.messages import Limit
from homeserver.http.operation import server_operation
from homeserver.services.directory import Directory


@frozen
class ServerDirectoryEndpoints:
    """Published rooms."""

    directory: Directory

    @server_operation("getPublicRooms")
    async def public_rooms(
        self,
        limit: Limit | None = None,
        since: str | None = None,
        include_all_networks: bool = False,
        third_party_instance_id: str | None = None,
    ) -> JSONObject:
        """The rooms, or a page of them.  Raises Malformed."""
        return await self.directory.local_page(
            RoomQuery(limit or None, since, None, None, include_all_networks, third_party_instance_id)
        )

    @server_operation("queryPublicRooms")
    async def query_public_rooms(self, body: PublicRoomsBody) -> JSONObject:
        """Those of them that are looked for.  Raises Malformed."""
        return await self.directory.local_page(room_query(body))
