"""Lets users into calls on other servers.  Implements ``homeserver.services.livekit.ports.RemoteClusters``."""

from typing import Final

from attrs import frozen

from federation.core.paths import FEDERATION_V1
from federation.services.ports import Peers
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName, UserID
from homeserver.services.livekit.ports import Pass, Seat
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Misunderstood, NotAuthorized, NotFound, Unreachable

PATH: Final = f"{FEDERATION_V1}/rtc/livekit/get_token"
UNSTABLE_PATH: Final = "/_matrix/federation/unstable/io.element.msc4195/rtc/livekit/get_token"


@frozen(eq=False)
class RemoteClusters:
    """Asks their servers."""

    peers: Peers

    async def admit(self, server: ServerName, user_id: UserID, seat: Seat) -> Pass:
        """What lets the user in there.  Raises NotAuthorized, NotFound, Misunderstood, Unreachable."""
        try:
            answer = await self._ask(server, _asked(user_id, seat))
        except PeerUnreachable as failure:
            raise Unreachable(f"{server} cannot be reached.") from failure
        except PeerFault as fault:
            # What exactly it has against it is not for clients.
            raise (NotFound if fault.status == 404 else NotAuthorized) from fault
        jwt, url = answer.get("jwt"), answer.get("url", seat.url)
        if not isinstance(jwt, str) or not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
            raise Misunderstood
        return Pass(jwt, url)

    async def _ask(self, server: ServerName, body: JSONObject) -> JSONObject:
        try:
            return await self.peers.send(server, "POST", PATH, body)
        except PeerFault as fault:
            if fault.errcode != "M_UNRECOGNIZED":
                raise
            return await self.peers.send(server, "POST", UNSTABLE_PATH, body)


def _asked(user_id: UserID, seat: Seat) -> JSONObject:
    member: JSONObject = {"id": seat.member_id, "claimed_device_id": seat.claimed_device_id}
    # NOTSPEC: the text does not say for whom a server asks, and names participants by it.
    body: JSONObject = {"room_id": seat.room_id, "slot_id": seat.slot_id, "member": member, "user_id": user_id}
    if seat.url is not None:
        body["url"] = seat.url
    return body
