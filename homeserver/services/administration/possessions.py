"""What an account has: devices and sessions, rooms, pushers, rate limits of its own."""

from collections.abc import Callable
from os import urandom
from typing import Final

from attrs import define, frozen

from homeserver.core import tokens
from homeserver.core.canonical import JSONObject, parse_json_object
from homeserver.core.identifiers import DeviceID, RoomID, UserID
from homeserver.core.log import ACCOUNT
from homeserver.core.pages import Page, PageRequest, paged
from homeserver.core.rate_overrides import RateOverrides, overrides_json, overrides_text, stored_overrides
from homeserver.core.tokens import TokenHash
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.devices import Devices
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import BadState, InvalidParameter, NotFound
from homeserver.services.sessions import Sessions
from homeserver.store import access_tokens, pushers, rate_limit_overrides, users
from homeserver.store.database import Database
from homeserver.store.devices import Device
from homeserver.store.users import User
from homeserver.store.write import Write

TOKEN_SECONDS_MAX: Final = 86_400


@frozen
class RoomMembership:
    """What a user is to a room."""

    room_id: RoomID
    membership: str
    sender: UserID
    """Who made it so."""
    forgotten: bool
    """The user has left, and does not want to see it any more."""


@frozen
class ShownPusher:
    """Where a user is told of events."""

    app_id: str
    pushkey: str
    kind: str
    enabled: bool
    created_ms: int
    description: JSONObject
    """The pusher as its client set it."""
    device_id: DeviceID | None = None
    failing_since_ms: int | None = None
    """Since when the push gateway takes nothing."""


@frozen
class ActingToken:
    """An access token that speaks for somebody."""

    access_token: str
    user_id: UserID
    expires_ms: int


@define(eq=False)
class Possessions:
    """What accounts have, for administrators."""

    database: Database
    clock: Clock
    sessions: Sessions
    devices: Devices
    memberships: Memberships
    random: Callable[[int], bytes] = urandom

    async def devices_of(self, user_id: UserID) -> list[Device]:
        """All devices of the user, oldest first.  Raises NotFound."""
        await self._existing(user_id)
        return await self.devices.all_of(user_id)

    async def delete_devices(self, user_id: UserID, device_ids: list[DeviceID]) -> None:
        """These devices are logged out, and gone.  Raises NotFound when the user has one of them not."""
        await self._existing(user_id)
        for device_id in device_ids:
            await self.devices.one_of(user_id, device_id)
        await self.sessions.close_devices(user_id, device_ids)

    async def log_out(self, user_id: UserID) -> None:
        """The user is logged out everywhere.  Raises NotFound."""
        await self._existing(user_id)
        await self.sessions.close_all(user_id)

    async def rename_device(self, user_id: UserID, device_id: DeviceID, name: str | None) -> None:
        """The device is called so.  Raises NotFound."""
        await self.devices.rename(Caller(user_id, None), device_id, name)

    async def rooms_of(self, user_id: UserID, membership: str | None, wanted: PageRequest) -> Page[RoomMembership]:
        """The rooms that the user has to do with (None: in whatever way).  Raises NotFound, Malformed."""
        await self._existing(user_id)
        rooms = [
            RoomMembership(room_id, row.membership, row.sender, row.forgotten)
            for room_id, row in (await self.memberships.of(user_id)).rows.items()
            if membership in {None, row.membership}
        ]
        return paged(rooms, lambda room: room.room_id, wanted)

    async def pushers_of(self, user_id: UserID) -> list[ShownPusher]:
        """All pushers of the user, oldest first.  Raises NotFound."""
        await self._existing(user_id)
        return [
            ShownPusher(
                app_id=each.app_id,
                pushkey=each.pushkey,
                kind=each.kind,
                enabled=each.enabled,
                created_ms=each.created_ms,
                description=parse_json_object(each.description.encode()),
                device_id=each.device_id,
                failing_since_ms=each.failing_since_ms,
            )
            for each in await self.database.read(pushers.of_user, user_id)
        ]

    async def limits_of(self, user_id: UserID) -> JSONObject:
        """The rate limits that the account has of its own, by kind; null: none.  Raises NotFound."""
        await self._existing(user_id)
        stored = await self.database.read(rate_limit_overrides.of_user, user_id)
        return {} if stored is None else overrides_json(stored_overrides(stored))

    async def set_limits(self, user_id: UserID, overrides: RateOverrides) -> None:
        """The account has these rate limits of its own, from the next request on.  Raises NotFound."""
        await self._existing(user_id)
        await self.database.write(_set_limits, user_id, overrides_text(overrides) if overrides else None)
        self.sessions.forget(user_id)

    async def act_as(self, user_id: UserID, seconds: int) -> ActingToken:
        """
        A token that speaks for the user for so long, without a device.

        Raises NotFound, BadState, InvalidParameter.
        """
        user = await self._existing(user_id)
        if user.deactivated or user.locked:
            raise BadState("The account is deactivated or locked.")
        if not 0 < seconds <= TOKEN_SECONDS_MAX:
            raise InvalidParameter(f"Such a token is good for 1 to {TOKEN_SECONDS_MAX} seconds.")
        token, now = tokens.access_token(self.random(tokens.SECRET_BYTES)), now_ms(self.clock)
        expires_ms = now + seconds * 1000
        await self.database.write(_insert_token, user_id, tokens.hash_of(token), expires_ms, now)
        return ActingToken(token, user_id, expires_ms)

    async def _existing(self, user_id: UserID) -> User:
        user = await self.database.read(users.by_id, user_id)
        if user is None:
            raise NotFound(f"There is no account {user_id}.")
        return user


def _insert_token(tx: Write, user_id: UserID, token_hash: TokenHash, expires_ms: int, now: int) -> None:
    # Those that nobody logged out with would stay for ever.
    access_tokens.delete_expired(tx, user_id, now)
    access_tokens.insert_token(tx, token_hash, user_id, None, expires_ms, None, now)


def _set_limits(tx: Write, user_id: UserID, limits: str | None) -> None:
    if limits is None:
        rate_limit_overrides.delete_of_user(tx, user_id)
    else:
        rate_limit_overrides.replace(tx, user_id, limits)
    tx.log(ACCOUNT, user_id)
