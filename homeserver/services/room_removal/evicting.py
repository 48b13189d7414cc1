"""
Users of this server leave a room whether they want to or not, and may find themselves in another instead.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import define, frozen

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.room_creation import PUBLIC_CHAT, RoomRequest
from homeserver.core.versions import RoomVersion
from homeserver.services.callers import Caller
from homeserver.services.creating import Creating
from homeserver.services.departing import Departing
from homeserver.services.joining import Joining
from homeserver.services.refusals import NotFound, Refusal
from homeserver.services.timeline import Timeline
from homeserver.store import memberships, room_aliases, rooms, users
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

AT_ONCE: Final = 20
"""Users that leave between two notes of how far it has come."""


@frozen
class Refuge:
    """The room that users are brought to.  *creator*: a user of this server, who alone may speak there."""

    creator: UserID
    name: str
    message: str


@define(eq=False)
class Evicting:
    """Empties rooms of local users."""

    database: Database
    version: RoomVersion
    creating: Creating
    joining: Joining
    departing: Departing
    timeline: Timeline

    async def require_user(self, user_id: UserID) -> None:
        """Raises NotFound unless this server has such an account, in use."""
        account = await self.database.read(users.by_id, user_id)
        if account is None or account.deactivated:
            raise NotFound(f"There is no user {user_id}.")

    async def open_refuge(self, refuge: Refuge) -> RoomID:
        """The room is there, and says why."""
        room_id = await self.creating.create(
            RoomRequest(
                refuge.creator,
                self.version,
                preset=PUBLIC_CHAT,
                name=refuge.name,
                power_level_content_override={"users_default": -10},
            )
        )
        if refuge.message:
            content = {"msgtype": "m.text", "body": refuge.message}
            await self.timeline.send(room_id, Draft("m.room.message", refuge.creator, dict(content)))
        return room_id

    async def after(self, room_id: RoomID, user_id: str) -> Sequence[tuple[UserID, str]]:
        """The next local users, by name, that are in the room, invited or knocking; with what they are."""
        room = await self.database.read(rooms.by_id, room_id)
        if room is None:
            return ()
        return await self.database.read(memberships.present_after, room.nid, user_id, AT_ONCE)

    async def evict(self, room_id: RoomID, user_id: UserID, reason: str | None) -> bool:
        """Whether the user is out of the room."""
        try:
            await self.departing.leave(user_id, room_id, reason=reason)
        except Refusal as refusal:
            log.warning("a user stays in a room that is to be empty", user=user_id, room=room_id, reason=refusal.reason)
            return False
        return True

    async def bring(self, user_id: UserID, refuge: RoomID) -> None:
        """The user is in the refuge."""
        try:
            await self.joining.join(Caller(user_id, None), refuge)
        except Refusal as refusal:
            log.warning("a user could not be brought to a room", user=user_id, room=refuge, reason=refusal.reason)

    async def move_aliases(self, room_id: RoomID, refuge: RoomID | None) -> None:
        """The aliases of this server lead to the refuge, or nowhere; the room is published no more."""
        await self.database.write(_unlist, room_id, refuge)


def _unlist(tx: Write, room_id: RoomID, refuge: RoomID | None) -> None:
    if refuge is None:
        for alias in room_aliases.of_room(tx.connection, room_id):
            room_aliases.delete(tx, alias.alias)
    else:
        room_aliases.move(tx, room_id, refuge, ())
    room = rooms.by_id(tx.connection, room_id)
    if room is not None:
        rooms.set_public(tx, room.nid, False)
