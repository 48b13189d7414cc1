"""
A server by itself: nobody to ask beside it, and no application service.

Each of these is a port of which there is nothing; what has no peers answers as if none could be reached.
"""

from collections.abc import Sequence
from typing import NoReturn

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import DeviceID, RoomAlias, RoomID, ServerName, UserID, server_of
from homeserver.core.profiles import Profile
from homeserver.core.room_directory import RoomQuery
from homeserver.core.room_outlines import OutlinedSpace
from homeserver.core.timeline import Ordering
from homeserver.services.callers import Caller
from homeserver.services.ports import PeerUnreachable
from homeserver.services.refusals import Unreachable

_REASON = "This server does not speak to other servers."


@frozen
class NoPeers:
    """Implements the ports of rooms, profiles, directories, spaces and history elsewhere."""

    async def join(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        self._refuse()

    async def knock(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        self._refuse()

    async def leave(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        self._refuse()

    async def sign_invite(self, invite: Event, room_state: Sequence[Event]) -> Event:
        self._refuse()

    async def resolve_alias(self, alias: RoomAlias) -> tuple[RoomID, Sequence[ServerName]]:
        self._refuse()

    async def fetch(self, user_id: UserID, field: str | None) -> Profile:
        raise PeerUnreachable(server_of(user_id), _REASON)

    async def public_rooms(self, server: ServerName, query: RoomQuery) -> JSONObject:
        self._refuse()

    async def backfill(self, room_id: RoomID, before: Ordering, limit: int) -> bool:
        return False

    async def closest_ts(self, room_id: RoomID, ts: int, *, forward: bool) -> int | None:
        return None

    async def outline(
        self, room_id: RoomID, servers: Sequence[ServerName], *, suggested_only: bool
    ) -> OutlinedSpace | None:
        return None

    def _refuse(self) -> NoReturn:
        raise Unreachable(_REASON)


@frozen
class NoAppservices:
    """Implements ``ports.Appservices`` and ``ports.AppserviceQueries``."""

    async def caller(self, token: str, *, user_id: UserID | None, device_id: DeviceID | None) -> Caller | None:
        return None

    def is_reserved(self, user_id: UserID, appservice_id: str | None) -> bool:
        return False

    def owns(self, appservice_id: str, user_id: UserID) -> bool:
        return False

    def is_alias_reserved(self, alias: RoomAlias, appservice_id: str | None) -> bool:
        return False

    async def make_user(self, user_id: UserID) -> bool:
        return False

    async def make_room(self, alias: RoomAlias) -> bool:
        return False
