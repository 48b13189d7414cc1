"""
Rooms of another version take the place of rooms.

Spec: client-server-api#room-upgrades
"""

from collections.abc import Sequence
from typing import Final

import structlog
from attrs import define

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.power_levels import power_levels_of
from homeserver.core.room_upgrades import Upgrade, farewell, successor_bans, successor_create, successor_opening
from homeserver.core.space_links import CHILD
from homeserver.core.versions import RoomVersion
from homeserver.services.aliases import Aliases
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_content import MemberContent
from homeserver.services.refusals import Forbidden, NotInRoom, Refusal
from homeserver.services.space_moves import SpaceMoves
from homeserver.services.timeline import Timeline
from homeserver.store import room_aliases, rooms, state
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

BANS_MAX: Final = 1_000
"""Of more banned users the rest is not carried over."""
BANS_AT_ONCE: Final = 10


@define(eq=False)
class Upgrading:
    """Upgrades rooms in the name of users of this server."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    aliases: Aliases
    member_content: MemberContent
    spaces: SpaceMoves

    async def upgrade(
        self, user_id: UserID, room_id: RoomID, version: RoomVersion, additional_creators: Sequence[UserID] = ()
    ) -> RoomID:
        """
        There is a successor, the room's aliases point to it, and the room says so; who was banned is, and spaces that
        the room was in have the successor in its place.

        Raises NotInRoom, Forbidden for who may not end the room.
        """
        room = await self.live_rooms.load(room_id)
        if user_id not in room.joined:
            raise NotInRoom
        upgrade = await self._upgrade(room, user_id, version, additional_creators)
        if not power_levels_of(upgrade.state, room.version).may_send(user_id, "m.room.tombstone", True):
            raise Forbidden("You may not upgrade this room.")
        successor = await self.timeline.found(version, successor_create(upgrade), successor_opening(upgrade))
        await self.database.write(_move_names, room_id, successor, self.server)
        await self._ban(successor, successor_bans(upgrade, await self._banned(room)))
        await self.timeline.send_all(room_id, farewell(upgrade, successor))
        children = [RoomID(key) for (kind, key), event in upgrade.state.items() if kind == CHILD and event.content]
        await self.spaces.move(user_id, room_id, successor, upgrade.parents, children)
        return successor

    async def _banned(self, room: LiveRoom) -> dict[UserID, Event]:
        members = await self.database.scan(state.members_as_of, room.nid, state.NOW)
        nids = {nid: user_id for user_id, (membership, nid) in members.items() if membership == "ban"}
        # The newest bans are those that matter most.
        newest = sorted(nids, reverse=True)[:BANS_MAX]
        return {nids[nid]: entry.event for nid, entry in (await self.known.by_nids(newest)).items()}

    async def _ban(self, room_id: RoomID, drafts: Sequence[Draft]) -> None:
        """A few at a time: each write lets others go on.  A ban that somebody objects to is left out."""
        for start in range(0, len(drafts), BANS_AT_ONCE):
            some = drafts[start : start + BANS_AT_ONCE]
            try:
                await self.timeline.send_all(room_id, some)
            except Refusal:
                await self._ban_each(room_id, some)

    async def _ban_each(self, room_id: RoomID, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            try:
                await self.timeline.send(room_id, draft)
            except Refusal as refusal:
                log.info("a ban was not carried over", room_id=room_id, user_id=draft.state_key, reason=refusal.reason)

    async def _upgrade(
        self, room: LiveRoom, user_id: UserID, version: RoomVersion, additional_creators: Sequence[UserID]
    ) -> Upgrade:
        # Members stay where they are: nobody can be put into a room by another.
        keys = {key: event_id for key, event_id in room.state.items() if key[0] != "m.room.member"}
        last = max(room.extremities, key=lambda event_id: room.extremities[event_id])
        found = await self.known.by_ids(keys.values())
        others = [creator for creator in dict.fromkeys(additional_creators) if creator != user_id]
        content: JSONObject = await self.member_content.of(user_id, "join")
        return Upgrade(
            user_id,
            version,
            room.room_id,
            last,
            {key: found[event_id].event for key, event_id in keys.items()},
            others,
            content,
            frozenset(await self.spaces.parents_of(user_id, room.room_id)),
        )


def _move_names(tx: Write, before: RoomID, after: RoomID, server: ServerName) -> None:
    """The aliases, and the place in the directory, are the successor's."""
    room_aliases.move(tx, before, after, [server])
    old, new = rooms.by_id(tx.connection, before), rooms.by_id(tx.connection, after)
    assert old is not None, "it is being upgraded"
    assert new is not None, "it was just founded"
    if old.is_public:
        rooms.set_public(tx, old.nid, False)
        rooms.set_public(tx, new.nid, True)
