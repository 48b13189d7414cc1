"""
Inviting somebody of whom only an address is known.

Spec: client-server-api#third-party-invites
"""

from attrs import define, field, frozen

from homeserver.core.auth_events import CREATE, JOIN_RULES, POWER_LEVELS
from homeserver.core.authorization.situation import Situation
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.mail.addresses import folded_address
from homeserver.core.malformed import Malformed
from homeserver.core.third_party_invites import KIND, invite_content
from homeserver.services.identity.ports import IdentityServer, IdentityServers
from homeserver.services.identity.refusing import relayed
from homeserver.services.inviting import Inviting
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Forbidden, NotInRoom, Unreachable
from homeserver.services.timeline import Timeline

# What the identity server may put into the mail that it sends: from which state, and by which key of its content.
_TOLD: dict[str, tuple[StateKey, str]] = {
    "room_alias": (("m.room.canonical_alias", ""), "alias"),
    "room_avatar_url": (("m.room.avatar", ""), "url"),
    "room_join_rules": (JOIN_RULES, "join_rule"),
    "room_name": (("m.room.name", ""), "name"),
    "room_type": (CREATE, "type"),
}


@frozen
class Invitee:
    """Whoever owns an address; *server*: of which the owner's user ID is asked."""

    server: IdentityServer
    medium: str
    address: str = field(repr=False)


@define(eq=False)
class AddressInviting:
    """Invites by address."""

    servers: IdentityServers
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    inviting: Inviting

    async def invite(
        self, sender: UserID, room_id: RoomID, invitee: Invitee, *, reason: str | None = None, is_direct: bool = False
    ) -> None:
        """
        The owner of the address is invited, or will be once the identity server knows who that is.

        Raises NotInRoom, Forbidden, IdentityRefusal, Unreachable, and as ``Inviting.invite`` for a user who is known.
        """
        room = await self.live_rooms.load(room_id)
        if sender not in room.joined:
            raise NotInRoom
        address = folded_address(invitee.medium, invitee.address)
        state = await self._state(room, sender)
        # Nobody gets mail by somebody who may not invite.
        situation = Situation.of(state, state[CREATE])
        if situation.level(sender) < situation.levels.named("invite"):
            raise Forbidden("You may not invite others to this room.")
        try:
            target = await self.servers.lookup(invitee.server, invitee.medium, address)
            if target is None:
                answer = await self.servers.store_invite(
                    invitee.server, _told(room_id, sender, invitee.medium, address, state)
                )
        except PeerFault as fault:
            raise relayed(fault) from fault
        except PeerUnreachable as unreachable:
            raise Unreachable(f"The identity server {invitee.server.name} cannot be reached.") from unreachable
        if target is not None:
            await self.inviting.invite(sender, room_id, target, reason=reason, is_direct=is_direct)
            return
        try:
            token, content = invite_content(answer)
        except Malformed as malformed:
            raise Unreachable(f"The identity server {invitee.server.name} does not answer as one.") from malformed
        await self.timeline.send(room_id, Draft(KIND, sender, content, token))

    async def _state(self, room: LiveRoom, sender: UserID) -> dict[StateKey, Event]:
        keys = {CREATE, POWER_LEVELS, ("m.room.member", str(sender)), *(key for key, _ in _TOLD.values())}
        wanted = {key: room.state[key] for key in keys if key in room.state}
        found = await self.known.by_ids(wanted.values())
        return {key: found[event_id].event for key, event_id in wanted.items()}


def _told(room_id: RoomID, sender: UserID, medium: str, address: str, state: dict[StateKey, Event]) -> JSONObject:
    """What the identity server is told.  Spec: identity-service-api#post_matrixidentityv2store-invite"""
    told: dict[str, JSON] = {
        name: state[key].content.get(field_name) for name, (key, field_name) in _TOLD.items() if key in state
    }
    member = state.get(("m.room.member", sender))
    if member is not None:
        told["sender_display_name"] = member.content.get("displayname")
        told["sender_avatar_url"] = member.content.get("avatar_url")
    texts: JSONObject = {name: text for name, text in told.items() if isinstance(text, str)}
    return {**texts, "medium": medium, "address": address, "room_id": room_id, "sender": sender}
