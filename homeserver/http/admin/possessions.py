"""What an account has: devices, rooms, pushers, rate limits of its own."""

from typing import Final, Literal, TypeAlias, TypeVar

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest
from homeserver.core.rate_overrides import parse_overrides
from homeserver.core.registration import parse_device_name
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.limits import KINDS
from homeserver.http.replies import Empty
from homeserver.http.rows import Query
from homeserver.services.administration.possessions import ActingToken, Possessions, RoomMembership, ShownPusher
from homeserver.services.devices import Device

T = TypeVar("T")

Membership: TypeAlias = Literal["join", "invite", "knock", "leave", "ban"]
LIMITED: Final = frozenset({*KINDS, "other"}) - {"registration", "login"}
"""The kinds of limits that count by account."""


@frozen
class DeviceNameBody:
    """What a device is called."""

    display_name: str
    """The new name."""


@frozen
class LimitsBody:
    """Rate limits of one account."""

    limits: JSONObject
    """By kind (send, join, invite, create_room, media, other): {"per_second": …, "burst": …}, or null for no limit."""


@frozen
class ActingBody:
    """For how long somebody is spoken for."""

    seconds: int = 3_600
    """For how long the token is good; a day at most."""


@frozen
class PossessionEndpoints:
    """Devices, rooms, pushers and limits of accounts."""

    possessions: Possessions

    @admin("listDevices", "GET", "/users/{userId}/devices", "devices list")
    async def list_devices(self, user_id: UserID) -> Page[Device]:
        """All devices of a user, the oldest first.  Raises NotFound."""
        return _whole(await self.possessions.devices_of(user_id))

    @admin("renameDevice", "PUT", "/users/{userId}/devices/{deviceId}", "devices rename", body=True)
    async def rename_device(self, user_id: UserID, device_id: DeviceID, body: DeviceNameBody) -> Empty:
        """A device is called something else.  Raises NotFound."""
        await self.possessions.rename_device(user_id, device_id, parse_device_name(body.display_name))
        return Empty()

    @admin("deleteDevice", "DELETE", "/users/{userId}/devices/{deviceId}", "devices delete")
    async def delete_device(self, user_id: UserID, device_id: DeviceID) -> Empty:
        """A device is logged out, and gone with its keys.  Raises NotFound."""
        await self.possessions.delete_devices(user_id, [device_id])
        return Empty()

    @admin("logOutUser", "DELETE", "/users/{userId}/devices", "users log-out")
    async def log_out(self, user_id: UserID) -> Empty:
        """A user is logged out everywhere.  Raises NotFound."""
        await self.possessions.log_out(user_id)
        return Empty()

    @admin(
        "listRoomsOfUser",
        "GET",
        "/users/{userId}/rooms",
        "users rooms",
        query=(*PAGE, Query("membership", about="Only rooms to which the user is this.")),
    )
    async def list_rooms(
        self,
        user_id: UserID,
        from_: Token = None,
        limit: Limit = LIMIT_DEFAULT,
        membership: Membership | None = None,
    ) -> Page[RoomMembership]:
        """The rooms that a user is in, or has to do with.  Raises NotFound."""
        return await self.possessions.rooms_of(user_id, membership, PageRequest(from_, limit))

    @admin("listPushers", "GET", "/users/{userId}/pushers", "users pushers")
    async def list_pushers(self, user_id: UserID) -> Page[ShownPusher]:
        """Where a user is told of events.  Raises NotFound."""
        return _whole(await self.possessions.pushers_of(user_id))

    @admin("showLimits", "GET", "/users/{userId}/limits", "limits show")
    async def show_limits(self, user_id: UserID) -> LimitsBody:
        """The rate limits that an account has of its own.  Raises NotFound."""
        return LimitsBody(await self.possessions.limits_of(user_id))

    @admin("setLimits", "PUT", "/users/{userId}/limits", "limits set", body=True)
    async def set_limits(self, user_id: UserID, body: LimitsBody) -> LimitsBody:
        """An account has rate limits of its own, in the place of everybody's.  Raises NotFound, Malformed."""
        await self.possessions.set_limits(user_id, parse_overrides(body.limits, LIMITED))
        return LimitsBody(await self.possessions.limits_of(user_id))

    @admin("deleteLimits", "DELETE", "/users/{userId}/limits", "limits delete")
    async def delete_limits(self, user_id: UserID) -> Empty:
        """An account has everybody's rate limits again.  Raises NotFound."""
        await self.possessions.set_limits(user_id, {})
        return Empty()

    @admin("actAsUser", "POST", "/users/{userId}/token", "users act-as", body=True)
    async def act_as(self, user_id: UserID, body: ActingBody) -> ActingToken:
        """An access token that speaks for a user, for a while.  Raises NotFound, BadState, InvalidParameter."""
        return await self.possessions.act_as(user_id, body.seconds)


def _whole(items: list[T]) -> Page[T]:
    return Page(items, len(items))
