"""
Room aliases, and whether a room is in the published directory.

Spec: client-server-api#room-aliases
"""

from typing import Literal

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomAlias, RoomID
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.aliases import Aliases
from homeserver.services.callers import Caller
from homeserver.services.refusals import GuestsForbidden


@frozen
class AliasBody:
    """Where the alias is to point."""

    room_id: RoomID


@frozen
class PublishedBody:
    """Whether the room is to be in the directory."""

    visibility: Literal["public", "private"] = "public"


@frozen
class AliasEndpoints:
    """Names of rooms."""

    aliases: Aliases

    @operation("getRoomIdByAlias")
    async def room_by_alias(self, room_alias: RoomAlias) -> JSONObject:
        """The room, and servers that know it.  Raises NotFound, Unreachable."""
        room_id, servers = await self.aliases.resolve(room_alias)
        return {"room_id": room_id, "servers": list(servers)}

    @operation("setRoomAlias")
    async def set_room_alias(self, caller: Caller, room_alias: RoomAlias, body: AliasBody) -> Empty:
        """The alias points to the room.  Raises AliasTaken, Exclusive, InvalidParameter, NotInRoom."""
        if caller.is_guest:
            raise GuestsForbidden
        await self.aliases.create(caller.user_id, room_alias, body.room_id, caller.appservice_id)
        return Empty()

    @operation("deleteRoomAlias")
    async def delete_room_alias(self, caller: Caller, room_alias: RoomAlias) -> Empty:
        """The alias points nowhere.  Raises NotFound, Forbidden."""
        await self.aliases.delete(caller, room_alias)
        return Empty()

    @operation("getLocalAliases")
    async def local_aliases(self, caller: Caller, room_id: RoomID) -> JSONObject:
        """This server's aliases of the room.  Raises NotInRoom."""
        return {"aliases": list(await self.aliases.of_room(caller, room_id))}

    @operation("getRoomVisibilityOnDirectory")
    async def room_visibility(self, room_id: RoomID) -> JSONObject:
        """Whether the room is in the directory.  Raises NotFound."""
        return {"visibility": "public" if await self.aliases.is_published(room_id) else "private"}

    @operation("setRoomVisibilityOnDirectory")
    async def set_room_visibility(self, caller: Caller, room_id: RoomID, body: PublishedBody) -> Empty:
        """The room is in the directory, or not.  Raises NotFound, Forbidden."""
        await self.aliases.set_published(caller, room_id, body.visibility == "public")
        return Empty()
