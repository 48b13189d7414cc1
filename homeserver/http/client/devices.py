"""
The caller's devices.

Spec: client-server-api#device-management
"""

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import DeviceID
from homeserver.core.registration import parse_device_name
from homeserver.http.client.login import AuthBody
from homeserver.http.operation import operation
from homeserver.http.replies import Empty, Status
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.devices import Device, Devices


@frozen
class DeviceReply:
    """
    A device.  What is not known of it is an empty text.

    NOTSPEC: a name that was never set would be absent.  matrix-nio refuses a whole list for one that is, and clients
    that look for a name to show pass over an empty one.
    """

    device_id: DeviceID
    display_name: str
    last_seen_ip: str
    last_seen_ts: int
    """Until it has been seen: when it was made."""


@frozen
class DeviceList:
    devices: list[DeviceReply]


@frozen
class DeviceNameBody:
    display_name: str | None = None


@frozen
class DeleteDevicesBody:
    devices: list[DeviceID]
    auth: JSON = None


@frozen
class DeviceEndpoints:
    """Devices."""

    devices: Devices

    @operation("getDevices")
    async def list_devices(self, caller: Caller) -> DeviceList:
        """All of the caller's devices."""
        return DeviceList([_reply(device) for device in await self.devices.all_of(caller.user_id)])

    @operation("getDevice")
    async def show_device(self, caller: Caller, device_id: DeviceID) -> DeviceReply:
        """One of the caller's devices.  Raises NotFound."""
        return _reply(await self.devices.one_of(caller.user_id, device_id))

    @operation("updateDevice")
    async def update_device(self, caller: Caller, device_id: DeviceID, body: DeviceNameBody) -> Empty | Status:
        """A device has another name; an application service may make it so.  Raises NotFound."""
        created = await self.devices.rename(caller, device_id, parse_device_name(body.display_name))
        return Status(201, {}) if created else Empty()

    @operation("deleteDevice")
    async def delete_device(self, caller: Caller, info: RequestInfo, device_id: DeviceID, body: AuthBody) -> Empty:
        """A device and all that is its own is gone.  Raises InteractiveAuthRequired."""
        await self.devices.delete(caller, (device_id,), body.auth, info)
        return Empty()

    @operation("deleteDevices")
    async def delete_devices(self, caller: Caller, info: RequestInfo, body: DeleteDevicesBody) -> Empty:
        """Devices and all that is their own are gone.  Raises InteractiveAuthRequired."""
        await self.devices.delete(caller, body.devices, body.auth, info)
        return Empty()


def _reply(device: Device) -> DeviceReply:
    seen_ms = device.created_ms if device.last_seen_ms is None else device.last_seen_ms
    return DeviceReply(device.device_id, device.display_name or "", device.last_seen_ip or "", seen_ms)
