"""
Lets users of this server, and of those that share rooms with it, into calls.

Spec: proposals/4195
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define

from homeserver.core.canonical import encode_canonical, encode_json
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.livekit import Grant, alias_of, identity_of
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.livekit.ports import Pass, RemoteClusters, Seat
from homeserver.services.livekit.settings import LiveKitSettings
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import InvalidParameter, NotAuthorized, NotFound

_HEADER: Final[dict[str, Any]] = {"alg": "HS256", "typ": "JWT"}


@define(eq=False)
class LiveKit:
    """The door of this server's cluster.  *settings* None: there is none, but those of others are to be entered."""

    server: ServerName
    settings: LiveKitSettings | None
    clock: Clock
    memberships: Memberships
    live_rooms: LiveRooms
    remote: RemoteClusters
    veil: Callable[[bytes], bytes]
    """
    The same octets for the same ones, in each process of this server, which nobody else can foretell: by them nobody
    can tell from its name which room a call is in.
    """

    async def admit(self, caller: Caller, server: ServerName | None, seat: Seat) -> Pass:
        """
        What lets the caller into the cluster of a server; None: of this one.

        Raises NotAuthorized, NotFound, InvalidParameter, Unreachable.
        """
        own = (await self.memberships.of(caller.user_id)).joined
        if seat.room_id not in own:
            raise NotAuthorized
        if server is None or server == self.server:
            return self._pass(caller.user_id, seat, publishes=True)
        # Who is not in the room refuses us: nobody else is asked.
        if not await self._is_in(server, seat.room_id):
            raise NotAuthorized
        return await self.remote.admit(server, caller.user_id, seat)

    async def admit_guest(self, origin: ServerName, user_id: UserID | None, seat: Seat) -> Pass:
        """
        What lets a user of another server listen here.  Raises NotAuthorized, NotFound, InvalidParameter.

        *user_id* None: one that their server does not name.
        """
        if not (await self._is_in(self.server, seat.room_id) and await self._is_in(origin, seat.room_id)):
            raise NotAuthorized
        if user_id is not None and server_of(user_id) != origin:
            raise NotAuthorized
        return self._pass(user_id or origin, seat, publishes=False)

    async def _is_in(self, server: ServerName, room_id: RoomID) -> bool:
        room = await self.live_rooms.find(room_id)
        return room is not None and server in room.servers

    def _pass(self, who: str, seat: Seat, *, publishes: bool) -> Pass:
        settings = self.settings
        if settings is None:
            raise NotFound("This server has no cluster for calls.")
        if seat.url is not None and seat.url.rstrip("/") != settings.url.rstrip("/"):
            raise InvalidParameter("This is not the address of this server's cluster.")
        bits = encode_base64(self.veil(encode_canonical([seat.room_id, seat.slot_id])))
        alias = alias_of(seat.room_id, seat.slot_id, bits)
        grant = Grant(identity_of(who, seat.claimed_device_id, seat.member_id), alias, publishes)
        claims = grant.claims(settings.api_key, int(self.clock.seconds()), settings.token_seconds)
        return Pass(_signed(claims, settings.api_secret), settings.url)


def _signed(claims: Mapping[str, Any], secret: str) -> str:
    # Loaded with the first pass: it takes 2 MiB, and most servers have no cluster.
    from joserfc import jws
    from joserfc.jwk import OctKey

    return jws.serialize_compact(_HEADER, encode_json(claims), OctKey.import_key(secret))
