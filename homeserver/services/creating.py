"""
New rooms.

Spec: client-server-api#creation
"""

from typing import Final

from attrs import define, evolve

from homeserver.core.identifiers import RoomAlias, RoomID
from homeserver.core.room_creation import RoomRequest
from homeserver.services.aliases import Aliases
from homeserver.services.inviting import Inviting
from homeserver.services.member_content import MemberContent
from homeserver.services.member_guards import MemberChange
from homeserver.services.refusals import AliasTaken, Forbidden, InvalidRoomState, NewAliasTaken, Refusal
from homeserver.services.timeline import Timeline

NEW_ROOM: Final = RoomID("")
"""Stands for the room that is yet to be made."""


@define(eq=False)
class Creating:
    """Makes rooms for users of this server."""

    timeline: Timeline
    inviting: Inviting
    aliases: Aliases
    member_content: MemberContent

    async def create(
        self, request: RoomRequest, *, published: bool = False, appservice_id: str | None = None
    ) -> RoomID:
        """
        The room exists, with its alias, and everybody is invited who could be.

        *appservice_id*: of the application service that speaks for the creator.

        Raises NewAliasTaken, Exclusive; InvalidRoomState for what the request's own power levels refuse; NotFound for
        an invited user that does not exist, InviteBlocked for one of this server who does not want that; Malformed.
        What other servers refuse is raised when the room is there, and all others are invited.
        """
        content = await self.member_content.of(request.creator, "join")
        await self.inviting.require_accounts(request.invited)
        for target in request.invited:
            await self.timeline.member_guards.check(MemberChange(NEW_ROOM, request.creator, target, "invite"))
        if request.alias is not None:
            await self._require_free(request.alias, appservice_id)
        try:
            room_id = await self.timeline.create(evolve(request, member_content=content))
        except Forbidden as refusal:
            raise InvalidRoomState(refusal.reason) from refusal
        if request.alias is not None:
            await self.aliases.create(request.creator, request.alias, room_id, appservice_id)
        if published:
            await self.aliases.publish(room_id)
        await self._invite_all(request, room_id)
        return room_id

    async def _require_free(self, alias: RoomAlias, appservice_id: str | None) -> None:
        try:
            await self.aliases.require_free(alias, appservice_id)
        except AliasTaken as refusal:
            raise NewAliasTaken from refusal

    async def _invite_all(self, request: RoomRequest, room_id: RoomID) -> None:
        """Everybody is invited who could be.  Raises the first Refusal of those who could not."""
        first: Refusal | None = None
        for target in request.invited:
            try:
                await self.inviting.invite(request.creator, room_id, target, is_direct=request.is_direct)
            except Refusal as refusal:
                first = first or refusal
        if first is not None:
            raise first
