"""
Which of a user's rooms filters let through: kept in memory, and looked at again where something changed.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from attrs import define

from homeserver.core.account_data import TAG, tags_of
from homeserver.core.canonical import JSON, parse_json_object
from homeserver.core.identifiers import RoomID
from homeserver.core.log import Position
from homeserver.core.sliding.room_filters import EVERY_ROOM, ListFilters, RoomFacts, direct_rooms
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.known_events import KnownEvents
from homeserver.services.sliding.room_orders import INLINE_MAX, RoomOrder
from homeserver.store import account_data, room_summaries, state
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.room_summaries import RoomSummary

DIRECT: Final = "m.direct"
FILTERS_MAX: Final = 32
"""Filters of one user whose rooms are remembered."""


@define(eq=False)
class RoomFiltering:
    """Answers for one order at a time."""

    database: Database
    known: KnownEvents
    ignored: IgnoredUsers
    permissions: InvitePermissions

    async def refresh(self, order: RoomOrder) -> None:
        """What is remembered of the rooms is true again."""
        if order.account_touched:
            # Before the read: what changes from here on is seen the next time.
            order.account_touched = False
            order.rooms_touched = True
            await self._read_account(order)
        if order.rooms_touched:
            order.rooms_touched = False
            order.hidden = await self._hidden(order)
        touched, order.touched = order.touched, set()
        if order.facts is not None and touched:
            await self._look_again(order, order.facts, touched)

    async def matching(self, order: RoomOrder, filters: ListFilters) -> Collection[RoomID] | None:
        """The rooms that *filters* let through; None: all of the order."""
        if filters == EVERY_ROOM:
            return None
        found = order.matching.get(filters)
        if found is None:
            if order.facts is None:
                order.facts = {}
                await self._learn(order, order.facts, order.positions)
            admitted = {room_id for room_id, facts in order.facts.items() if filters.admits(facts)}
            found = order.matching[filters] = admitted.intersection(await self._children(order, filters, admitted))
            while len(order.matching) > FILTERS_MAX:
                order.matching.popitem(last=False)
        else:
            order.matching.move_to_end(filters)
        return found

    async def _read_account(self, order: RoomOrder) -> None:
        text = await self.database.read(account_data.content, order.user_id, "", DIRECT)
        direct = frozenset() if text is None else direct_rooms(_parsed(text))
        tags = {
            RoomID(datum.room_id): frozenset(tags_of(_parsed(datum.content)))
            for datum in await self.database.read(account_data.of_type, order.user_id, TAG)
            if datum.room_id and datum.content is not None
        }
        order.touched |= direct ^ order.direct
        order.touched |= {
            room_id for room_id in tags.keys() | order.tags.keys() if tags.get(room_id) != order.tags.get(room_id)
        }
        order.direct, order.tags = direct, tags

    async def _hidden(self, order: RoomOrder) -> frozenset[RoomID]:
        invites = [row for row in order.rooms.rows.values() if row.membership == "invite"]
        if not invites:
            return frozenset()
        ignored = await self.ignored.of(order.user_id)
        return frozenset(
            [
                row.room_id
                for row in invites
                if row.sender in ignored or not await self.permissions.shows(row.user_id, row.sender)
            ]
        )

    async def _look_again(self, order: RoomOrder, facts: dict[RoomID, RoomFacts], touched: set[RoomID]) -> None:
        there = touched & order.positions.keys()
        for room_id in touched - there:
            facts.pop(room_id, None)
        await self._learn(order, facts, there)
        for filters, rooms in list(order.matching.items()):
            if filters.spaces is not None and not touched.isdisjoint(filters.spaces):
                # Which rooms the space has may be something else.
                del order.matching[filters]
                continue
            rooms.difference_update(touched)
            admitted = {room_id for room_id in there if room_id in facts and filters.admits(facts[room_id])}
            if admitted:
                rooms.update(admitted.intersection(await self._children(order, filters, admitted)))

    async def _learn(self, order: RoomOrder, facts: dict[RoomID, RoomFacts], rooms: Iterable[RoomID]) -> None:
        rows = [order.rooms.rows[room_id] for room_id in rooms if room_id in order.rooms.rows]
        read = self.database.read if len(rows) <= INLINE_MAX else self.database.scan
        summaries = await read(room_summaries.by_nids, [row.room_nid for row in rows])
        for row in rows:
            facts[row.room_id] = _facts(order, row, summaries.get(row.room_nid))

    async def _children(self, order: RoomOrder, filters: ListFilters, rooms: set[RoomID]) -> Collection[RoomID]:
        """Those of *rooms* that are in one of the spaces that are asked for, and that the user is in."""
        if filters.spaces is None:
            return rooms
        children: set[RoomID] = set()
        for space_id in filters.spaces:
            space = order.rooms.joined.get(space_id)
            if space is not None:
                children |= await self._children_of(space, order.upto)
        return children

    async def _children_of(self, space: Membership, upto: Position) -> set[RoomID]:
        nids = await self.database.read(state.of_type_as_of, space.room_nid, "m.space.child", upto)
        events = await self.known.by_nids(list(nids.values()))
        return {
            RoomID(room_id)
            for room_id, nid in nids.items()
            # Without servers to ask it is no child.  Spec: client-server-api#mspacechild
            if nid in events and isinstance(events[nid].event.content.get("via"), list)
        }


def _facts(order: RoomOrder, row: Membership, summary: RoomSummary | None) -> RoomFacts:
    room_id = row.room_id
    is_direct, tags = room_id in order.direct, order.tags.get(room_id, frozenset())
    if row.membership in {"invite", "knock"} and row.stripped_state is not None:
        shown = {event.get("type"): event.get("content") for event in row.stripped_state}
        return RoomFacts(
            is_direct,
            "m.room.encryption" in shown,
            row.membership == "invite",
            _text(shown.get("m.room.create"), "type"),
            _text(shown.get("m.room.name"), "name"),
            tags,
        )
    if summary is None:
        return RoomFacts(is_direct, is_invited=row.membership == "invite", tags=tags)
    return RoomFacts(
        is_direct,
        summary.encryption is not None,
        row.membership == "invite",
        summary.room_type,
        summary.name,
        tags,
    )


def _text(content: JSON, name: str) -> str | None:
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None


def _parsed(text: str) -> Mapping[str, JSON]:
    return parse_json_object(text.encode())
