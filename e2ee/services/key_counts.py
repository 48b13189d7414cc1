"""What each device has left of one-time and fallback keys: in every sync, and so in memory."""

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field

from e2ee.core.one_time_keys import KeyState, whole_counts
from e2ee.store import key_states
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import DEVICE_LIST, ONE_TIME_KEYS, LogEntry
from homeserver.services.log_tail import LogTail
from homeserver.store.database import Database


@define(eq=False)
class KeyCounts:
    """The devices of the *users_max* users last asked for; to follow the log's tail."""

    database: Database
    tail: LogTail
    users_max: int = 20_000
    _known: OrderedDict[UserID, dict[DeviceID, KeyState]] = field(init=False, factory=OrderedDict)

    async def of(self, user_id: UserID, device_id: DeviceID) -> KeyState:
        """What the device has left."""
        known = self._known.get(user_id)
        if known is not None and device_id in known:
            self._known.move_to_end(user_id)
            return known[device_id]
        head = self.tail.head
        counts, unused = await self.database.read(key_states.of_device, user_id, device_id)
        state = KeyState(whole_counts(counts), unused)
        if head == self.tail.head:
            self._known.setdefault(user_id, {})[device_id] = state
            self._known.move_to_end(user_id)
            while len(self._known) > self.users_max:
                self._known.popitem(last=False)
        return state

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """What the entries say has changed is read afresh."""
        for entry in entries:
            if entry.kind in {ONE_TIME_KEYS, DEVICE_LIST}:
                self._known.pop(UserID(entry.subject), None)
