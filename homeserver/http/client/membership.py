"""
Membership of rooms.

Spec: client-server-api#room-membership
"""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID, parse_server_name
from homeserver.core.malformed import Malformed
from homeserver.http.client.send_options import RemovalOption
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.aliases import Aliases
from homeserver.services.callers import Caller
from homeserver.services.departing import Departing
from homeserver.services.identity.exchanging import Exchanging
from homeserver.services.identity.inviting import AddressInviting, Invitee
from homeserver.services.identity.ports import IdentityServer
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import GuestsForbidden, InvalidParameter


@frozen
class JoinBody:
    """Why, and by which invitation of a third party."""

    reason: str | None = None
    third_party_signed: JSONObject | None = None


@frozen
class ReasonBody:
    """Why."""

    reason: str | None = None


@frozen
class TargetBody:
    """Whom, and why."""

    user_id: UserID
    reason: str | None = None


@frozen
class InviteBody:
    """Whom, and why; somebody named by an address has no user ID here."""

    user_id: UserID | None = None
    reason: str | None = None
    id_server: str | None = None
    id_access_token: str | None = field(default=None, repr=False)
    medium: str | None = None
    address: str | None = None


def invitee_of(body: InviteBody) -> Invitee:
    """Whom the body names.  Raises Malformed with ``M_MISSING_PARAM`` where it does not."""
    for name in ("address", "medium", "id_server", "id_access_token"):
        if getattr(body, name) is None:
            raise Malformed("An invite names a user_id, or all that is needed for an address.", name, "M_MISSING_PARAM")
    server = IdentityServer(str(parse_server_name(body.id_server)), str(body.id_access_token))
    return Invitee(server, str(body.medium), str(body.address))


@frozen
class MembershipEndpoints:
    """Coming and going."""

    joining: Joining
    inviting: Inviting
    departing: Departing
    memberships: Memberships
    aliases: Aliases
    addresses: AddressInviting | None = None
    """Invites by address; None: this server asks no identity server."""
    exchanging: Exchanging | None = None
    removal_options: Sequence[RemovalOption] = ()

    @operation("getJoinedRooms")
    async def joined_rooms(self, caller: Caller) -> JSONObject:
        """The rooms that the caller is in."""
        return {"joined_rooms": list((await self.memberships.of(caller.user_id)).joined)}

    @operation("joinRoomById")
    async def join_room_by_id(self, caller: Caller, room_id: RoomID, body: JoinBody) -> JSONObject:
        """The caller is in the room.  Raises Forbidden, NotFound, Unreachable."""
        await self._join(caller, room_id, (), body)
        return {"room_id": room_id}

    @operation("joinRoom")
    async def join_room(
        self, caller: Caller, room_id_or_alias: RoomID | RoomAlias, body: JoinBody, via: tuple[ServerName, ...] = ()
    ) -> JSONObject:
        """The same for a room by its alias.  Raises Forbidden, NotFound, Unreachable."""
        room_id, servers = await self._find(room_id_or_alias, via)
        await self._join(caller, room_id, servers, body)
        return {"room_id": room_id}

    @operation("knockRoom")
    async def knock_room(
        self,
        caller: Caller,
        room_id_or_alias: RoomID | RoomAlias,
        body: ReasonBody,
        via: tuple[ServerName, ...] = (),
    ) -> JSONObject:
        """The room knows that the caller asks to be let in.  Raises Forbidden, NotFound, Unreachable."""
        if caller.is_guest:
            raise GuestsForbidden
        room_id, servers = await self._find(room_id_or_alias, via)
        await self.joining.knock(caller, room_id, servers, reason=body.reason)
        return {"room_id": room_id}

    @operation("inviteUser", "inviteBy3PID")
    async def invite(self, caller: Caller, room_id: RoomID, body: InviteBody) -> Empty:
        """The user is invited.  Raises NotInRoom, Forbidden, NotFound, Unreachable."""
        if caller.is_guest:
            raise GuestsForbidden
        if body.user_id is None:
            await self._invite_address(caller, room_id, body)
            return Empty()
        await self.inviting.invite(caller.user_id, room_id, body.user_id, reason=body.reason)
        return Empty()

    @operation("leaveRoom")
    async def leave_room(self, caller: Caller, room_id: RoomID, body: ReasonBody) -> Empty:
        """The caller is neither in the room nor invited, nor knocking.  Raises NotInRoom, Unreachable."""
        await self.departing.leave(caller.user_id, room_id, reason=body.reason)
        return Empty()

    @operation("forgetRoom")
    async def forget_room(self, caller: Caller, room_id: RoomID) -> Empty:
        """The caller sees nothing of the room any more.  Raises NotInRoom, StillInRoom."""
        await self.departing.forget(caller.user_id, room_id)
        return Empty()

    @operation("kick")
    async def kick(self, caller: Caller, room_id: RoomID, body: TargetBody, incoming: Incoming) -> Empty:
        """The user is out of the room.  Raises NotInRoom, Forbidden."""
        more = self._removal_fields(incoming)
        await self.departing.kick(caller.user_id, room_id, body.user_id, reason=body.reason, more=more)
        return Empty()

    @operation("ban")
    async def ban(self, caller: Caller, room_id: RoomID, body: TargetBody, incoming: Incoming) -> Empty:
        """The user is out of the room and cannot come back.  Raises NotInRoom, Forbidden."""
        more = self._removal_fields(incoming)
        await self.departing.ban(caller.user_id, room_id, body.user_id, reason=body.reason, more=more)
        return Empty()

    @operation("unban")
    async def unban(self, caller: Caller, room_id: RoomID, body: TargetBody) -> Empty:
        """The user may come back.  Raises NotInRoom, Forbidden."""
        await self.departing.unban(caller.user_id, room_id, body.user_id, reason=body.reason)
        return Empty()

    def _removal_fields(self, incoming: Incoming) -> Mapping[str, JSON]:
        body = incoming.json()
        assert isinstance(body, dict), "the endpoint's own body was read from it"
        return {name: value for each in self.removal_options for name, value in each.fields(body).items()}

    async def _invite_address(self, caller: Caller, room_id: RoomID, body: InviteBody) -> None:
        if self.addresses is None:
            raise InvalidParameter("Say by user_id whom to invite: this server asks no identity server for addresses.")
        await self.addresses.invite(caller.user_id, room_id, invitee_of(body), reason=body.reason)

    async def _join(self, caller: Caller, room_id: RoomID, via: Sequence[ServerName], body: JoinBody) -> None:
        if body.third_party_signed is not None and self.exchanging is not None:
            row = (await self.memberships.of(caller.user_id)).rows.get(room_id)
            if row is None or row.membership not in {"invite", "join"}:
                await self.exchanging.accept(caller.user_id, room_id, body.third_party_signed)
        await self.joining.join(caller, room_id, via, reason=body.reason)

    async def _find(self, named: RoomID | RoomAlias, via: Sequence[ServerName]) -> tuple[RoomID, Sequence[ServerName]]:
        if not named.startswith("#"):
            return RoomID(named), via
        room_id, servers = await self.aliases.resolve(RoomAlias(named))
        return room_id, [*via, *servers]
