"""
Creating rooms.

Spec: client-server-api#creation
"""

from typing import Literal

import structlog
from attrs import field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID, parse_room_alias
from homeserver.core.malformed import Malformed
from homeserver.core.room_creation import PRIVATE_CHAT, PUBLIC_CHAT, InitialState, RoomRequest
from homeserver.core.versions import RoomVersion, parse_room_version
from homeserver.http.client.membership import InviteBody, invitee_of
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.creating import Creating
from homeserver.services.identity.inviting import AddressInviting, Invitee
from homeserver.services.refusals import GuestsForbidden, InvalidParameter, Refusal

log = structlog.get_logger(__name__)

INVITED_MAX = 1_000
INITIAL_STATE_MAX = 1_000


@frozen
class StateBody:
    """A state event that a new room begins with."""

    type: str
    content: JSONObject
    state_key: str = ""


@frozen
class CreateRoomBody:
    """What the new room is to be."""

    visibility: Literal["public", "private"] = "private"
    room_alias_name: str | None = None
    name: str | None = None
    topic: str | None = None
    invite: list[UserID] = field(factory=list)
    invite_3pid: list[InviteBody] = field(factory=list)
    room_version: str | None = None
    creation_content: JSONObject = field(factory=dict)
    initial_state: list[StateBody] = field(factory=list)
    preset: Literal["private_chat", "public_chat", "trusted_private_chat"] | None = None
    is_direct: bool = False
    power_level_content_override: JSONObject = field(factory=dict)


@frozen
class RoomCreationEndpoints:
    """New rooms."""

    server: ServerName
    default_version: RoomVersion
    creating: Creating
    addresses: AddressInviting | None = None
    """Invites by address; None: this server asks no identity server."""

    @operation("createRoom")
    async def create_room(self, caller: Caller, body: CreateRoomBody) -> JSONObject:
        """There is a new room.  Raises NewAliasTaken, InvalidRoomState, NotFound, GuestsForbidden."""
        if caller.is_guest:
            raise GuestsForbidden
        if body.invite_3pid and self.addresses is None:
            raise InvalidParameter("This server cannot invite by address: it asks no identity server.")
        invitees = [invitee_of(each) for each in body.invite_3pid]
        room_id = await self.creating.create(
            self._request(caller, body), published=body.visibility == "public", appservice_id=caller.appservice_id
        )
        for invitee in invitees:
            await self._invite(caller, room_id, invitee, is_direct=body.is_direct)
        return {"room_id": room_id}

    async def _invite(self, caller: Caller, room_id: RoomID, invitee: Invitee, *, is_direct: bool) -> None:
        assert self.addresses is not None, "nobody is invited by address without it"
        try:
            await self.addresses.invite(caller.user_id, room_id, invitee, is_direct=is_direct)
        except Refusal as refusal:
            # The room is there; its creator sees who is not invited, and may try again.
            log.info("somebody could not be invited by address", room=room_id, reason=refusal.reason)

    def _request(self, caller: Caller, body: CreateRoomBody) -> RoomRequest:
        _check_sizes(body)
        version = self.default_version if body.room_version is None else parse_room_version(body.room_version)
        by_visibility = PUBLIC_CHAT if body.visibility == "public" else PRIVATE_CHAT
        return RoomRequest(
            creator=caller.user_id,
            version=version,
            preset=body.preset or by_visibility,
            alias=None if body.room_alias_name is None else self._alias(body.room_alias_name),
            name=body.name,
            topic=body.topic,
            creation_content=body.creation_content,
            initial_state=[InitialState(item.type, item.content, item.state_key) for item in body.initial_state],
            power_level_content_override=body.power_level_content_override,
            invited=[user_id for user_id in dict.fromkeys(body.invite) if user_id != caller.user_id],
            is_direct=body.is_direct,
        )

    def _alias(self, localpart: str) -> RoomAlias:
        if not localpart or ":" in localpart or any(character.isspace() for character in localpart):
            raise Malformed("This must be the part of the alias between # and :", "room_alias_name", "M_INVALID_PARAM")
        return parse_room_alias(f"#{localpart}:{self.server}")


def _check_sizes(body: CreateRoomBody) -> None:
    if len(body.invite) + len(body.invite_3pid) > INVITED_MAX:
        raise Malformed(f"At most {INVITED_MAX} users can be invited at once.", "invite", "M_INVALID_PARAM")
    if len(body.initial_state) > INITIAL_STATE_MAX:
        raise Malformed(f"At most {INITIAL_STATE_MAX} events can be given.", "initial_state", "M_INVALID_PARAM")
