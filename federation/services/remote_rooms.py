"""What rooms ask of the servers that are in them.  Implements ``homeserver.services.ports.RemoteRooms``."""

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from federation.core.paths import FEDERATION_V1, FEDERATION_V2, path_of
from federation.core.shown_state import stripped
from federation.services.ancestry import Ancestry
from federation.services.entering import Entering
from federation.services.handshakes import Handshakes, Joined, Template, refusal_of, with_signatures_of
from federation.services.pdu_checks import PduChecks
from federation.services.ports import Peers
from homeserver.core.canonical import JSONObject
from homeserver.core.client_events import stripped_form
from homeserver.core.events import Event
from homeserver.core.identifiers import (
    RoomAlias,
    RoomID,
    ServerName,
    UserID,
    parse_room_id,
    parse_server_name,
    server_of,
)
from homeserver.core.log import MEMBERSHIP
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import signatures_by
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.services.acceptance import Acceptance, MissingEvents
from homeserver.services.arrival import Arrival
from homeserver.services.clock import now_ms
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.outliers import room_for, store_outliers
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Forbidden, NotFound, NotInRoom, Refusal, Unreachable
from homeserver.store import memberships, rooms
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

CANDIDATES_MAX: Final = 10
"""Servers that are asked, one after the other."""


@frozen(eq=False)
class RemoteRooms:
    """Rooms that this server is not in, or not able to let its users into."""

    server: ServerName
    clock: IReactorTime
    database: Database
    peers: Peers
    checks: PduChecks
    handshakes: Handshakes
    ancestry: Ancestry
    arrival: Arrival
    acceptance: Acceptance
    live_rooms: LiveRooms
    entering: Entering

    async def join(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        """The user of this server is joined to the room, and the room is here.  *content*: of the member event."""
        refusal: Refusal = NotFound("No server is known that could let you in.")
        for server in self._candidates(room_id, via):
            try:
                template = await self.handshakes.make("join", room_id, user_id, [server])
                async with self.entering.into(room_id):
                    joined = await self._send_join(template, room_id, user_id, content)
                    await self._enter(server, joined)
            except Refusal as refused:
                refusal = _weightier(refusal, refused)
            else:
                return
        raise refusal

    async def knock(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        """The room knows that the user asks to be let in, and the knock is among the user's rooms."""
        template = await self.handshakes.make("knock", room_id, user_id, self._candidates(room_id, via))
        knock = self._sign(template, room_id, user_id, content)
        shown = await self.handshakes.send_knock(template, knock)
        await self.database.write(_keep, knock, "knock", [*stripped(shown), stripped_form(knock)])

    async def leave(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        """
        The user has given up an invite or a knock, and the room, which is not here, knows it if it can be told.

        Nobody is kept in an invitation by a server that does not answer.
        """
        try:
            template = await self.handshakes.make("leave", room_id, user_id, self._candidates(room_id, via))
            leave = self._sign(template, room_id, user_id, content)
            await self.handshakes.send_leave(template, leave)
        except Refusal as refused:
            log.info("a room could not be told that a user does not come", room=room_id, reason=str(refused))
            await self.database.write(_give_up, user_id, room_id)
        else:
            await self.database.write(_keep, leave, "leave", None)

    async def sign_invite(self, invite: Event, room_state: Sequence[Event]) -> Event:
        """
        *invite* with the signature of the invited user's server, which has told its user.

        Raises Forbidden when that server refuses, Unreachable.  Spec: server-server-api#inviting-to-a-room
        """
        assert invite.state_key is not None, "an invite names whom it is for"
        target = server_of(UserID(invite.state_key))
        body: JSONObject = {
            "event": invite.pdu,
            # Whole events, so that the other server can check them.
            "invite_room_state": [event.pdu for event in room_state],
            "room_version": invite.version.id,
        }
        path = path_of(f"{FEDERATION_V2}/invite", invite.room_id, invite.event_id)
        try:
            answer = await self._send_invite(target, path, body, invite)
        except PeerFault as fault:
            raise refusal_of(fault) from fault
        except PeerUnreachable as unreachable:
            raise Unreachable(f"{target} cannot be reached to invite {invite.state_key}.") from unreachable
        signed = with_signatures_of(invite, answer.get("event"), [target])
        if not signatures_by(signed.pdu, target):
            raise Unreachable(f"{target} did not sign the invitation.")
        return signed

    async def _send_invite(self, target: ServerName, path: str, body: JSONObject, invite: Event) -> JSONObject:
        """
        What *target* answers.  Raises PeerFault, PeerUnreachable.

        Until v2 of rooms it may be so old that it knows the first version of the operation alone.
        Spec: server-server-api#put_matrixfederationv2inviteroomideventid
        """
        try:
            return await self.peers.send(target, "PUT", path, body)
        except PeerFault as fault:
            if not invite.version.event_id_server_signs or fault.status not in {400, 404}:
                raise
            refused = fault
        old: JSONObject = {**invite.pdu, "unsigned": {"invite_room_state": body["invite_room_state"]}}
        old_path = path_of(f"{FEDERATION_V1}/invite", invite.room_id, invite.event_id)
        try:
            return await self.peers.send(target, "PUT", old_path, old)
        except PeerFault as fault:
            # Who knows the second version has said there what is wrong.
            raise (fault if refused.errcode in {"", "M_UNRECOGNIZED"} else refused) from fault

    async def resolve_alias(self, alias: RoomAlias) -> tuple[RoomID, Sequence[ServerName]]:
        """The room that another server's alias points to, and servers that know it.  Raises NotFound, Unreachable."""
        server = server_of(alias)
        try:
            answer = await self.peers.fetch(server, f"{FEDERATION_V1}/query/directory", {"room_alias": alias})
            listed = answer.get("servers")
            servers = [parse_server_name(item) for item in (listed if isinstance(listed, list) else ())]
            return parse_room_id(answer.get("room_id")), [*servers, server]
        except PeerFault as fault:
            raise NotFound(f"The alias {alias} points to no room.") from fault
        except PeerUnreachable as unreachable:
            raise Unreachable(f"{server} cannot be reached.") from unreachable
        except Malformed as malformed:
            raise Unreachable(f"{server} does not tell where {alias} points.") from malformed

    def _candidates(self, room_id: RoomID, via: Sequence[ServerName]) -> list[ServerName]:
        # Until v11 a room ID names the server that made it, which often is still there.
        named = [*via, *([server_of(room_id)] if server_of(room_id) else [])]
        return [server for server in dict.fromkeys(named) if server != self.server][:CANDIDATES_MAX]

    def _sign(self, template: Template, room_id: RoomID, user_id: UserID, content: JSONObject) -> Event:
        try:
            return self.handshakes.sign(template, room_id, user_id, content, now_ms(self.clock))
        except Malformed as malformed:
            raise Unreachable(f"{template.server} made a form that cannot be used.") from malformed

    async def _send_join(self, template: Template, room_id: RoomID, user_id: UserID, content: JSONObject) -> Joined:
        return await self.handshakes.send_join(template, self._sign(template, room_id, user_id, content))

    async def _enter(self, origin: ServerName, joined: Joined) -> None:
        if await self.arrival.arrive(joined.join, joined.state, joined.auth_chain):
            return
        # We are in the room already, and another server had to let this user in.
        await self.ancestry.store([*joined.auth_chain, *joined.state])
        told = {event.key: event.event_id for event in joined.state}
        try:
            status = await self.acceptance.accept(joined.join, told)
        except MissingEvents as missing:
            raise Unreachable(f"{origin} let you in, and did not tell what this refers to.") from missing
        if status is not Status.ACCEPTED:
            raise Forbidden(f"{origin} let you in, but the room as this server knows it does not.")


def _weightier(one: Refusal, other: Refusal) -> Refusal:
    """A refusal says more than that nobody answered."""
    return one if isinstance(other, Unreachable) and not isinstance(one, NotFound) else other


def _keep(tx: Write, event: Event, membership: str, stripped_state: Sequence[JSONObject] | None) -> None:
    """The user's membership is as the event says, though the room is not here."""
    user_id = UserID(event.sender)
    nid = room_for(tx, event.room_id, event.version)
    entry = TimelineEvent(event, 0, None, Status.OUTLIER)
    store_outliers(tx, nid, [entry])
    memberships.replace(
        tx,
        user_id=user_id,
        room_nid=nid,
        membership=membership,
        position=tx.log(MEMBERSHIP, user_id, nid),
        event_nid=entry.nid,
        sender=user_id,
        stripped_state=stripped_state,
    )


def _give_up(tx: Write, user_id: UserID, room_id: RoomID) -> None:
    room = rooms.by_id(tx.connection, room_id)
    if room is None:
        raise NotInRoom
    position = tx.log(MEMBERSHIP, user_id, room.nid)
    memberships.replace(
        tx,
        user_id=user_id,
        room_nid=room.nid,
        membership="leave",
        position=position,
        event_nid=None,
        sender=user_id,
    )
