"""
Who waits for something to happen to them, and is told.

A waiting request listens for its user; what it costs does not depend on how many rooms the user is in.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from types import TracebackType
from typing import Final, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import DEVICE_LIST, EVENT, RECEIPT, STATE, LogEntry
from homeserver.services.clock import Clock
from homeserver.services.memberships import Memberships

K = TypeVar("K")

RELEASED_AT_ONCE: Final = 8
"""How many requests go on in one turn of the reactor: a message in a large room must not stop everything else."""
LOOKED_AT_AT_ONCE: Final = 500
"""Users who listen that are looked at in one turn."""

_OF_ROOMS: Final = frozenset({EVENT, STATE, RECEIPT})


@define(eq=False)
class Bell:
    """One request that listens.  It hears what rings from the moment it was made, waiting or not."""

    user_id: UserID
    _wakeups: "Wakeups"
    room_id: RoomID | None = None
    """A room that is listened to as well, whether or not the user is in it."""
    _rung: bool = field(init=False, default=False)
    _waiting: Deferred[None] | None = field(init=False, default=None)

    def __enter__(self) -> "Bell":
        self._wakeups.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wakeups.remove(self)

    def silence(self) -> None:
        """What rang until now is heard."""
        self._rung = False

    async def wait(self, seconds: float) -> None:
        """It has rung since it was last silenced, or *seconds* have passed."""
        if self._rung or seconds <= 0:
            return
        waiting: Deferred[None] = Deferred()
        self._waiting = waiting
        timeout = self._wakeups.clock.callLater(seconds, self.release)
        try:
            await waiting
        finally:
            self._waiting = None
            if timeout.active():
                timeout.cancel()

    def ring(self) -> bool:
        """It rings; whether a request waits to go on for the first time since."""
        first = not self._rung and self._waiting is not None
        self._rung = True
        return first

    def release(self) -> None:
        """Whoever waits goes on."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


@define(eq=False)
class Wakeups:
    """All that listen."""

    clock: Clock
    memberships: Memberships
    _bells: dict[UserID, set[Bell]] = field(init=False, factory=dict)
    _of_rooms: dict[RoomID, set[Bell]] = field(init=False, factory=dict)
    _due: deque[Bell] = field(init=False, factory=deque)
    _releasing: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        # Who is no longer in memory is not among the present of any room: what happens there would not be heard.
        self.memberships.on_drop.append(self.ring)

    def listen(self, user_id: UserID, room_id: RoomID | None = None) -> Bell:
        """A context manager; within it nothing that concerns the user, or happens in the room, goes unheard."""
        return Bell(user_id, self, room_id)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """All whom the entries concern are rung for."""
        if not self._bells:
            return
        for entry in entries:
            if entry.kind in _OF_ROOMS:
                self.ring_room(RoomID(entry.subject))
            elif entry.kind == DEVICE_LIST:
                self.ring_around(UserID(entry.subject))
            else:
                self.ring(UserID(entry.subject))

    def ring_room(self, room_id: RoomID) -> None:
        """All members of the room are rung for, and whoever listens to it."""
        self._ring(self._of_rooms.get(room_id, ()))
        present = self.memberships.present_in(room_id)
        # The shorter way round: of a room's many members few may wait, or of many that wait few be members.
        for user_id in present if len(present) < len(self._bells) else self._bells.keys() & present:
            self.ring(user_id)

    def ring_rooms(self, room_ids: AbstractSet[RoomID]) -> None:
        """Whoever is in any of the rooms is rung for, and whoever listens to one; many of them in several turns."""
        for room_id in self._of_rooms.keys() & room_ids:
            self._ring(self._of_rooms[room_id])
        self._ring_members(deque(self._bells), room_ids)

    @property
    def listeners(self) -> int:
        """How many users listen."""
        return len(self._bells)

    def _ring_members(self, user_ids: deque[UserID], room_ids: AbstractSet[RoomID]) -> None:
        # Who listens is looked at, not who is in the rooms: of these there may be many times as many.
        for _ in range(min(LOOKED_AT_AT_ONCE, len(user_ids))):
            user_id = user_ids.popleft()
            rooms = self.memberships.cached(user_id)
            # Of who is not in memory nobody knows; they look for themselves.
            if rooms is None or not rooms.joined.keys().isdisjoint(room_ids):
                self.ring(user_id)
        if user_ids:
            self.clock.callLater(0, self._ring_members, user_ids, room_ids)

    def ring_around(self, user_id: UserID) -> None:
        """All that share a room with the user are rung for; where nobody knows who that is, everybody."""
        rooms = self.memberships.cached(user_id)
        if rooms is None:
            for waiting in list(self._bells):
                self.ring(waiting)
            return
        self.ring(user_id)
        for room_id in rooms.joined:
            self.ring_room(room_id)

    def ring(self, user_id: UserID) -> None:
        """All requests of the user go on, a few in each turn of the reactor."""
        self._ring(self._bells.get(user_id, ()))

    def _ring(self, bells: Iterable[Bell]) -> None:
        for bell in bells:
            if bell.ring():
                self._due.append(bell)
        self._release_soon()

    def add(self, bell: Bell) -> None:
        """*bell* hears."""
        self._bells.setdefault(bell.user_id, set()).add(bell)
        if bell.room_id is not None:
            self._of_rooms.setdefault(bell.room_id, set()).add(bell)

    def remove(self, bell: Bell) -> None:
        """*bell* hears no more."""
        _discard(self._bells, bell.user_id, bell)
        if bell.room_id is not None:
            _discard(self._of_rooms, bell.room_id, bell)

    def waiting(self) -> Iterable[UserID]:
        """The users that listen."""
        return self._bells.keys()

    def _release(self) -> None:
        self._releasing = False
        for _ in range(min(RELEASED_AT_ONCE, len(self._due))):
            self._due.popleft().release()
        self._release_soon()

    def _release_soon(self) -> None:
        if self._due and not self._releasing:
            self._releasing = True
            self.clock.callLater(0, self._release)


def _discard(bells: dict[K, set[Bell]], key: K, bell: Bell) -> None:
    bells[key].discard(bell)
    if not bells[key]:
        del bells[key]
