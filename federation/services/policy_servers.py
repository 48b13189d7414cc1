"""
Asking policy servers for their signatures, and being one.

Spec: server-server-api#asking-for-a-policy-server-signature-on-an-event
"""

from typing import Final

from attrs import define, frozen

from federation.core.paths import POLICY_V1
from federation.services.access import Access
from federation.services.ports import Peers
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.hashes import is_intact
from homeserver.core.identifiers import RoomID, ServerName, parse_room_id
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.policy_servers import POLICY_KEY_ID, is_checked
from homeserver.core.signatures import SigningKey, signatures_by
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.policy.rules import PolicyRules
from homeserver.services.ports import PeerFault
from homeserver.services.refusals import NotFound, NotRecommended, Refusal

TIMEOUT_SECONDS: Final = 10.0
"""Somebody waits to send."""


@frozen(eq=False)
class PolicySigning:
    """This server as a policy server: what no rule of its lists is against, it signs."""

    server: ServerName
    key: SigningKey
    live_rooms: LiveRooms
    access: Access
    rules: PolicyRules
    recommendations: Recommendations

    async def answer(self, origin: ServerName, pdu: JSONObject) -> JSONObject:
        """
        This server's signature of the event, for *origin*.

        Raises Malformed, NotFound for a room that does not use this server, Forbidden, NotRecommended.
        """
        room = await self._room(_room_id(pdu))
        if origin != self.server:
            await self.access.require(room, origin)
        event = parse_pdu(pdu, room.version)
        if not is_checked(event):
            raise Malformed("No policy server is asked of this event.", "type")
        # A signature covers the hash of the content: what was shown here must be what others will see.
        if not is_intact(event):
            raise Malformed("The hash of the event is not that of its content.", "hashes")
        reason = await self.rules.against(event.sender, room.room_id)
        if reason is not None:
            raise NotRecommended(reason)
        signed = sign_event(event, self.server, self.key)
        return {self.server: {POLICY_KEY_ID: signatures_by(signed.pdu, self.server)[POLICY_KEY_ID]}}

    async def _room(self, room_id: RoomID) -> LiveRoom:
        room = await self.live_rooms.find(room_id)
        used = None if room is None else await self.recommendations.server_of(room)
        if room is None or used is None or used.name != self.server:
            raise NotFound("That room does not use this policy server.")
        return room


@define(eq=False)
class PolicyRequests:
    """
    Asks.  Implements ``ports.PolicyServers``.

    *own*: this server as one, which it does not ask over the network; it rests upon what asks this.
    """

    server: ServerName
    peers: Peers
    own: PolicySigning | None = None

    async def sign(self, server: ServerName, event: Event) -> JSON:
        """What *server* answers.  Raises PeerUnreachable, PeerFault."""
        if server != self.server:
            path = f"{POLICY_V1}/sign"
            return await self.peers.send(server, "POST", path, event.pdu, timeout_seconds=TIMEOUT_SECONDS)
        if self.own is None:
            raise PeerFault(server, 404, "M_UNRECOGNIZED")
        try:
            return await self.own.answer(server, event.pdu)
        except (Refusal, Malformed) as refusal:
            body = {"errcode": "M_FORBIDDEN", "error": str(refusal)}
            raise PeerFault(server, 400, "M_FORBIDDEN", body) from refusal


def _room_id(pdu: JSONObject) -> RoomID:
    try:
        return parse_room_id(pdu.get("room_id"))
    except Malformed as malformed:
        raise Malformed(malformed.reason, "room_id") from malformed
