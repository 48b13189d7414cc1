"""
The rooms that the user is invited to, or has asked to be let into: what their stripped state shows of them.

Spec: client-server-api#stripped-state
"""

from typing import ClassVar

from attrs import define

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.known_events import KnownEvents
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.services.sync.stripped import stripped_state
from homeserver.store.database import Database
from homeserver.store.memberships import Membership


@define(eq=False)
class InvitedRooms:
    """Invites and knocks."""

    tells_of: ClassVar[LogKinds] = frozenset()

    database: Database
    known: KnownEvents
    permissions: InvitePermissions

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """Invites and knocks of the span are in *body*; invites by users that are ignored or not wanted are not."""
        if span.since is not None and not span.full_state and span.rooms.changed_at <= span.since.position:
            return
        for room_id, row in span.rooms.rows.items():
            is_new = row.position > span.after or span.full_state
            if not is_new or not span.filter.room.admits_room(room_id):
                continue
            if row.membership == "invite":
                if row.sender not in span.ignored and await self.permissions.shows(row.user_id, row.sender):
                    await self._show(body, body.invite, "invite_state", row)
            elif row.membership == "knock":
                await self._show(body, body.knock, "knock_state", row)

    async def _show(self, body: SyncBody, part: dict[RoomID, JSONObject], name: str, row: Membership) -> None:
        body.has_news = True
        part[row.room_id] = {name: {"events": await stripped_state(self.database, self.known, row)}}
