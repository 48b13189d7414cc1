"""
Puts tallies of what is unread down now and then: those that took much counting, many in one write.

One that is lost is counted again.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.receipts import READ_TYPES
from homeserver.core.relations import MAIN_THREAD
from homeserver.core.unread import NOTHING, Tally
from homeserver.services.clock import Clock
from homeserver.store import receipts, unread
from homeserver.store.database import Database
from homeserver.store.failures import Closed, OutcomeUnknown, Overloaded, Unavailable
from homeserver.store.unread import StoredCount
from homeserver.store.write import Write

Key: TypeAlias = tuple[UserID, int]
"""A user and the nid of a room."""

WORTH_KEEPING: Final = 100
"""Events looked at since a tally was last put down."""
DELAY_SECONDS: Final = 5.0
BATCH_MAX: Final = 500


@define(eq=False)
class UnreadKeeping:
    """Gathers tallies, and writes them."""

    database: Database
    clock: Clock
    _due: dict[Key, Tally] = field(init=False, factory=dict)
    _scheduled: bool = field(init=False, default=False)

    def consider(self, key: Key, tally: Tally) -> Tally:
        """The tally, which is going to be put down if that is worth it."""
        if tally.uncounted < WORTH_KEEPING:
            return tally
        self._due[key] = tally
        self._schedule()
        return evolve(tally, uncounted=0)

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """Nothing is put down of the room."""
        for key in [key for key in self._due if key[1] == room_nid]:
            del self._due[key]

    def forget_user(self, user_id: UserID) -> None:
        """Nothing that waits is put down for the user, who may ignore others now."""
        for key in [key for key in self._due if key[0] == user_id]:
            del self._due[key]

    def forget(self, key: Key) -> None:
        """A tally that waits is not right any more."""
        self._due.pop(key, None)

    def write_due(self) -> "Deferred[None]":
        """What was worth it is put down, or was not and is counted again."""
        keys = list(self._due)[:BATCH_MAX]
        batch = [(key, self._due.pop(key)) for key in keys]
        written: Deferred[None] = Deferred.fromCoroutine(self._write(batch))
        return written

    async def _write(self, batch: Sequence[tuple[Key, Tally]]) -> None:
        try:
            await self.database.write(_put_down, batch)
        except (Closed, Unavailable, Overloaded, OutcomeUnknown):
            return
        finally:
            if self._due:
                self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.clock.callLater(DELAY_SECONDS, self._time_passed)

    def _time_passed(self) -> None:
        self._scheduled = False
        self.write_due()


def _put_down(tx: Write, batch: Sequence[tuple[Key, Tally]]) -> None:
    for (user_id, room_nid), tally in batch:
        marks = frozenset(
            (receipt.thread_id, receipt.event_ordering)
            for receipt in receipts.of_user_in(tx.connection, user_id, (room_nid,))
            if receipt.type in READ_TYPES and receipt.event_ordering is not None
        )
        # What was counted after a receipt that has moved since counts no more.
        if marks != tally.marks:
            continue
        unread.delete(tx, user_id, room_nid)
        for thread_id in {MAIN_THREAD, *tally.counts}:
            count = tally.counts.get(thread_id, NOTHING)
            stored = "" if thread_id == MAIN_THREAD else thread_id
            unread.replace(tx, StoredCount(user_id, room_nid, stored, tally.upto, count.notify, count.highlight))
