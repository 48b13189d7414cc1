"""
Spaces and the rooms in them find each other when another room takes the place of one of them.

Spec: client-server-api#spaces
"""

from collections.abc import Iterable, Mapping
from typing import Final

import structlog
from attrs import define

from homeserver.core.auth_events import CREATE, JOIN_RULES, POWER_LEVELS
from homeserver.core.canonical import JSON
from homeserver.core.drafts import Draft
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.power_levels import PowerLevels, power_levels_of
from homeserver.core.space_links import CHILD, PARENT, is_link, moved_link, widened_join_rules
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import Refusal
from homeserver.services.timeline import Timeline
from homeserver.store import state
from homeserver.store.database import Database

log = structlog.get_logger(__name__)

ROOMS_MAX: Final = 200
"""Spaces that a room is in, and rooms in a space, that are told where it went."""


@define(eq=False)
class SpaceMoves:
    """Moves the links, as far as who upgrades a room may."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    memberships: Memberships

    async def parents_of(self, user_id: UserID, room_id: RoomID) -> list[RoomID]:
        """The spaces that the user is in, has say over, and in which the room is."""
        joined = (await self.memberships.of(user_id)).joined
        nids = {row.room_nid: space for space, row in joined.items()}
        holding = await self.database.scan(state.holders, list(nids), (CHILD, room_id))
        found = []
        for nid in holding[:ROOMS_MAX]:
            content, levels = await self._looked_up(nids[nid], (CHILD, room_id))
            if is_link(content) and levels.may_send(user_id, CHILD, True):
                found.append(nids[nid])
        return found

    async def move(
        self, user_id: UserID, before: RoomID, after: RoomID, parents: Iterable[RoomID], children: Iterable[RoomID]
    ) -> None:
        """
        *after* is in the spaces that *before* was in, and the rooms in *before* are in *after*.

        Where the user may not say so, it stays as it is.
        """
        for space in parents:
            content, _ = await self._looked_up(space, (CHILD, before))
            await self._say(space, moved_link(CHILD, user_id, content, before, after, self.server))
        joined = (await self.memberships.of(user_id)).joined
        for child in [child for child in children if child in joined and child != before][:ROOMS_MAX]:
            await self._say(child, await self._to_child(user_id, child, before, after))

    async def _to_child(self, user_id: UserID, child: RoomID, before: RoomID, after: RoomID) -> list[Draft]:
        content, levels = await self._looked_up(child, (PARENT, before))
        drafts: list[Draft] = []
        if is_link(content) and levels.may_send(user_id, PARENT, True):
            drafts += moved_link(PARENT, user_id, content, before, after, self.server)
        rules, _ = await self._looked_up(child, JOIN_RULES)
        widened = widened_join_rules(rules, before, after)
        if widened is not None and levels.may_send(user_id, JOIN_RULES[0], True):
            drafts.append(Draft(JOIN_RULES[0], user_id, widened, ""))
        return drafts

    async def _say(self, room_id: RoomID, drafts: list[Draft]) -> None:
        if not drafts:
            return
        try:
            await self.timeline.send_all(room_id, drafts)
        except Refusal as refusal:
            # A room of somebody else's may have changed meanwhile; the upgrade itself is done.
            log.info("a link between a space and a room was not moved", room_id=room_id, reason=refusal.reason)

    async def _looked_up(self, room_id: RoomID, key: StateKey) -> tuple[Mapping[str, JSON], PowerLevels]:
        """The content of a state event of the room, empty where there is none; and its power levels."""
        room = await self.live_rooms.load(room_id)
        wanted = {each: room.state[each] for each in (CREATE, POWER_LEVELS, key) if each in room.state}
        found = await self.known.by_ids(wanted.values())
        events: dict[StateKey, Event] = {each: found[event_id].event for each, event_id in wanted.items()}
        return (events[key].content if key in events else {}), power_levels_of(events, room.version)
