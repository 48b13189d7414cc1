"""
Inviting users of this and other servers.

Spec: client-server-api#post_matrixclientv3roomsroomidinvite
"""

from collections.abc import Iterable

from attrs import define

from homeserver.core.auth_events import CREATE
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.core.stripped_state import SHOWN_TO_INVITED
from homeserver.core.timeline import Status
from homeserver.services.acceptance import Acceptance
from homeserver.services.alone import NoAppservices
from homeserver.services.composing import Composer
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_content import MemberContent
from homeserver.services.member_guards import MemberChange
from homeserver.services.ports import AppserviceQueries, RemoteRooms
from homeserver.services.refusals import BadState, Forbidden, NotFound, NotInRoom
from homeserver.services.timeline import Timeline
from homeserver.store import users
from homeserver.store.database import Database


@define(eq=False)
class Inviting:
    """Invites in the name of users of this server."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    composer: Composer
    timeline: Timeline
    acceptance: Acceptance
    member_content: MemberContent
    remote: RemoteRooms
    queries: AppserviceQueries = NoAppservices()

    async def invite(
        self,
        sender: UserID,
        room_id: RoomID,
        target: UserID,
        *,
        reason: str | None = None,
        is_direct: bool = False,
        third_party_invite: JSON = None,
    ) -> None:
        """
        The target is invited, and knows it.

        Raises NotInRoom, Forbidden; NotFound when this server has no such user; Unreachable when the target's is not.
        """
        content = await self.member_content.of(target, "invite", reason)
        if is_direct:
            content["is_direct"] = True
        if third_party_invite is not None:
            content["third_party_invite"] = third_party_invite
        await self.invite_as(sender, room_id, target, content)

    async def invite_as(self, sender: UserID, room_id: RoomID, target: UserID, content: JSONObject) -> EventID:
        """The target is invited by a member event of this *content*; answers its ID.  Raises as ``invite``."""
        self.live_rooms.require_open(room_id)
        room = await self.live_rooms.load(room_id)
        # Who has invited by address may have left since.
        if sender not in room.joined and "third_party_invite" not in content:
            raise NotInRoom
        if target in room.joined:
            raise Forbidden(f"{target} is in the room already.")
        draft = Draft("m.room.member", sender, content, target)
        if server_of(target) != self.server:
            await self._require_federated(room)
            return await self._invite_remote(room, draft, target)
        await self.require_accounts([target])
        return await self.timeline.send(room_id, draft)

    async def _require_federated(self, room: LiveRoom) -> None:
        # By the letter of the rules the invite would be let in, and nobody could ever take it up.  Spec: proposals/4361
        create = await self.known.by_id(room.state[CREATE]) if CREATE in room.state else None
        if create is not None and create.event.content.get("m.federate") is False:
            raise Forbidden("This room is not for users of other servers.")

    async def require_accounts(self, targets: Iterable[UserID]) -> None:
        """Raises NotFound unless all that are of this server have an account; AppserviceSilent."""
        for target in targets:
            if server_of(target) != self.server:
                continue
            account = await self.database.read(users.by_id, target)
            if account is None and await self.queries.make_user(target):
                account = await self.database.read(users.by_id, target)
            if account is None or account.deactivated:
                raise NotFound(f"There is no user {target}.")

    async def room_state(self, room: LiveRoom, sender: UserID) -> list[Event]:
        """What somebody whom *sender* invites may see of the room.  Spec: client-server-api#stripped-state"""
        keys = [*SHOWN_TO_INVITED, ("m.room.member", sender)]
        found = await self.known.by_ids([room.state[key] for key in keys if key in room.state])
        return [entry.event for entry in found.values()]

    async def _invite_remote(self, room: LiveRoom, draft: Draft, target: UserID) -> EventID:
        # The other server signs the event first; its place may be taken by then, and that is a fork like any.
        await self.timeline.member_guards.check(MemberChange(room.room_id, draft.sender, target, "invite"))
        invite = await self.timeline.recommended(room, await self.composer.compose(room, draft))
        signed = await self.remote.sign_invite(invite, await self.room_state(room, draft.sender))
        status = await self.acceptance.accept(signed)
        if status is not Status.ACCEPTED:
            raise BadState("The room has changed meanwhile and does not let you invite this user any more.")
        return signed.event_id
