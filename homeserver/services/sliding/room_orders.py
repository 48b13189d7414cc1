"""
Each user's rooms in the order of what happened last in them: from memory, moved on by the log alone.

A room costs something when something happens in it, and nothing otherwise.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA, EVENT, STATE, Position
from homeserver.core.sliding.room_filters import ListFilters, RoomFacts
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships, UserRooms
from homeserver.services.state_moves import StateMoves
from homeserver.services.sync.log_spans import LogSpans
from homeserver.store import room_activity
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

ENTERED: Final = frozenset({"join", "invite", "knock"})
INLINE_MAX: Final = 100
"""Rooms that are read at once without leaving the reactor's thread."""


@define(eq=False)
class RoomOrder:
    """
    One user's rooms as they are after *upto*.

    *positions*: of every room that lists may show, where something happened last; the latest is last.  Not among them
    are rooms that the user has left by themselves.
    """

    user_id: UserID
    rooms: UserRooms
    upto: Position
    positions: OrderedDict[RoomID, Position]
    touched: set[RoomID] = field(factory=set)
    """Rooms that filters have to look at again."""
    account_touched: bool = True
    """The user's account data may say something else of the rooms."""
    rooms_touched: bool = True
    """What the user is to some room is something else."""
    direct: frozenset[RoomID] = frozenset()
    tags: Mapping[RoomID, frozenset[str]] = field(factory=dict)
    hidden: frozenset[RoomID] = frozenset()
    """Invites that the user does not want to see."""
    facts: dict[RoomID, RoomFacts] | None = None
    """None: no filter has asked yet."""
    matching: OrderedDict[ListFilters, set[RoomID]] = field(factory=OrderedDict)
    """The rooms that the filters let through that were asked last."""


@define(eq=False)
class RoomOrders:
    """The orders of the users last asked for: of *users_max* at most, and *rooms_max* rooms of all of them together."""

    database: Database
    tail: LogTail
    memberships: Memberships
    moves: StateMoves
    spans: LogSpans
    users_max: int = 5_000
    rooms_max: int = 500_000
    _orders: OrderedDict[UserID, RoomOrder] = field(init=False, factory=OrderedDict)

    async def of(self, user_id: UserID) -> RoomOrder:
        """The user's rooms as they are at the head of the log when this answers."""
        while True:
            rooms = await self.memberships.of(user_id)
            order = self._orders.get(user_id)
            if order is not None and self._catch_up(order, rooms):
                self._orders.move_to_end(user_id)
                return order
            await self._load(user_id, rooms)

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room is in nobody's order, and nothing is remembered of it."""
        for order in self._orders.values():
            if order.positions.pop(room_id, None) is not None or room_id in (order.facts or ()):
                order.touched.add(room_id)

    def _catch_up(self, order: RoomOrder, rooms: UserRooms) -> bool:
        """Whether the order is that at the head now; False: too much has happened since."""
        head = self.tail.head
        moved: dict[RoomID, Position] = {}
        if rooms is not order.rooms:
            self._reconcile(order, rooms, moved)
        if order.upto < head:
            changes = self.spans.between(order.upto, head)
            if changes.subjects is None:
                return False
            for kind in (EVENT, STATE):
                last = changes.last_of(kind)
                for room_id in _common(last, rooms.joined):
                    moved[room_id] = max(moved.get(room_id, Position(0)), last[room_id])
            order.account_touched |= changes.touches(ACCOUNT_DATA, order.user_id)
        for room_id, position in sorted(moved.items(), key=lambda item: item[1]):
            order.positions[room_id] = position
            order.positions.move_to_end(room_id)
            if self.moves.may_have_moved(room_id, order.upto):
                order.touched.add(room_id)
        order.rooms, order.upto = rooms, head
        return True

    def _reconcile(self, order: RoomOrder, rooms: UserRooms, moved: dict[RoomID, Position]) -> None:
        """The rooms that the user is something else to are in the order, or no longer."""
        before = order.rooms.rows
        order.rooms_touched = True
        for room_id, row in rooms.rows.items():
            was = before.get(room_id)
            if row is was:
                continue
            order.touched.add(room_id)
            was_in = room_id in order.positions and was is not None and was.membership not in {"invite", "knock"}
            if row.membership in ENTERED or (_put_out(row) and was_in):
                moved[room_id] = row.position
            else:
                order.positions.pop(room_id, None)
        for room_id in before.keys() - rooms.rows.keys():
            order.positions.pop(room_id, None)
            order.touched.add(room_id)

    async def _load(self, user_id: UserID, rooms: UserRooms) -> None:
        at = self.tail.head
        joined = [row.room_nid for row in rooms.joined.values()]
        put_out = [row.room_nid for row in rooms.rows.values() if _put_out(row)]
        read = self.database.read if len(joined) <= INLINE_MAX else self.database.scan
        newest = await read(room_activity.newest, joined)
        was_in = await self.database.read(room_activity.ever_joined, user_id, put_out) if put_out else set()
        positions = {
            room_id: newest.get(row.room_nid, row.position) if row.membership == "join" else row.position
            for room_id, row in rooms.rows.items()
            if row.membership in ENTERED or row.room_nid in was_in
        }
        ordered = OrderedDict(sorted(positions.items(), key=lambda item: item[1]))
        self._orders[user_id] = RoomOrder(user_id, rooms, at, ordered)
        self._orders.move_to_end(user_id)
        total = sum(len(order.positions) for order in self._orders.values())
        while len(self._orders) > self.users_max or (total > self.rooms_max and len(self._orders) > 1):
            _, dropped = self._orders.popitem(last=False)
            total -= len(dropped.positions)


def _put_out(row: Membership) -> bool:
    """Whether others have put the user out of the room, or banned them from it."""
    return row.membership in {"leave", "ban"} and row.sender != row.user_id and not row.forgotten


def _common(last: Mapping[str, Position], joined: Mapping[RoomID, Membership]) -> Iterable[RoomID]:
    return last.keys() & joined.keys()  # type: ignore[return-value]
