"""
Room summaries: how many members a room has, and whom to name it after.

Counted once for all who sync, and then on with whoever enters or leaves.
"""

from collections import OrderedDict
from typing import Final

from attrs import define, evolve, field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.services.state_moves import StateMoves
from homeserver.store import member_counts
from homeserver.store.database import Database
from homeserver.store.member_counts import MemberCounts

HEROES_MAX: Final = 5
"""Spec: client-server-api#get_matrixclientv3sync"""
INLINE_MAX: Final = 1_000
"""Changes of members that are counted at once; of more in a thread of the process's own."""


@frozen
class Summary:
    """What a client needs to name a room that has no name, but for the reader."""

    counts: MemberCounts

    def heroes(self, user_id: UserID) -> list[UserID]:
        """Whom the room is named after: the first to arrive who are still there, and else those who were."""
        for members in (self.counts.heroes, self.counts.former):
            others = [member for member in members if member != user_id][:HEROES_MAX]
            if others:
                return others
        return []

    def to_json(self, user_id: UserID) -> JSONObject:
        """The summary for one reader."""
        return {
            "m.heroes": list(self.heroes(user_id)),
            "m.joined_member_count": self.counts.joined,
            "m.invited_member_count": self.counts.invited,
        }


@frozen
class _Counted:
    at: Position
    summary: Summary


@define(eq=False)
class Summaries:
    """The summaries of the *rooms_max* rooms last asked for, in memory."""

    database: Database
    moves: StateMoves
    rooms_max: int = 10_000
    _counted: OrderedDict[int, _Counted] = field(init=False, factory=OrderedDict)

    async def of(self, room_nid: int, room_id: RoomID, upto: Position) -> Summary:
        """The summary of a room as it is after *upto*."""
        counted = self._counted.get(room_nid)
        if counted is not None and counted.at == upto:
            return counted.summary
        if counted is not None and counted.at < upto:
            if not self.moves.may_have_moved(room_id, counted.at):
                self._keep(room_nid, evolve(counted, at=upto))
                return counted.summary
            counts = await self.database.read(
                member_counts.counted_on, room_nid, counted.summary.counts, counted.at, upto, HEROES_MAX + 1
            )
        else:
            counts = None
        summary = Summary(counts or await self._count(room_nid, upto))
        self._keep(room_nid, _Counted(upto, summary))
        return summary

    async def _count(self, room_nid: int, upto: Position) -> MemberCounts:
        read = member_counts.member_counts
        counts = await self.database.read(read, room_nid, upto, HEROES_MAX + 1, INLINE_MAX)
        if counts is None:
            counts = await self.database.scan(read, room_nid, upto, HEROES_MAX + 1)
        assert counts is not None, "without a limit everything is counted"
        return counts

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room's members are counted afresh, if it is here still."""
        self._counted.pop(room_nid, None)

    def _keep(self, room_nid: int, counted: _Counted) -> None:
        self._counted[room_nid] = counted
        self._counted.move_to_end(room_nid)
        while len(self._counted) > self.rooms_max:
            self._counted.popitem(last=False)
