"""
Invites by address, as other servers and identity servers take them up.

Spec: server-server-api#third-party-invites
"""

from typing import Final

from attrs import field, frozen

from federation.services.access import Access
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, ServerName, UserID, parse_room_id, server_of
from homeserver.core.malformed import Malformed
from homeserver.http.operation import server_operation
from homeserver.http.replies import Empty
from homeserver.services.identity.exchanging import Exchanging, parse_exchange, parse_pending
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.refusals import Forbidden

INVITES_MAX: Final = 100


@frozen
class BoundBody:
    """Whom an identity server knows by an address now, and the invites that it has kept for it."""

    medium: str
    address: str
    mxid: UserID
    invites: list[JSONObject] = field(factory=list)


@frozen
class ServerThirdPartyEndpoints:
    """Turns invites by address into invites of users."""

    exchanging: Exchanging
    live_rooms: LiveRooms
    access: Access

    @server_operation("exchangeThirdPartyInvite")
    async def exchange(self, origin: ServerName, room_id: RoomID, body: JSONObject) -> Empty:
        """The user is invited.  Raises Forbidden, NotFound, Unreachable."""
        wish = parse_exchange(body, room_id)
        if server_of(wish.proof.mxid) != origin:
            raise Forbidden(f"{origin} cannot speak for {wish.proof.mxid}.")
        room = await self.live_rooms.find(room_id)
        if room is not None:
            await self.access.require(room, origin)
        await self.exchanging.carry_out(wish)
        return Empty()

    @server_operation("onBindThirdPartyIdentifier")
    async def bound(self, body: BoundBody) -> Empty:
        """Each invite is taken up that can be.  Raises NotFound."""
        if len(body.invites) > INVITES_MAX:
            raise Malformed(f"At most {INVITES_MAX} invites are taken at once.", "invites")
        invites = [parse_pending(each, body.mxid, parse_room_id(each.get("room_id"))) for each in body.invites]
        await self.exchanging.bound(body.mxid, invites)
        return Empty()
