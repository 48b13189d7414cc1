"""
Invites by address are taken up: the owner of the address is known now, and becomes invited as a user.

Spec: client-server-api#third-party-invites
"""

from collections.abc import Sequence

import structlog
from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, ServerName, UserID, parse_user_id, server_of
from homeserver.core.malformed import Malformed
from homeserver.core.third_party_invites import KIND, Exchange, PublishedKey, keys_that_signed, parse_proof
from homeserver.services.identity.ports import Exchanges, IdentityServers
from homeserver.services.inviting import Inviting
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Forbidden, NotFound, Refusal
from homeserver.store import users
from homeserver.store.database import Database

log = structlog.get_logger(__name__)


@define(eq=False)
class Exchanging:
    """Turns invites by address into invites of users; *others* do so for invites of their own users."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    inviting: Inviting
    servers: IdentityServers
    others: Exchanges

    async def exchange(self, wish: Exchange) -> None:
        """The user of the proof is invited.  Raises Forbidden, NotFound, Unreachable."""
        if server_of(wish.sender) == self.server:
            await self.carry_out(wish)
        else:
            await self.others.exchange(wish)

    async def carry_out(self, wish: Exchange) -> None:
        """
        The same for an invite by a user of this server.

        Raises NotFound for a room that is not here, Forbidden where there is no such invite or the proof does not hold.
        """
        room = await self.live_rooms.find(wish.room_id)
        if room is None or self.server not in room.servers:
            raise NotFound("This server is not in that room.")
        event_id = room.state.get((KIND, wish.proof.token))
        entry = None if event_id is None else await self.known.by_id(event_id)
        if entry is None or entry.event.sender != wish.sender or server_of(wish.sender) != self.server:
            raise Forbidden("There is no such invitation.")
        if wish.proof.mxid in room.joined:
            return
        await self._require_proven(wish, entry.event)
        name = entry.event.content.get("display_name")
        invite: JSONObject = {"display_name": name, "signed": wish.proof.signed}
        await self.inviting.invite(wish.sender, wish.room_id, wish.proof.mxid, third_party_invite=invite)

    async def accept(self, user_id: UserID, room_id: RoomID, signed: JSONObject) -> None:
        """
        The user, who brings the proof along when joining, is invited.

        Raises Malformed, Forbidden, NotFound, Unreachable.
        Spec: client-server-api#post_matrixclientv3roomsroomidjoin
        """
        proof = parse_proof(signed, "third_party_signed")
        if proof.mxid != user_id:
            raise Forbidden("The invitation is for somebody else.")
        await self.exchange(Exchange(room_id, parse_user_id(signed.get("sender")), proof))

    async def bound(self, user_id: UserID, invites: Sequence[Exchange]) -> None:
        """
        An identity server knows now who the user is for whom it has kept the invites: each is taken up that can be.

        Raises NotFound for nobody of this server.
        """
        account = await self.database.read(users.by_id, user_id) if server_of(user_id) == self.server else None
        if account is None or account.deactivated:
            raise NotFound(f"There is no user {user_id}.")
        for invite in invites:
            try:
                await self.exchange(invite)
            except (Refusal, Malformed, PeerFault, PeerUnreachable) as error:
                log.info("an invite by address comes to nothing", room=invite.room_id, reason=str(error))

    async def _require_proven(self, wish: Exchange, invitation: Event) -> None:
        keys = keys_that_signed(wish.proof, invitation.content)
        if not keys:
            raise Forbidden("The identity server did not sign this.")
        for key in keys:
            if await self._is_valid(key):
                return
        raise Forbidden("The identity server does not know its key any more.")

    async def _is_valid(self, key: PublishedKey) -> bool:
        if key.validity_url is None:
            return True
        try:
            return await self.servers.is_key_valid(key.validity_url, key.public_key)
        except (PeerFault, PeerUnreachable) as error:
            log.info("a key of an identity server cannot be checked", url=key.validity_url, reason=str(error))
            return False


def parse_exchange(body: JSONObject, room_id: RoomID) -> Exchange:
    """What another server wishes, of the room that it names.  Raises Malformed."""
    content = body.get("content")
    invite = content.get("third_party_invite") if isinstance(content, dict) else None
    if not isinstance(content, dict) or content.get("membership") != "invite" or not isinstance(invite, dict):
        raise Malformed("This must be an invite that takes up one by address.", "content")
    if body.get("type") != "m.room.member" or body.get("room_id") != room_id:
        raise Malformed("This must be a member event of the room that the path names.", "room_id")
    proof = parse_proof(invite.get("signed"), "content.third_party_invite.signed")
    if body.get("state_key") != proof.mxid:
        raise Malformed("The proof is of another user.", "state_key")
    return Exchange(room_id, parse_user_id(body.get("sender")), proof)


def parse_pending(value: JSON, user_id: UserID, room_id: RoomID) -> Exchange:
    """One of the invites that an identity server has kept for the user.  Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed("This must be an object.", "invites")
    proof = parse_proof(value.get("signed"), "invites.signed")
    if proof.mxid != user_id:
        raise Malformed("The proof is of another user.", "invites.signed.mxid")
    return Exchange(room_id, parse_user_id(value.get("sender")), proof)
