"""
A user's devices.

Spec: client-server-api#device-management
"""

from collections.abc import Sequence
from typing import Final

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import DEVICE_LIST
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.interactive_auth import BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.last_seen import LastSeen
from homeserver.services.refusals import InvalidParameter, NotFound
from homeserver.services.sessions import Sessions
from homeserver.store import devices
from homeserver.store.database import Database
from homeserver.store.devices import Device
from homeserver.store.write import Write

DELETED_AT_ONCE_MAX: Final = 1_000

__all__ = ["Device", "Devices"]


@define(eq=False)
class Devices:
    """Lists, names and deletes devices."""

    database: Database
    clock: Clock
    sessions: Sessions
    interactive_auth: InteractiveAuth
    last_seen: LastSeen

    async def all_of(self, user_id: UserID) -> list[Device]:
        """All devices of the user, oldest first."""
        found = await self.database.read(devices.of_user, user_id)
        return [self.last_seen.up_to_date(user_id, device) for device in found]

    async def one_of(self, user_id: UserID, device_id: DeviceID) -> Device:
        """One device of the user.  Raises NotFound."""
        device = await self.database.read(devices.by_id, user_id, device_id)
        if device is None:
            raise NotFound("This device is not known.")
        return self.last_seen.up_to_date(user_id, device)

    async def rename(self, caller: Caller, device_id: DeviceID, name: str | None) -> bool:
        """
        The device is called *name* (None: as before); whether it is new, as only application services may make it.

        Raises NotFound.
        """
        may_create = caller.appservice_id is not None
        return await self.database.write(_rename, caller.user_id, device_id, name, may_create, now_ms(self.clock))

    async def delete(self, caller: Caller, device_ids: Sequence[DeviceID], auth: JSON, info: RequestInfo) -> None:
        """
        Devices of the caller, and all that is their own, are gone.

        Raises InteractiveAuthRequired; an application service is trusted with its users.
        """
        if len(device_ids) > DELETED_AT_ONCE_MAX:
            raise InvalidParameter(f"At most {DELETED_AT_ONCE_MAX} devices are deleted at once.")
        if caller.appservice_id is None:
            # What was proved to delete one device deletes no other.
            purpose = " ".join(("deleteDevices", *sorted(device_ids)))
            await self.interactive_auth.complete(Request(purpose, BY_PASSWORD, info, caller.user_id), auth)
        await self.sessions.close_devices(caller.user_id, device_ids)


def _rename(tx: Write, user_id: UserID, device_id: DeviceID, name: str | None, may_create: bool, now: int) -> bool:
    known = devices.by_id(tx.connection, user_id, device_id)
    if known is None:
        if not may_create:
            raise NotFound("This device is not known.")
        devices.insert_new(tx, user_id, device_id, name, now)
        tx.log(DEVICE_LIST, user_id)
        return True
    if name is not None and name != known.display_name:
        devices.set_display_name(tx, user_id, device_id, name)
        # Others see the name beside the keys.
        tx.log(DEVICE_LIST, user_id)
    return False
