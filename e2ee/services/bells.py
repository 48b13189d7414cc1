"""Who waits for a sync is woken when somebody they share a room with changed their devices."""

from collections.abc import Sequence

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from e2ee.store import room_moves
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import DEVICE_LIST, LogEntry
from homeserver.services.wakeups import Wakeups
from homeserver.store.database import Database

log = structlog.get_logger(__name__)


@define(eq=False)
class DeviceListBells:
    """
    Rings for the members of the rooms of those who changed; to follow the log's tail after all that syncs read.

    The users themselves are rung for as everybody is whom the log names.
    """

    database: Database
    wakeups: Wakeups
    _changed: set[UserID] = field(init=False, factory=set)
    _ringing: bool = field(init=False, default=False)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Somebody may have changed."""
        self._changed.update(UserID(entry.subject) for entry in entries if entry.kind == DEVICE_LIST)
        if self._changed and not self._ringing:
            self._ringing = True
            Deferred.fromCoroutine(self._ring()).addErrback(self._report)

    async def _ring(self) -> None:
        try:
            while self._changed:
                user_id = self._changed.pop()
                if not self.wakeups.waiting():
                    continue
                for room_id in (await self.database.read(room_moves.joined_rooms, user_id)).values():
                    self.wakeups.ring_room(RoomID(room_id))
        finally:
            self._ringing = False

    def _report(self, failure: Failure) -> None:
        log.error("waiting syncs were not woken", failure=failure.getTraceback())
