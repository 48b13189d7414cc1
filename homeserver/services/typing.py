"""
Who is typing where: in memory alone, and forgotten when nobody says it again in time.

Spec: client-server-api#typing-notifications
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import EVENT, LogEntry
from homeserver.services.clock import Clock, Delayed
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.known_events import KnownEvents
from homeserver.services.memberships import Memberships
from homeserver.services.wakeups import Wakeups

TIMEOUT_MS_DEFAULT: Final = 30_000
TIMEOUT_MS_MAX: Final = 120_000
USERS_MAX: Final = 500
"""Who types in one room beyond that is not shown: nobody reads so many names, and peers may claim any."""
ROOMS_MAX: Final = 10_000

TypingListener = Callable[[RoomID, UserID, bool], None]
"""Told when a local user starts, goes on or stops typing: the federation passes it on."""


@define(eq=False)
class _RoomTyping:
    serial: int
    until: dict[UserID, float] = field(factory=dict)
    """When each stops, in the clock's seconds."""
    expiry: Delayed | None = None


@define(eq=False)
class Typing:
    """Who is typing in the rooms where somebody does, or did lately.  Follows the log's tail after *known*."""

    clock: Clock
    serial: EphemeralSerial
    memberships: Memberships
    wakeups: Wakeups
    known: KnownEvents
    listeners: list[TypingListener] = field(factory=list)
    _rooms: OrderedDict[RoomID, _RoomTyping] = field(init=False, factory=OrderedDict)
    """Those that changed last are last."""

    async def set(self, room_id: RoomID, user_id: UserID, typing: bool, timeout_ms: int | None = None) -> None:
        """A local user types, for so long, or does not.  Raises NotInRoom."""
        (await self.memberships.of(user_id)).require_joined(room_id)
        within = TIMEOUT_MS_DEFAULT if timeout_ms is None else min(max(timeout_ms, 0), TIMEOUT_MS_MAX)
        self.receive(room_id, user_id, typing, within)
        self._tell(room_id, user_id, typing)

    def receive(self, room_id: RoomID, user_id: UserID, typing: bool, timeout_ms: int = TIMEOUT_MS_DEFAULT) -> None:
        """A user of any server types, or does not; the caller has checked that the user is in the room."""
        room = self._rooms.get(room_id)
        if room is None:
            # A stop is told even when its start is not known: it may have been before this process began.
            room = self._rooms[room_id] = _RoomTyping(self.serial.head)
            changed = True
        else:
            changed = typing != (user_id in room.until)
        if typing and (user_id in room.until or len(room.until) < USERS_MAX):
            room.until[user_id] = self.clock.seconds() + timeout_ms / 1000
        elif not typing:
            room.until.pop(user_id, None)
        if changed:
            self._changed(room_id, room)
        self._schedule(room_id, room)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Who has left, or was made to, types no more; other servers of the room know that themselves."""
        for entry in entries:
            room = self._rooms.get(RoomID(entry.subject)) if entry.kind == EVENT else None
            if room is None or not room.until:
                continue
            # Of what another process wrote the time tells.
            known = self.known.cached_by_nid(entry.position if entry.ref is None else entry.ref)
            if known is not None and known.event.membership not in {None, "join"}:
                user_id = UserID(known.event.state_key or "")
                if user_id in room.until:
                    self.receive(known.event.room_id, user_id, False)

    def in_room(self, room_id: RoomID) -> list[UserID]:
        """Who is typing now, by name."""
        room = self._rooms.get(room_id)
        return [] if room is None else sorted(room.until)

    def changed_since(self, serial: int) -> Iterator[RoomID]:
        """The rooms where somebody started or stopped after *serial*, the latest first."""
        for room_id in reversed(self._rooms):
            if self._rooms[room_id].serial <= serial:
                return
            yield room_id

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """Nobody types in the room."""
        room = self._rooms.pop(room_id, None)
        if room is not None:
            _cancel(room)

    def _changed(self, room_id: RoomID, room: _RoomTyping) -> None:
        room.serial = self.serial.advance()
        self._rooms.move_to_end(room_id)
        while len(self._rooms) > ROOMS_MAX:
            _, dropped = self._rooms.popitem(last=False)
            _cancel(dropped)
        self.wakeups.ring_room(room_id)

    def _schedule(self, room_id: RoomID, room: _RoomTyping) -> None:
        _cancel(room)
        if room.until:
            delay = max(0.0, min(room.until.values()) - self.clock.seconds())
            room.expiry = self.clock.callLater(delay, self._expire, room_id, room)

    def _expire(self, room_id: RoomID, room: _RoomTyping) -> None:
        now = self.clock.seconds()
        room.expiry = None
        for user_id in [user_id for user_id, until in room.until.items() if until <= now]:
            del room.until[user_id]
            self._tell(room_id, user_id, False)
        self._changed(room_id, room)
        self._schedule(room_id, room)

    def _tell(self, room_id: RoomID, user_id: UserID, typing: bool) -> None:
        for listener in self.listeners:
            listener(room_id, user_id, typing)


def _cancel(room: _RoomTyping) -> None:
    if room.expiry is not None and room.expiry.active():
        room.expiry.cancel()
    room.expiry = None
