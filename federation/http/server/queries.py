"""
Aliases, profiles and the version of this server.

Spec: server-server-api#querying-for-information
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomAlias, ServerName, UserID, server_of
from homeserver.http.operation import server_operation
from homeserver.services.aliases import Aliases
from homeserver.services.profiles import Profiles
from homeserver.services.refusals import NotFound


@frozen
class QueryEndpoints:
    """What other servers ask about."""

    server: ServerName
    software_version: str
    aliases: Aliases
    profiles: Profiles

    @server_operation("getVersion")
    async def version(self) -> JSONObject:
        """What this server is."""
        return {"server": {"name": "Folkmoot", "version": self.software_version}}

    @server_operation("queryRoomDirectory")
    async def room_directory(self, room_alias: RoomAlias) -> JSONObject:
        """The room that an alias points to.  Raises NotFound."""
        room_id, servers = await self.aliases.resolve_local(room_alias)
        return {"room_id": room_id, "servers": list(servers)}

    @server_operation("queryProfile")
    async def profile(self, user_id: UserID, field: str | None = None) -> JSONObject:
        """What a user of this server tells of themselves.  Raises NotFound, also where the field is not set."""
        if server_of(user_id) != self.server:
            raise NotFound("This server has no such user.")
        if field is None:
            return {**await self.profiles.local(user_id)}
        return {field: await self.profiles.field_of(user_id, field)}

    @server_operation("queryInfo")
    async def info(self, query_type: str) -> JSONObject:
        """There is nothing else to ask about.  Raises NotFound."""
        raise NotFound(f"This server knows nothing of {query_type}.")
