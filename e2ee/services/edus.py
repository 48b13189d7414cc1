"""
What other servers say of devices and to devices, as the inbox brings it.

Spec: server-server-api#device-management
"""

from attrs import frozen

from e2ee.services.remote_lists import RemoteLists
from e2ee.services.to_device import ToDevice
from federation.core.edus import DeviceListUpdate, DirectToDevice, SigningKeyUpdate
from federation.services.inbox import EduReceiver


@frozen
class EncryptionEdus:
    """Takes the EDUs of end-to-end encryption."""

    remote_lists: RemoteLists
    to_device: ToDevice

    def receivers(self) -> dict[type, EduReceiver]:
        """What takes each, by the class of the parsed EDU."""
        return {
            DirectToDevice: self.to_device.receive,
            DeviceListUpdate: self.remote_lists.receive_device,
            SigningKeyUpdate: self.remote_lists.receive_signing_keys,
        }
