"""
Invitations of this server's users by users of others.

Spec: server-server-api#inviting-to-a-room
"""

from collections.abc import Sequence

from attrs import frozen

from federation.core.shown_state import stripped
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
from homeserver.core.versions import RoomVersion
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.outliers import room_for, store_outliers
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.store import memberships, users
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

        Raises Malformed, BadSignature, NotFound for nobody of this server, Forbidden.
        """
        invite = parse_pdu(pdu, version)
        target = self._target(origin, invite, room_id, event_id)
        invite = await self.checks.check(invite)
        account = await self.database.read(users.by_id, target)
        if account is None or account.deactivated:
            raise NotFound(f"There is no user {target}.")
        signed = sign_event(invite, self.server, self.key)
        room = await self.live_rooms.find(room_id)
        if room is not None and target in room.joined:
            raise Forbidden(f"{target} is in the room already.")
        if room is None or self.server not in room.servers:
            # Where this server is in the room, the invite comes to it as every event does.
            await self.database.write(_keep, signed, target, [*stripped(shown), stripped_form(signed)])
        return signed

    def _target(self, origin: ServerName, invite: Event, room_id: RoomID, event_id: EventID) -> UserID:
        if invite.room_id != room_id or invite.event_id != event_id:
            raise Malformed("The event is not the one that the path names.", "event", "M_INVALID_PARAM")
        if invite.membership != "invite":
            raise Malformed("The event is no invitation.", "event", "M_INVALID_PARAM")
        if server_of(invite.sender) != origin:
            raise Forbidden(f"{origin} cannot speak for {invite.sender}.")
        if not is_user_id(invite.state_key) or server_of(UserID(invite.state_key or "")) != self.server:
            raise Malformed("The event invites nobody of this server.", "event", "M_INVALID_PARAM")
        return UserID(invite.state_key or "")


def _keep(tx: Write, invite: Event, target: UserID, shown: Sequence[JSONObject]) -> None:
    nid = room_for(tx, invite.room_id, invite.version)
    entry = TimelineEvent(invite, 0, None, Status.OUTLIER)
    store_outliers(tx, nid, [entry])
    memberships.replace(
        tx,
        user_id=target,
        room_nid=nid,
        membership="invite",
        position=tx.log(MEMBERSHIP, target, nid),
        event_nid=entry.nid,
        sender=invite.sender,
        stripped_state=shown,
    )
