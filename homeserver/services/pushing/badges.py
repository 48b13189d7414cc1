"""
How much a user has not read in all rooms together: the number on an app's icon.

Counted once over all rooms, and then again only where something happened.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import EVENT, PURGED, RECEIPT, THREAD_SUBSCRIPTION, LogEntry, Position
from homeserver.services.clock import Clock
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.sync.pacing import Pace
from homeserver.services.unread import UnreadCounts

ROOMS_MAX: Final = 50_000
"""Rooms of which is remembered when something last happened in them."""


@define(eq=False)
class _Badge:
    upto: Position
    counts: dict[RoomID, int]
    """Of the rooms where anything is unread."""


@define(eq=False)
class Badges:
    """The counts of the *users_max* users last asked for."""

    clock: Clock
    tail: LogTail
    memberships: Memberships
    unread: UnreadCounts
    users_max: int = 10_000
    _known: OrderedDict[UserID, _Badge] = field(init=False, factory=OrderedDict)
    _moved: OrderedDict[RoomID, Position] = field(init=False, factory=OrderedDict)
    _follows: bool = field(init=False, default=False)
    _forgotten: int = field(init=False, default=0)

    async def of(self, user_id: UserID) -> int:
        """How many events are unread that notify the user."""
        self._follows = True
        forgotten, upto = self._forgotten, self.tail.head
        joined = (await self.memberships.of(user_id)).joined
        known = self._known.get(user_id)
        badge = _Badge(upto, {})
        pace = Pace(self.clock)
        for room_id, row in joined.items():
            if known is not None and max(row.position, self._moved.get(room_id, 0)) <= known.upto:
                count = known.counts.get(room_id, 0)
            else:
                count = (await self.unread.of(row, self.tail.head)).total.notify
                await pace.step()
            if count:
                badge.counts[room_id] = count
        if forgotten == self._forgotten:
            self._known[user_id] = badge
            self._known.move_to_end(user_id)
        while len(self._known) > self.users_max:
            self._known.popitem(last=False)
        return sum(badge.counts.values())

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Where something happened is counted anew."""
        if not self._follows:
            return
        for entry in entries:
            if entry.kind in {EVENT, PURGED} or (entry.kind == RECEIPT and entry.ref is not None):
                room_id = RoomID(entry.subject)
                self._moved[room_id] = entry.position
                self._moved.move_to_end(room_id)
            elif entry.kind == THREAD_SUBSCRIPTION:
                self._forgotten += 1
                self._known.pop(UserID(entry.subject), None)
        if len(self._moved) > ROOMS_MAX:
            self._forgotten += 1
            self._known.clear()
            self._moved.clear()
