"""How users moved through rooms: those asked about lately, in memory."""

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field

from e2ee.core.sharing import Move
from e2ee.store import room_moves
from homeserver.core.identifiers import UserID
from homeserver.core.log import MEMBERSHIP, REMOTE_MEMBERSHIP, LogEntry
from homeserver.services.log_tail import LogTail
from homeserver.store.database import Database


@define(eq=False)
class Moves:
    """The moves of the *users_max* users last asked for; to follow the log's tail."""

    database: Database
    tail: LogTail
    users_max: int = 10_000
    _known: OrderedDict[UserID, tuple[Move, ...]] = field(init=False, factory=OrderedDict)

    async def of(self, user_id: UserID) -> tuple[Move, ...]:
        """All the user's moves, each room's oldest first."""
        known = self._known.get(user_id)
        if known is not None:
            self._known.move_to_end(user_id)
            return known
        head = self.tail.head
        moves = await self.database.read(room_moves.of_user, user_id)
        if head == self.tail.head:
            self._known[user_id] = moves
            while len(self._known) > self.users_max:
                self._known.popitem(last=False)
        return moves

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Who moved is read afresh."""
        for entry in entries:
            if entry.kind in {MEMBERSHIP, REMOTE_MEMBERSHIP}:
                self._known.pop(UserID(entry.subject), None)
