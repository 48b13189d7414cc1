"""
Invitations of this server's users by users of others.

Spec: server-server-api#inviting-to-a-room
"""

from collections.abc import Sequence

from attrs import frozen

from federation.core.shown_state import stripped
from federation.services.access import Access
from federation.services.pdu_checks import PduChecks
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import stripped_form
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, is_user_id, server_of
from homeserver.core.log import MEMBERSHIP
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.signatures import SigningKey
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.core.versions import ROOM_VERSIONS, RoomVersion
from homeserver.services.alone import NoAppservices
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.member_guards import MemberChange, MemberGuards
from homeserver.services.outliers import room_for, store_outliers
from homeserver.services.ports import AppserviceQueries
from homeserver.services.refusals import BadSignature, Forbidden, NotFound
from homeserver.store import events, memberships, rooms, users
from homeserver.store.database import Database
from homeserver.store.write import Write


@frozen(eq=False)
class Invitations:
    """Takes invitations in the name of users here."""

    server: ServerName
    key: SigningKey
    database: Database
    checks: PduChecks
    live_rooms: LiveRooms
    access: Access
    guards: MemberGuards
    queries: AppserviceQueries = NoAppservices()

    async def require_access(self, origin: ServerName, room_id: RoomID) -> None:
        """
        Raises Forbidden where the room, as far as it is known here, does not let *origin* take part.

        That is asked first: a denied server is told nothing else.
        Spec: server-server-api#server-access-control-lists-acls
        """
        room = await self.live_rooms.find(room_id)
        if room is not None:
            await self.access.require(room, origin)

    async def receive(
        self,
        origin: ServerName,
        version: RoomVersion,
        room_id: RoomID,
        event_id: EventID,
        pdu: JSON,
        shown: Sequence[JSON],
    ) -> Event:
        """
        The user knows of the invitation; answers it with this server's signature.

        Raises Malformed, NotFound for nobody of this server, Forbidden; InviteBlocked and its like.
        """
        self.live_rooms.require_open(room_id)
        invite = parse_pdu(pdu, version)
        target = self._target(origin, invite, room_id, event_id)
        try:
            invite = await self.checks.check(invite)
        except BadSignature as unsigned:
            raise Malformed(unsigned.reason, "event", "M_INVALID_PARAM") from unsigned
        await self._require_beginning(invite, shown)
        account = await self.database.read(users.by_id, target)
        if account is None and await self.queries.make_user(target):
            account = await self.database.read(users.by_id, target)
        if account is None or account.deactivated:
            raise NotFound(f"There is no user {target}.")
        await self.guards.check(MemberChange(room_id, invite.sender, target, "invite"))
        signed = sign_event(invite, self.server, self.key)
        room = await self.live_rooms.find(room_id)
        if room is None or self.server not in room.servers:
            # Where this server is in the room, the invite comes to it as every event does.
            await self.database.write(_keep, signed, target, [*stripped(shown), stripped_form(signed)])
            return signed
        if target in room.joined:
            raise Forbidden(f"{target} is in the room already.")
        return signed

    async def withdraw(self, room_id: RoomID, pdu: JSONObject) -> Event:
        """
        The user's invitation to a room that is not here, or knock on it, is over, as the event in *pdu* says.

        Nobody here can judge such an event.  Who sends it knows the member event that it ends, as those do who are in
        the room.  Raises Malformed, BadSignature, NotFound when nobody here waits for it.
        """
        room = await self.database.read(rooms.by_id, room_id)
        if room is None or room.version is None:
            raise NotFound("Nobody here knows that room.")
        event = parse_pdu(pdu, ROOM_VERSIONS[room.version])
        if event.membership not in {"leave", "ban"} or not is_user_id(event.state_key):
            raise NotFound("The event ends no invitation.")
        target = UserID(event.state_key or "")
        rows = await self.database.read(memberships.of_users, room.nid, [target])
        awaited = [row.event_nid for row in rows if row.membership in {"invite", "knock"} and row.event_nid is not None]
        kept = (await self.database.read(events.ids_of, awaited)).values()
        if server_of(target) != self.server or not set(kept) & {*event.auth_events}:
            raise NotFound(f"{target} is not invited.")
        event = await self.checks.check(event)
        await self.database.write(_keep, event, target, None)
        return event

    async def _require_beginning(self, invite: Event, shown: Sequence[JSON]) -> None:
        # NOTSPEC: until v11 this may be asked for as well; servers in the field send stripped events there.
        if not invite.version.auth.room_id_is_create_hash:
            return
        found = await self.checks.sound(shown, invite.version, invite.room_id)
        if len(found) < len(shown) or all(event.type != "m.room.create" for event in found):
            raise Malformed(
                "These must be events of the room, its creation among them.", "invite_room_state", "M_INVALID_PARAM"
            )

    def _target(self, origin: ServerName, invite: Event, room_id: RoomID, event_id: EventID) -> UserID:
        if invite.room_id != room_id or invite.event_id != event_id:
            raise Malformed("The event is not the one that the path names.", "event", "M_INVALID_PARAM")
        if invite.membership != "invite":
            raise Malformed("The event is no invitation.", "event", "M_INVALID_PARAM")
        if server_of(invite.sender) != origin:
            raise Malformed(f"{origin} cannot speak for {invite.sender}.", "event", "M_INVALID_PARAM")
        if not is_user_id(invite.state_key) or server_of(UserID(invite.state_key or "")) != self.server:
            raise Malformed("The event invites nobody of this server.", "event", "M_INVALID_PARAM")
        return UserID(invite.state_key or "")


def _keep(tx: Write, event: Event, target: UserID, shown: Sequence[JSONObject] | None) -> None:
    nid = room_for(tx, event.room_id, event.version)
    entry = TimelineEvent(event, 0, None, Status.OUTLIER)
    store_outliers(tx, nid, [entry])
    memberships.replace(
        tx,
        user_id=target,
        room_nid=nid,
        membership=event.membership or "leave",
        position=tx.log(MEMBERSHIP, target, nid),
        event_nid=entry.nid,
        sender=event.sender,
        stripped_state=shown,
    )
