"""
Rooms of another version take the place of rooms.

The new room, its aliases and the end of the old one are a single write, and so is the promise of the rest: most bans,
and the links between spaces and rooms, are carried over by whoever upgrades or, should the process end meanwhile, by a
job that nobody begins before it must have.

Spec: client-server-api#room-upgrades
"""

from collections.abc import Iterable, Sequence
from typing import Final

import structlog
from attrs import define, field

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.power_levels import power_levels_of
from homeserver.core.room_upgrades import (
    Upgrade,
    farewell,
    successor_bans,
    successor_create,
    successor_levels,
    successor_opening,
)
from homeserver.core.space_links import CHILD
from homeserver.core.timeline import TimelineEvent
from homeserver.core.versions import RoomVersion
from homeserver.services.aliases import Aliases
from homeserver.services.clock import Clock, now_ms
from homeserver.services.companions import Beside
from homeserver.services.jobs.work import Work
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_content import MemberContent
from homeserver.services.member_guards import MemberChange
from homeserver.services.refusals import Forbidden, NotInRoom, Refusal
from homeserver.services.space_moves import SpaceMoves
from homeserver.services.timeline import Founding, Timeline
from homeserver.store import jobs, room_aliases, rooms, state
from homeserver.store.database import Database
from homeserver.store.jobs import StoredJob
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

NAME: Final = "upgrade_room"
LEFT_OVER_MS: Final = 120_000
"""After so long whoever upgraded a room is taken to be gone, and somebody else does what is left."""
BANS_MAX: Final = 1_000
"""Of more banned users the rest is not carried over."""
BANS_FIRST: Final = 20
"""Those banned last are so before anybody can come; the others as soon as others have had their turn."""
BANS_AT_ONCE: Final = 10

_TOMBSTONE: Final = "m.room.tombstone"


@define(eq=False)
class Upgrading:
    """Upgrades rooms in the name of users of this server.  Implements ``jobs.service.JobKind``."""

    server: ServerName
    database: Database
    clock: Clock
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    aliases: Aliases
    member_content: MemberContent
    spaces: SpaceMoves
    name: str = field(init=False, default=NAME)

    async def upgrade(
        self, user_id: UserID, room_id: RoomID, version: RoomVersion, additional_creators: Sequence[UserID] = ()
    ) -> RoomID:
        """
        There is a successor, the room's aliases point to it, and the room says so; who was banned is, and spaces that
        the room was in have the successor in its place.

        Raises NotInRoom, Forbidden for who may not end the room, StateMoved when another has just ended it.
        """
        room = await self.live_rooms.load(room_id)
        if user_id not in room.joined:
            raise NotInRoom
        tombstone = room.state.get((_TOMBSTONE, ""))
        upgrade = await self._upgrade(room, user_id, version, additional_creators)
        if not power_levels_of(upgrade.state, room.version).may_send(user_id, _TOMBSTONE, True):
            raise Forbidden("You may not upgrade this room.")
        banned = await self._banned(room, BANS_FIRST)
        bans = [
            ban
            for ban in successor_bans(user_id, successor_levels(upgrade), banned)
            if await self._is_unopposed(room_id, ban)
        ]

        async def write(successor: RoomID, founding: Founding) -> None:
            last = farewell(upgrade, successor)
            replace = self._replace(user_id, successor, founding)
            await self.timeline.send_all(room_id, last, [replace], {(_TOMBSTONE, ""): tombstone})

        opening = [*successor_opening(upgrade), *bans]
        successor = await self.timeline.found(version, successor_create(upgrade), opening, write)
        await self._carry_over(user_id, room_id, successor)
        await self.database.write(_finish, room_id, successor)
        return successor

    def may_cancel(self, job: StoredJob) -> bool:
        """At any time: the rooms are what they are."""
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """That an upgrade was seen to its end is not worth a line in the list."""
        if state == jobs.DONE:
            jobs.remove(tx, job.nid)

    async def run(self, work: Work) -> JSONObject:
        """What was left to do when a process ended is done."""
        parameters = work.job.parameters
        user_id, successor = UserID(str(parameters["user_id"])), RoomID(str(parameters["replacement_room"]))
        try:
            await self._carry_over(user_id, RoomID(work.job.subject), successor)
        except NotInRoom:
            # One of the rooms has been deleted meanwhile.
            return {}
        return {"replacement_room": successor}

    def _replace(self, user_id: UserID, successor: RoomID, founding: Founding) -> Beside:
        """What is written with the tombstone."""

        def replace(tx: Write, room_nid: int, entry: TimelineEvent) -> None:
            if entry.event.type != _TOMBSTONE:
                return
            room_id, now = entry.event.room_id, now_ms(self.clock)
            _move_names(tx, room_id, founding(tx), successor, self.server)
            earlier = jobs.active(tx.connection, NAME, room_id)
            if earlier is not None:
                # The last one to upgrade a room is the one whom it names.
                jobs.withdraw(tx, earlier.nid)
            parameters: JSONObject = {"user_id": user_id, "replacement_room": successor}
            jobs.insert_job(tx, NAME, room_id, parameters, None, now, now + LEFT_OVER_MS)

        return replace

    async def _carry_over(self, user_id: UserID, room_id: RoomID, successor: RoomID) -> None:
        """What was done of it already stays as it is."""
        old, new = await self.live_rooms.load(room_id), await self.live_rooms.load(successor)
        if user_id not in new.joined:
            return
        keys = {key: new.state[key] for key in (CREATE, POWER_LEVELS) if key in new.state}
        found = await self.known.by_ids(keys.values())
        levels = power_levels_of({key: found[event_id].event for key, event_id in keys.items()}, new.version)
        banned = await self._banned(old, BANS_MAX)
        # Whoever the new room says something of has been seen to by this, or since by others.
        missing = {target: ban for target, ban in banned.items() if (state.MEMBER, target) not in new.state}
        await self._ban(successor, successor_bans(user_id, levels, missing))
        parents = await self.spaces.parents_of(user_id, room_id)
        await self.spaces.move(user_id, room_id, successor, parents, await self._children(new))

    async def _children(self, room: LiveRoom) -> Iterable[RoomID]:
        links = {RoomID(key): event_id for (kind, key), event_id in room.state.items() if kind == CHILD}
        found = await self.known.by_ids(links.values())
        return [child for child, event_id in links.items() if found[event_id].event.content]

    async def _banned(self, room: LiveRoom, most: int) -> dict[UserID, Event]:
        """The bans of those who were banned last."""
        members = await self.database.scan(state.members_as_of, room.nid, state.NOW)
        nids = {nid: user_id for user_id, (membership, nid) in members.items() if membership == "ban"}
        newest = sorted(nids, reverse=True)[:most]
        return {nids[nid]: entry.event for nid, entry in (await self.known.by_nids(newest)).items()}

    async def _is_unopposed(self, room_id: RoomID, ban: Draft) -> bool:
        target = UserID(ban.state_key or "")
        try:
            await self.timeline.member_guards.check(MemberChange(room_id, ban.sender, target, "ban"))
        except Refusal as refusal:
            log.info("a ban was not carried over", room_id=room_id, user_id=target, reason=refusal.reason)
            return False
        return True

    async def _ban(self, room_id: RoomID, drafts: Sequence[Draft]) -> None:
        """A few at a time: each write lets others go on.  A ban that somebody objects to is left out."""
        for start in range(0, len(drafts), BANS_AT_ONCE):
            some = [draft for draft in drafts[start : start + BANS_AT_ONCE] if await self._is_unopposed(room_id, draft)]
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


def _move_names(tx: Write, before: RoomID, successor_nid: int, after: RoomID, server: ServerName) -> None:
    """The aliases, and the place in the directory, are the successor's."""
    room_aliases.move(tx, before, after, [server])
    old = rooms.by_id(tx.connection, before)
    assert old is not None, "it is being upgraded"
    if old.is_public:
        rooms.set_public(tx, old.nid, False)
        rooms.set_public(tx, successor_nid, True)


def _finish(tx: Write, room_id: RoomID, successor: RoomID) -> None:
    job = jobs.active(tx.connection, NAME, room_id)
    if job is not None and job.parameters["replacement_room"] == successor:
        jobs.withdraw(tx, job.nid)
