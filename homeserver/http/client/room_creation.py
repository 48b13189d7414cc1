"""
Creating rooms.

Spec: client-server-api#creation
"""

from typing import Literal

from attrs import field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomAlias, ServerName, UserID, parse_room_alias
from homeserver.core.malformed import Malformed
from homeserver.core.room_creation import PRIVATE_CHAT, PUBLIC_CHAT, InitialState, RoomRequest
from homeserver.core.versions import RoomVersion, parse_room_version
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.creating import Creating
from homeserver.services.refusals import GuestsForbidden, InvalidParameter

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
    invite_3pid: list[JSONObject] = field(factory=list)
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

    @operation("createRoom")
    async def create_room(self, caller: Caller, body: CreateRoomBody) -> JSONObject:
        """There is a new room.  Raises AliasTaken, InvalidRoomState, NotFound, GuestsForbidden."""
        if caller.is_guest:
            raise GuestsForbidden
        if body.invite_3pid:
            raise InvalidParameter("This server cannot invite by address: it asks no identity server.")
        room_id = await self.creating.create(
            self._request(caller, body), published=body.visibility == "public", appservice_id=caller.appservice_id
        )
        return {"room_id": room_id}

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
    if len(body.invite) > INVITED_MAX:
        raise Malformed(f"At most {INVITED_MAX} users can be invited at once.", "invite", "M_INVALID_PARAM")
    if len(body.initial_state) > INITIAL_STATE_MAX:
        raise Malformed(f"At most {INITIAL_STATE_MAX} events can be given.", "initial_state", "M_INVALID_PARAM")
