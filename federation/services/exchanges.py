"""
Asking the server of whoever invited by address to invite the user.

Spec: server-server-api#third-party-invites
"""

from attrs import frozen

from federation.core.paths import FEDERATION_V1, path_of
from federation.services.handshakes import refusal_of
from federation.services.ports import Peers
from homeserver.core.identifiers import localpart_of, server_of
from homeserver.core.third_party_invites import Exchange
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Unreachable


@frozen(eq=False)
class RemoteExchanges:
    """Implements ``homeserver.services.identity.ports.Exchanges``."""

    peers: Peers

    async def exchange(self, wish: Exchange) -> None:
        """The user of the proof is invited.  Raises Unreachable, Forbidden, NotFound."""
        server = server_of(wish.sender)
        path = path_of(f"{FEDERATION_V1}/exchange_third_party_invite", wish.room_id)
        # The name by which the room shows the invite stands there, and that server puts it in.
        body = wish.to_json(localpart_of(wish.proof.mxid))
        try:
            await self.peers.send(server, "PUT", path, body)
        except PeerFault as fault:
            raise refusal_of(fault) from fault
        except PeerUnreachable as unreachable:
            raise Unreachable(f"{server} cannot be reached.") from unreachable
