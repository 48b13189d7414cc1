"""
Rooms that this server is on its way into.

From the moment that another server has taken a join it sends what happens in the room; that is kept waiting until the
room is here, or it would be dropped as an affair of others.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError

from homeserver.core.identifiers import RoomID
from homeserver.services.clock import Clock

PATIENCE_SECONDS: Final = 60.0
"""How long what comes for such a room waits."""


@define(eq=False)
class Entering:
    """The joins under way, room by room."""

    clock: Clock
    _under_way: Counter[RoomID] = field(init=False, factory=Counter)
    _waiting: dict[RoomID, list["Deferred[None]"]] = field(init=False, factory=dict)

    @asynccontextmanager
    async def into(self, room_id: RoomID) -> AsyncIterator[None]:
        """A join is under way for the time of the block."""
        self._under_way[room_id] += 1
        try:
            yield
        finally:
            self._under_way[room_id] -= 1
            if not self._under_way[room_id]:
                del self._under_way[room_id]
                for waiter in self._waiting.pop(room_id, ()):
                    if not waiter.called:
                        waiter.callback(None)

    async def settled(self, room_id: RoomID) -> None:
        """No join to the room is under way, or it takes too long to wait for."""
        if room_id not in self._under_way:
            return
        waiter: Deferred[None] = Deferred()
        self._waiting.setdefault(room_id, []).append(waiter)
        try:
            await waiter.addTimeout(PATIENCE_SECONDS, self.clock)  # type: ignore[arg-type]
        except TimeoutError:
            return
