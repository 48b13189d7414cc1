"""
Names of rooms, and the published directory.

Spec: client-server-api#room-aliases
"""

from collections.abc import Sequence
from typing import Final

from attrs import define

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID, server_of
from homeserver.core.power_levels import power_levels_of
from homeserver.services.alone import NoAppservices
from homeserver.services.callers import Caller
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.ports import AppserviceQueries, Appservices, RemoteRooms
from homeserver.services.refusals import AliasTaken, Exclusive, Forbidden, InvalidParameter, NotFound, NotInRoom
from homeserver.store import room_aliases, rooms
from homeserver.store.database import Database
from homeserver.store.write import Write

CANDIDATES_MAX: Final = 20
"""Servers that a joining user is told of."""


@define(eq=False)
class Aliases:
    """The aliases of this server, and those of others by asking them."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    remote: RemoteRooms
    appservices: Appservices = NoAppservices()
    queries: AppserviceQueries = NoAppservices()

    async def resolve(self, alias: RoomAlias) -> tuple[RoomID, Sequence[ServerName]]:
        """The room, and servers that know it.  Raises NotFound, Unreachable."""
        if server_of(alias) != self.server:
            return await self.remote.resolve_alias(alias)
        return await self.resolve_local(alias)

    async def resolve_local(self, alias: RoomAlias) -> tuple[RoomID, Sequence[ServerName]]:
        """
        The room that an alias of this server points to, and servers that know it.  Raises NotFound, AppserviceSilent.
        """
        stored = await self.database.read(room_aliases.by_alias, alias)
        if stored is None and await self.queries.make_room(alias):
            stored = await self.database.read(room_aliases.by_alias, alias)
        if stored is None:
            raise NotFound(f"The alias {alias} points to no room.")
        room = await self.live_rooms.find(stored.room_id)
        present = [] if room is None else [server for server, _ in room.servers.most_common(CANDIDATES_MAX)]
        return stored.room_id, list(dict.fromkeys([*present, *stored.servers]))

    async def require_free(self, alias: RoomAlias, appservice_id: str | None = None) -> None:
        """Raises AliasTaken, Exclusive, InvalidParameter for an alias of another server."""
        self._require_ours(alias)
        self._require_allowed(alias, appservice_id)
        if await self.database.read(room_aliases.by_alias, alias) is not None:
            raise AliasTaken

    async def create(
        self, creator: UserID, alias: RoomAlias, room_id: RoomID, appservice_id: str | None = None
    ) -> None:
        """
        The alias points to the room.  Raises AliasTaken, Exclusive, InvalidParameter, NotInRoom.

        *appservice_id*: of the application service that speaks for the creator.
        """
        self._require_ours(alias)
        self._require_allowed(alias, appservice_id)
        room = await self.live_rooms.load(room_id)
        if creator not in room.joined:
            raise NotInRoom
        if not await self.database.write(room_aliases.insert_new, alias, room_id, [self.server], creator):
            raise AliasTaken

    async def delete(self, caller: Caller, alias: RoomAlias) -> None:
        """
        The alias points nowhere.  Raises NotFound, Exclusive, Forbidden for who neither made it nor runs the room.
        """
        self._require_ours(alias)
        if not caller.is_admin and caller.appservice_id is None:
            self._require_allowed(alias, None)
        stored = await self.database.read(room_aliases.by_alias, alias)
        if stored is None:
            raise NotFound(f"The alias {alias} points to no room.")
        is_managed = caller.appservice_id is not None and not self.appservices.is_alias_reserved(
            alias, caller.appservice_id
        )
        if stored.creator != caller.user_id and not caller.is_admin and not is_managed:
            room = await self.live_rooms.find(stored.room_id)
            if room is None or not await self._may_change(room, caller.user_id):
                raise Forbidden("You may delete only aliases that you made.")
        await self.database.write(room_aliases.delete, alias)

    async def of_room(self, caller: Caller, room_id: RoomID) -> list[RoomAlias]:
        """This server's aliases of the room.  Raises NotInRoom for who may not see the room's history."""
        room = await self.live_rooms.load(room_id)
        if caller.user_id not in room.joined and not await self._is_world_readable(room):
            raise NotInRoom
        return [stored.alias for stored in await self.database.read(room_aliases.of_room, room_id)]

    async def is_published(self, room_id: RoomID) -> bool:
        """Whether the room is in the directory.  Raises NotFound."""
        room = await self.database.read(rooms.by_id, room_id)
        if room is None:
            raise NotFound("There is no such room.")
        return room.is_public

    async def set_published(self, caller: Caller, room_id: RoomID, published: bool) -> None:
        """The room is in the directory, or not.  Raises NotFound, Forbidden for who may not name the room."""
        room = await self.live_rooms.find(room_id)
        if room is None:
            raise NotFound("There is no such room.")
        if not caller.is_admin and not await self._may_change(room, caller.user_id):
            raise Forbidden("Only who may give the room its address may publish it.")
        await self.publish(room_id, published)

    async def publish(self, room_id: RoomID, published: bool = True) -> None:
        """The room is in the directory, or not."""
        await self.database.write(_set_published, room_id, published)

    async def _may_change(self, room: LiveRoom, user_id: UserID) -> bool:
        if user_id not in room.joined:
            return False
        found = await self.known.by_ids([room.state[key] for key in (CREATE, POWER_LEVELS) if key in room.state])
        levels = power_levels_of({entry.event.key: entry.event for entry in found.values()}, room.version)
        return levels.of(user_id) >= levels.required_for("m.room.canonical_alias", is_state=True)

    async def _is_world_readable(self, room: LiveRoom) -> bool:
        event_id = room.state.get(("m.room.history_visibility", ""))
        entry = None if event_id is None else await self.known.by_id(event_id)
        return entry is not None and entry.event.content.get("history_visibility") == "world_readable"

    def _require_allowed(self, alias: RoomAlias, appservice_id: str | None) -> None:
        if self.appservices.is_alias_reserved(alias, appservice_id):
            raise Exclusive("This alias is an application service's to make.")

    def _require_ours(self, alias: RoomAlias) -> None:
        if server_of(alias) != self.server:
            raise InvalidParameter(f"Aliases of {server_of(alias)} are made there; here they end in :{self.server}.")


def _set_published(tx: Write, room_id: RoomID, published: bool) -> None:
    room = rooms.by_id(tx.connection, room_id)
    if room is not None:
        rooms.set_public(tx, room.nid, published)
