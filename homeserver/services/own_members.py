"""What happens to a user's memberships when something happens to the account."""

from attrs import define
from twisted.logger import Logger

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomID, UserID
from homeserver.services.departing import Departing
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import Refusal
from homeserver.services.timeline import Timeline


@define(eq=False)
class OwnMembers:
    """The memberships of this server's users, room by room.  Implements ``ports.RoomMembers``."""

    timeline: Timeline
    memberships: Memberships
    member_content: MemberContent
    departing: Departing

    _log = Logger()

    async def profile_changed(self, user_id: UserID) -> None:
        """
        The user's member events say what the profile says, wherever the room lets them.

        Spec: client-server-api#events-on-change-of-profile-information
        """
        content = await self.member_content.of(user_id, "join")
        for room_id in (await self.memberships.of(user_id)).joined:
            await self._attempt(room_id, user_id, Draft("m.room.member", user_id, content, user_id))

    async def leave_all(self, user_id: UserID) -> None:
        """The user is in no room any more: joins, invites and knocks are given up.  May be asked again."""
        for room_id, row in (await self.memberships.of(user_id)).rows.items():
            if row.membership in {"join", "invite", "knock"}:
                try:
                    await self.departing.leave(user_id, room_id)
                except Refusal as refusal:
                    self._log.warn("{user} stays in {room}: {reason}", user=user_id, room=room_id, reason=refusal)

    async def _attempt(self, room_id: RoomID, user_id: UserID, draft: Draft) -> None:
        try:
            await self.timeline.send(room_id, draft)
        except Refusal as refusal:
            # The profile is changed all the same; that room keeps the old one.
            self._log.info(
                "{room} keeps the old profile of {user}: {reason}", room=room_id, user=user_id, reason=refusal
            )
