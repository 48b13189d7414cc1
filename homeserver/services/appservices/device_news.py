"""
What an application service is told of end-to-end encryption: messages to its devices, whose devices changed, and how
many keys its devices have left.

Proposals 3202 and 4203 say how; they are in no version of the specification yet.
"""

from collections.abc import Sequence

from attrs import define, field

from homeserver.core.appservices.transactions import Tidings
from homeserver.core.identifiers import RoomID, UserID, server_of
from homeserver.core.log import (
    DEVICE_LIST,
    MEMBERSHIP,
    ONE_TIME_KEYS,
    REMOTE_MEMBERSHIP,
    TO_DEVICE,
    LogEntry,
    Position,
)
from homeserver.services.appservices.interest import Interest
from homeserver.services.clock import Clock
from homeserver.services.memberships import Memberships
from homeserver.services.ports import AppserviceEncryption
from homeserver.services.sync.pacing import Pace
from homeserver.store import rooms, windows
from homeserver.store.database import Database


@define(eq=False)
class DeviceNews:
    """For one application service."""

    interest: Interest
    database: Database
    clock: Clock
    memberships: Memberships
    encryption: AppserviceEncryption
    _wanted: bool | None = field(init=False, default=None)

    @property
    def is_wanted(self) -> bool:
        """Whether the service was found to care."""
        return bool(self._wanted)

    async def are_wanted(self, entries: Sequence[LogEntry]) -> bool:
        """Whether the service cares: it says so, or one of its users has a device with keys."""
        registration = self.interest.registration
        may_have_changed = self._wanted is None or any(
            entry.kind == DEVICE_LIST and self.interest.owns(UserID(entry.subject)) for entry in entries
        )
        if not self._wanted and may_have_changed:
            self._wanted = registration.encryption or await self.encryption.has_devices(registration.id)
        return bool(self._wanted)

    async def add(
        self, tidings: Tidings, entries: Sequence[LogEntry], after: Position, upto: Position
    ) -> Sequence[UserID]:
        """
        What *entries* at positions in ``(after, upto]`` say is in *tidings*; answers who is sent messages in them.
        """
        owns = self.interest.owns
        own: dict[str, set[UserID]] = {TO_DEVICE: set(), ONE_TIME_KEYS: set(), DEVICE_LIST: set()}
        for entry in entries:
            if entry.kind in own and owns(UserID(entry.subject)):
                own[entry.kind].add(UserID(entry.subject))
        recipients = sorted(own[TO_DEVICE])
        if recipients:
            tidings.to_device = await self.encryption.messages(recipients, after, upto)
        counted = own[ONE_TIME_KEYS] | own[TO_DEVICE] | own[DEVICE_LIST]
        if counted:
            await self._add_counts(tidings, counted)
        await self._add_changes(tidings, entries, upto)
        return recipients

    async def _add_counts(self, tidings: Tidings, users: set[UserID]) -> None:
        counts = await self.encryption.key_counts(users)
        tidings.key_counts = {
            user: {device: state.counts for device, state in devices.items()} for user, devices in counts.items()
        }
        tidings.unused_fallbacks = {
            user: {device: state.unused_fallbacks for device, state in devices.items()}
            for user, devices in counts.items()
        }

    async def _add_changes(self, tidings: Tidings, entries: Sequence[LogEntry], upto: Position) -> None:
        news, pace = tidings.device_lists, Pace(self.clock)
        for entry in entries:
            user_id = UserID(entry.subject)
            if entry.kind == DEVICE_LIST and user_id not in news.changed:
                await pace.step()
                if await self._is_met(user_id):
                    news.changed.add(user_id)
            elif entry.kind in (MEMBERSHIP, REMOTE_MEMBERSHIP) and entry.ref is not None:
                await pace.step()
                await self._add_move(tidings, user_id, entry.ref, upto)
        news.left -= news.changed

    async def _add_move(self, tidings: Tidings, user_id: UserID, room_nid: int, upto: Position) -> None:
        """Who enters a room of interest is new to the service; who leaves the last is no more."""
        found = await self.database.read(rooms.by_nid, room_nid)
        if found is None or not await self.interest.holds(found.room_id, upto):
            # Its own user has left: nobody may be shared with those who stay.
            if found is not None and self.interest.owns(user_id):
                for member in await self.encryption.members(room_nid, upto):
                    if not await self._is_met(member):
                        tidings.device_lists.left.add(member)
            return
        room = await self.interest.room(found.room_id)
        if room is not None and user_id == room.witness and not room.named:
            # The first of its users here: all that are here are new to it.
            tidings.device_lists.changed.update(await self.encryption.members(room_nid, upto))
        elif await self._is_met(user_id):
            tidings.device_lists.changed.add(user_id)
        else:
            tidings.device_lists.left.add(user_id)

    async def _is_met(self, user_id: UserID) -> bool:
        """Whether the user is one of the service's, or in a room of its interest."""
        if self.interest.owns(user_id):
            return True
        if server_of(user_id) == self.interest.registration.server:
            found: Sequence[RoomID] = tuple((await self.memberships.of(user_id)).joined)
        else:
            found = await self.database.read(windows.joined_room_ids, user_id)
        pace = Pace(self.clock)
        for room_id in found:
            await pace.step()
            room = await self.interest.room(room_id)
            if room is not None and (room.named or room.witness is not None):
                return True
        return False
