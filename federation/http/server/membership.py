"""
Users of other servers enter and leave rooms that this server is in, and users of this one are invited.

Spec: server-server-api#joining-rooms
"""

from attrs import field, frozen

from federation.services.invitations import Invitations
from federation.services.residence import Residence
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.http.operation import server_operation
from homeserver.services.live_rooms import LiveRoom
from homeserver.services.refusals import IncompatibleVersion


@frozen
class InviteBody:
    """An invitation, and what the room shows of itself."""

    room_version: str
    event: JSONObject
    invite_room_state: list[JSONObject] = field(factory=list)


@frozen
class ServerMembershipEndpoints:
    """Joins, knocks, leaves, invites."""

    server: ServerName
    residence: Residence
    invitations: Invitations

    @server_operation("makeJoin")
    async def make_join(
        self, origin: ServerName, room_id: RoomID, user_id: UserID, ver: tuple[str, ...] = ("1",)
    ) -> JSONObject:
        """A form to join with.  Raises NotFound, Forbidden, IncompatibleVersion."""
        room, event = await self.residence.make("join", origin, room_id, user_id, ver)
        return self._form(room, event)

    @server_operation("sendJoinV2")
    async def send_join(
        self,
        origin: ServerName,
        room_id: RoomID,
        event_id: EventID,
        body: JSONObject,
        omit_members: bool = False,
    ) -> JSONObject:
        """The user has joined.  Raises Forbidden, BadSignature, NotFound."""
        entrance = await self.residence.send_join(origin, room_id, event_id, body, omit_members=omit_members)
        return {
            "origin": self.server,
            "event": entrance.event.pdu,
            "state": [event.pdu for event in entrance.state],
            "auth_chain": [event.pdu for event in entrance.auth_chain],
            "members_omitted": omit_members,
            "servers_in_room": [*entrance.servers],
        }

    @server_operation("makeKnock")
    async def make_knock(
        self, origin: ServerName, room_id: RoomID, user_id: UserID, ver: tuple[str, ...]
    ) -> JSONObject:
        """A form to knock with.  Raises NotFound, Forbidden, IncompatibleVersion."""
        room, event = await self.residence.make("knock", origin, room_id, user_id, ver)
        return self._form(room, event)

    @server_operation("sendKnock")
    async def send_knock(self, origin: ServerName, room_id: RoomID, event_id: EventID, body: JSONObject) -> JSONObject:
        """The user has knocked; answers what the room shows of itself.  Raises Forbidden, BadSignature, NotFound."""
        shown = await self.residence.send_knock(origin, room_id, event_id, body)
        return {"knock_room_state": [event.pdu for event in shown]}

    @server_operation("makeLeave")
    async def make_leave(self, origin: ServerName, room_id: RoomID, user_id: UserID) -> JSONObject:
        """A form to leave with.  Raises NotFound, Forbidden."""
        room, event = await self.residence.make("leave", origin, room_id, user_id)
        return self._form(room, event)

    @server_operation("sendLeaveV2")
    async def send_leave(self, origin: ServerName, room_id: RoomID, event_id: EventID, body: JSONObject) -> JSONObject:
        """The user has left.  Raises Forbidden, BadSignature, NotFound."""
        await self.residence.send_leave(origin, room_id, event_id, body)
        return {}

    @server_operation("sendInviteV2")
    async def send_invite_v2(
        self, origin: ServerName, room_id: RoomID, event_id: EventID, body: InviteBody
    ) -> JSONObject:
        """The user knows of the invitation; answers it signed.  Raises IncompatibleVersion, Forbidden, NotFound."""
        await self.invitations.require_access(origin, room_id)
        version = ROOM_VERSIONS.get(body.room_version)
        if version is None:
            raise IncompatibleVersion(body.room_version)
        signed = await self.invitations.receive(origin, version, room_id, event_id, body.event, body.invite_room_state)
        return {"event": signed.pdu}

    @server_operation("sendInviteV1")
    async def send_invite_v1(
        self, origin: ServerName, room_id: RoomID, event_id: EventID, body: JSONObject
    ) -> list[JSON]:
        """The same in room versions 1 and 2, where the body is the event.  Raises Forbidden, NotFound."""
        await self.invitations.require_access(origin, room_id)
        unsigned = body.get("unsigned")
        shown = unsigned.get("invite_room_state") if isinstance(unsigned, dict) else None
        # An ID with a server in it is of version 1 or 2, whose events look the same.
        signed = await self.invitations.receive(
            origin, ROOM_VERSIONS["2"], room_id, event_id, body, shown if isinstance(shown, list) else ()
        )
        return [200, {"event": signed.pdu}]

    def _form(self, room: LiveRoom, event: JSONObject) -> JSONObject:
        return {"event": {**event, "origin": self.server}, "room_version": room.version.id}
