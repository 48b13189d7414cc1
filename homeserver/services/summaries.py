"""
Room summaries: how many members a room has, and whom to name it after.

Counted once for all who sync, as long as nobody enters or leaves.
"""

from collections import OrderedDict
from typing import Final

from attrs import define, evolve, field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.services.state_moves import StateMoves
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.windows import MEMBER, MemberCounts

HEROES_MAX: Final = 5
"""Spec: client-server-api#get_matrixclientv3sync"""


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
        if counted is not None and counted.at < upto and not await self._moved(room_nid, room_id, counted.at, upto):
            self._keep(room_nid, evolve(counted, at=upto))
            return counted.summary
        summary = Summary(await self.database.read(windows.member_counts, room_nid, upto, HEROES_MAX + 1))
        self._keep(room_nid, _Counted(upto, summary))
        return summary

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room's members are counted afresh, if it is here still."""
        self._counted.pop(room_nid, None)

    async def _moved(self, room_nid: int, room_id: RoomID, after: Position, upto: Position) -> bool:
        if not self.moves.may_have_moved(room_id, after):
            return False
        changes = await self.database.read(windows.changes, room_nid, after, upto)
        return any(change.key[0] == MEMBER for change in changes)

    def _keep(self, room_nid: int, counted: _Counted) -> None:
        self._counted[room_nid] = counted
        self._counted.move_to_end(room_nid)
        while len(self._counted) > self.rooms_max:
            self._counted.popitem(last=False)
