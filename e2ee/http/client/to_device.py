"""
Messages to devices are sent.

Spec: client-server-api#send-to-device-messaging
"""

from attrs import frozen

from e2ee.services.to_device import ToDevice
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller


@frozen
class SendBody:
    messages: dict[UserID, dict[str, JSONObject]]


@frozen
class ToDeviceEndpoints:
    """Messages between devices."""

    to_device: ToDevice

    @operation("sendToDevice")
    async def send_to_device(self, caller: Caller, event_type: str, txn_id: str, body: SendBody) -> Empty:
        """The messages are on their way; the same transaction again sends nothing more."""
        await self.to_device.send(caller, event_type, txn_id, body.messages)
        return Empty()
