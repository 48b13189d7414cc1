"""
Who is there: in memory alone, told to everyone who shares a room.

A local user's presence follows from what their devices say and when they last did something; a remote user's is what
their server says.  Nothing is written to disk.

Spec: client-server-api#presence
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from attrs import define, evolve, field, frozen, validators

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, RoomID, ServerName, UserID, server_of
from homeserver.core.log import Position
from homeserver.core.presence import (
    ABSENT,
    DevicePresence,
    Presence,
    PresenceState,
    next_change_ms,
    presence_of,
)
from homeserver.core.profiles import SHOWN_IN_ROOMS
from homeserver.services.clock import Clock, Delayed, now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.memberships import Memberships, UserRooms
from homeserver.services.refusals import Forbidden
from homeserver.services.wakeups import Wakeups
from homeserver.store import windows
from homeserver.store.database import Database

GRACE_MS: Final = 30_000
"""A device whose sync has ended is there for so long: it is about to sync again."""
STATED_FOR_MS: Final = 5 * 60_000
"""What a client states without syncing holds so long."""
AT_ONCE_MAX: Final = 20
"""As long as no more users listen, changes are told to them at once."""
TELLING_MS_EACH: Final = 5
"""With more, changes are gathered for so long for each who listens: ten times what it takes to tell them."""
TELLING_MS_MAX: Final = 30_000
SILENT_MS_MAX: Final = 30 * 60_000
"""Of whom their server says nothing for so long is gone, as that server may be."""
REPEATED_MS: Final = 25 * 60_000
"""How often other servers are told that a user of ours is there still: they keep to the same."""


@frozen
class PresenceSettings:
    """Whether users see who else is there."""

    enabled: bool = True
    """Off: everyone is offline to everyone, and nobody is told of changes. Saves much work in large rooms."""
    users_max: int = field(default=50_000, validator=validators.ge(100))
    """How many users' presence is remembered; those who changed longest ago are forgotten first."""


PresenceListener = Callable[[UserID, Presence, frozenset[RoomID]], None]
"""Told of each change of a local user that others see, with the rooms the user is in: the federation passes it on."""


@define(eq=False)
class _Known:
    """What is known of one user.  *rooms*: those they were joined to when it last changed."""

    shown: Presence = ABSENT
    serial: int = 0
    rooms: frozenset[RoomID] = frozenset()
    rooms_at: Position = Position(-1)
    """Of a local user: how far the log was when these were the rooms."""
    told_ms: int = 0
    """When other servers were last told of a local user."""
    status_msg: str | None = None
    last_active_ms: int | None = None
    profile: Mapping[str, JSON] | None = None
    """Of a local user who changed it since this process began."""
    devices: dict[DeviceID | None, DevicePresence] = field(factory=dict)
    next_change: Delayed | None = None


@define(eq=False)
class PresenceBoard:
    """The presence of users, as everyone who shares a room with them may see it."""

    database: Database
    server: ServerName
    clock: Clock
    serial: EphemeralSerial
    memberships: Memberships
    wakeups: Wakeups
    settings: PresenceSettings = PresenceSettings()
    listeners: list[PresenceListener] = field(factory=list)
    _users: OrderedDict[UserID, _Known] = field(init=False, factory=OrderedDict)
    """Those that changed last are last."""
    _untold: set[RoomID] = field(init=False, factory=set)
    """Whose members are to hear that somebody's presence has changed."""
    _telling: Delayed | None = field(init=False, default=None)

    async def state(
        self, user_id: UserID, device_id: DeviceID | None, presence: PresenceState, status_msg: str | None
    ) -> None:
        """A local user is as one of their devices says, and was active just now."""
        if not self.settings.enabled:
            return
        rooms = await self.memberships.of(user_id)
        known = self._known(user_id)
        now = now_ms(self.clock)
        known.status_msg = status_msg
        known.last_active_ms = now
        known.devices[device_id] = DevicePresence(presence, now + STATED_FOR_MS, is_set=True)
        self._settle(user_id, known, rooms)

    def syncing(
        self, user_id: UserID, device_id: DeviceID | None, stated: PresenceState | None, rooms: UserRooms, wait_ms: int
    ) -> None:
        """
        A device of a local user syncs, and may wait for so long.

        *stated*: what it says of itself; None when it says nothing: then it is online, or what the user set it to.  An
        ``offline`` says that syncing is no sign of life.
        """
        if not self.settings.enabled or stated == "offline":
            return
        now = now_ms(self.clock)
        known = self._known(user_id)
        before = known.devices.get(device_id)
        alive = before is not None and before.until_ms > now
        is_set = alive and before is not None and before.is_set and stated in (None, before.state)
        state: PresenceState = before.state if is_set and before is not None else stated or "online"
        goes_on = alive and before is not None and before.state == state
        until = max(now + wait_ms + GRACE_MS, before.until_ms if goes_on and before is not None else 0)
        device = DevicePresence(state, until, is_set)
        known.devices[device_id] = device
        if device.state == "online" and (not alive or before is None or before.state != "online"):
            known.last_active_ms = now
        elif goes_on and known.rooms_at == rooms.changed_at:
            # The hot path: the device goes on as before, and the timer finds the later end by itself.
            return
        self._settle(user_id, known, rooms)

    def active(self, user_id: UserID) -> None:
        """
        A local user did something just now: who was unavailable is online; who does not want to be seen is not.

        Spec: client-server-api#idle-timeout
        """
        known = self._users.get(user_id)
        if known is None or not self.settings.enabled:
            return
        known.last_active_ms = now_ms(self.clock)
        if known.shown.state == "unavailable":
            for device, said in known.devices.items():
                if said.state == "unavailable":
                    known.devices[device] = DevicePresence("online", said.until_ms)
        if not known.shown.currently_active:
            self._settle(user_id, known, self.memberships.cached(user_id))

    async def profile_changed(self, user_id: UserID, profile: Mapping[str, JSON]) -> None:
        """
        A local user has another name or avatar, which is told with their presence.

        Spec: client-server-api#events-on-change-of-profile-information
        """
        if not self.settings.enabled:
            return
        rooms = await self.memberships.of(user_id)
        known = self._known(user_id)
        known.profile = {field: profile[field] for field in SHOWN_IN_ROOMS if field in profile}
        known.rooms, known.rooms_at = frozenset(rooms.joined), rooms.changed_at
        self._show(user_id, known, evolve(known.shown, profile=known.profile))

    async def receive(self, user_id: UserID, presence: Presence) -> None:
        """A user of another server is as that server says."""
        if not self.settings.enabled:
            return
        room_ids = frozenset(await self.database.read(windows.joined_room_ids, user_id))
        if room_ids:
            known = self._known(user_id)
            known.rooms = room_ids
            self._show(user_id, known, presence.within_bounds(now_ms(self.clock)))
            _cancel(known)
            if presence.state != "offline":
                known.next_change = self.clock.callLater(SILENT_MS_MAX / 1000, self._went_silent, user_id)

    async def seen_by(self, user_id: UserID, viewer: UserID) -> Presence:
        """What *viewer* sees of a user.  Raises Forbidden when they share no room."""
        known = self._users.get(user_id)
        if user_id != viewer:
            mine = (await self.memberships.of(viewer)).joined.keys()
            if mine.isdisjoint(await self._rooms(user_id, known)):
                raise Forbidden("You share no room with this user.")
        return ABSENT if known is None else known.shown

    async def content_for(self, user_id: UserID, viewer: UserID) -> JSONObject:
        """The same as the content of an ``m.presence``."""
        return (await self.seen_by(user_id, viewer)).content(now_ms(self.clock))

    def shown_to(self, user_id: UserID, rooms: UserRooms, serial: int) -> Iterator[tuple[UserID, Presence]]:
        """The presence of those that changed after *serial* and share a room with a user, the latest first."""
        for other in reversed(self._users):
            known = self._users[other]
            if known.serial <= serial:
                return
            # Asked this way round, the fewer of both rooms are walked through.
            if other == user_id or not rooms.joined.keys().isdisjoint(known.rooms):
                yield other, known.shown

    def changed_since(self, serial: int) -> Iterator[tuple[UserID, Presence, frozenset[RoomID]]]:
        """Those that changed after *serial*, the latest first, with the rooms they were in."""
        for user_id in reversed(self._users):
            known = self._users[user_id]
            if known.serial <= serial:
                return
            yield user_id, known.shown, known.rooms

    def present_in(self, room_ids: frozenset[RoomID]) -> Iterator[tuple[UserID, Presence]]:
        """The presence of all who are in one of the rooms and not offline."""
        for user_id, known in self._users.items():
            if known.shown.state != "offline" and not known.rooms.isdisjoint(room_ids):
                yield user_id, known.shown

    def stop(self) -> None:
        """No timer runs any more."""
        for known in self._users.values():
            _cancel(known)
        if self._telling is not None and self._telling.active():
            self._telling.cancel()

    def _known(self, user_id: UserID) -> _Known:
        known = self._users.get(user_id)
        if known is None:
            known = self._users[user_id] = _Known()
            self._users.move_to_end(user_id, last=False)
            while len(self._users) > self.settings.users_max:
                self._forget_oldest(user_id)
        return known

    def _forget_oldest(self, but: UserID) -> None:
        for user_id in self._users:
            if user_id != but:
                _cancel(self._users.pop(user_id))
                return

    async def _rooms(self, user_id: UserID, known: _Known | None) -> frozenset[RoomID]:
        if server_of(user_id) == self.server:
            return frozenset((await self.memberships.of(user_id)).joined)
        if known is not None:
            return known.rooms
        return frozenset(await self.database.read(windows.joined_room_ids, user_id))

    def _settle(self, user_id: UserID, known: _Known, rooms: UserRooms | None) -> None:
        """A local user is shown as follows from what is known; *rooms*: None when they are not in memory."""
        now = now_ms(self.clock)
        known.devices = {device: said for device, said in known.devices.items() if said.until_ms > now}
        entered = False
        if rooms is not None and known.rooms_at != rooms.changed_at:
            entered = known.rooms != rooms.joined.keys()
            known.rooms_at = rooms.changed_at
            if entered:
                known.rooms = frozenset(rooms.joined)
        presence = presence_of(known.devices.values(), known.last_active_ms, known.status_msg, now)
        if known.profile is not None:
            presence = evolve(presence, profile=known.profile)
        is_news = entered or not presence.looks_like(known.shown)
        if is_news:
            self._show(user_id, known, presence)
        else:
            known.shown = presence
        if is_news or (presence.state != "offline" and now - known.told_ms >= REPEATED_MS):
            known.told_ms = now
            for listener in self.listeners:
                listener(user_id, presence, known.rooms)
        self._schedule(user_id, known, now)

    def _show(self, user_id: UserID, known: _Known, presence: Presence) -> None:
        known.shown = presence
        known.serial = self.serial.advance()
        self._users.move_to_end(user_id)
        self._untold |= known.rooms
        if self._telling is not None:
            return
        listeners = self.wakeups.listeners
        if listeners <= AT_ONCE_MAX:
            self._tell()
        else:
            wait_ms = min(TELLING_MS_EACH * listeners, TELLING_MS_MAX)
            self._telling = self.clock.callLater(wait_ms / 1000, self._tell)

    def _tell(self) -> None:
        """Who shares a room with any of those that changed hears of it; whoever syncs for another reason has heard."""
        self._telling = None
        room_ids, self._untold = self._untold, set()
        self.wakeups.ring_rooms(room_ids)

    def _schedule(self, user_id: UserID, known: _Known, now: int) -> None:
        _cancel(known)
        at = next_change_ms(known.devices.values(), known.last_active_ms, now)
        if at is not None:
            if known.shown.state != "offline":
                at = min(at, known.told_ms + REPEATED_MS)
            # A millisecond later, so that rounding never finds it too early.
            known.next_change = self.clock.callLater((at - now + 1) / 1000, self._time_passed, user_id)

    def _went_silent(self, user_id: UserID) -> None:
        """Nothing was heard of a user of another server."""
        known = self._users.get(user_id)
        if known is not None:
            known.next_change = None
            self._show(user_id, known, evolve(known.shown, state="offline", currently_active=False))

    def _time_passed(self, user_id: UserID) -> None:
        known = self._users.get(user_id)
        if known is not None:
            known.next_change = None
            self._settle(user_id, known, None)


def _cancel(known: _Known) -> None:
    if known.next_change is not None and known.next_change.active():
        known.next_change.cancel()
    known.next_change = None
