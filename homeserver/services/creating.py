"""
New rooms.

Spec: client-server-api#creation
"""

from attrs import define, evolve

from homeserver.core.identifiers import RoomID
from homeserver.core.room_creation import RoomRequest
from homeserver.services.aliases import Aliases
from homeserver.services.inviting import Inviting
from homeserver.services.member_content import MemberContent
from homeserver.services.refusals import Forbidden, InvalidRoomState
from homeserver.services.timeline import Timeline


@define(eq=False)
class Creating:
    """Makes rooms for users of this server."""

    timeline: Timeline
    inviting: Inviting
    aliases: Aliases
    member_content: MemberContent

    async def create(self, request: RoomRequest, *, published: bool = False) -> RoomID:
        """
        The room exists, with its alias, and everybody is invited who could be.

        Raises AliasTaken; InvalidRoomState for what the request's own power levels refuse; NotFound for an invited user
        that does not exist; Malformed.
        """
        content = await self.member_content.of(request.creator, "join")
        await self.inviting.require_accounts(request.invited)
        if request.alias is not None:
            await self.aliases.require_free(request.alias)
        try:
            room_id = await self.timeline.create(evolve(request, member_content=content))
        except Forbidden as refusal:
            raise InvalidRoomState(refusal.reason) from refusal
        if request.alias is not None:
            await self.aliases.create(request.creator, request.alias, room_id)
        if published:
            await self.aliases.publish(room_id)
        for target in request.invited:
            await self.inviting.invite(request.creator, room_id, target, is_direct=request.is_direct)
        return room_id
