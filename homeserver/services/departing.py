"""
Leaving, kicking, banning and unbanning, and forgetting a room.

Spec: client-server-api#leaving-rooms
"""

from collections.abc import Mapping
from typing import Final

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, ServerName, UserID, is_user_id, server_of
from homeserver.core.log import MEMBERSHIP
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_content import MemberContent
from homeserver.services.member_guards import MemberChange
from homeserver.services.memberships import Memberships
from homeserver.services.ports import RemoteRooms
from homeserver.services.refusals import Forbidden, NotBanned, NotInRoom, StillInRoom
from homeserver.services.timeline import Timeline
from homeserver.store import memberships
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.write import Write

NOTHING: Final[Mapping[str, JSON]] = {}


@define(eq=False)
class Departing:
    """Takes users out of rooms."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    memberships: Memberships
    member_content: MemberContent
    remote: RemoteRooms

    async def leave(self, user_id: UserID, room_id: RoomID, *, reason: str | None = None) -> None:
        """
        The user is not in the room, and neither invited nor knocking; nothing happens where that is so already.

        Raises NotInRoom for who never had to do with the room, Unreachable.
        """
        row = (await self.memberships.of(user_id)).rows.get(room_id)
        if row is None:
            raise NotInRoom
        if row.membership == "ban":
            raise Forbidden("You are banned from this room.")
        if row.membership == "leave":
            return
        content = await self.member_content.of(user_id, "leave", reason)
        room = await self.live_rooms.find(room_id)
        if room is not None and self.server in room.servers:
            await self.timeline.send(room_id, Draft("m.room.member", user_id, content, user_id))
        else:
            await self.timeline.member_guards.check(MemberChange(room_id, user_id, user_id, "leave"))
            await self.remote.leave(user_id, room_id, _servers_of(row), content)

    async def kick(
        self,
        sender: UserID,
        room_id: RoomID,
        target: UserID,
        *,
        reason: str | None = None,
        more: Mapping[str, JSON] = NOTHING,
    ) -> None:
        """The target is taken out of the room; the event says *more*.  Raises NotInRoom, Forbidden."""
        membership = await self._membership(sender, room_id, target)
        if membership == "ban":
            raise Forbidden(f"{target} is banned; kicking would lift the ban.")
        if membership not in {"join", "invite", "knock"}:
            raise Forbidden(f"{target} is not in the room.")
        await self._change(sender, room_id, target, "leave", reason, more)

    async def ban(
        self,
        sender: UserID,
        room_id: RoomID,
        target: UserID,
        *,
        reason: str | None = None,
        more: Mapping[str, JSON] = NOTHING,
    ) -> None:
        """The target is out of the room and cannot come back; the event says *more*.  Raises NotInRoom, Forbidden."""
        await self._membership(sender, room_id, target)
        await self._change(sender, room_id, target, "ban", reason, more)

    async def unban(self, sender: UserID, room_id: RoomID, target: UserID, *, reason: str | None = None) -> None:
        """The target may come back.  Raises NotInRoom, NotBanned, Forbidden."""
        if await self._membership(sender, room_id, target) != "ban":
            raise NotBanned(f"{target} is not banned.")
        await self._change(sender, room_id, target, "leave", reason)

    async def forget(self, user_id: UserID, room_id: RoomID) -> None:
        """The user sees nothing of the room any more.  Raises NotInRoom, StillInRoom."""
        row = (await self.memberships.of(user_id)).rows.get(room_id)
        if row is None:
            raise NotInRoom
        if row.membership not in {"leave", "ban"}:
            raise StillInRoom
        await self.database.write(_forget, row)

    async def _membership(self, sender: UserID, room_id: RoomID, target: UserID) -> str:
        room = await self.live_rooms.load(room_id)
        if sender not in room.joined:
            raise NotInRoom
        event = await self._member(room, target)
        return "leave" if event is None else event.membership or "leave"

    async def _member(self, room: LiveRoom, user_id: UserID) -> Event | None:
        event_id = room.state.get(("m.room.member", user_id))
        entry = None if event_id is None else await self.known.by_id(event_id)
        return None if entry is None else entry.event

    async def _change(
        self,
        sender: UserID,
        room_id: RoomID,
        target: UserID,
        membership: str,
        reason: str | None,
        more: Mapping[str, JSON] = NOTHING,
    ) -> None:
        content: JSONObject = {**more, "membership": membership}
        if reason is not None:
            content["reason"] = reason
        await self.timeline.send(room_id, Draft("m.room.member", sender, content, target))


def _servers_of(row: Membership) -> list[ServerName]:
    """Servers that know a room which is not here: of who sent the invite, and of whose events it or a knock showed."""
    senders = [row.sender, *(str(event.get("sender")) for event in row.stripped_state or ())]
    return list(dict.fromkeys(server_of(UserID(sender)) for sender in senders if is_user_id(sender)))


def _forget(tx: Write, row: Membership) -> None:
    memberships.forget(tx, row.user_id, row.room_nid)
    tx.log(MEMBERSHIP, row.user_id, row.room_nid)
