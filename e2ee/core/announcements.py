"""
What other servers are told of local users' devices and cross-signing keys: what differs from what they were told last.

Spec: server-server-api#device-management
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from attrs import frozen

from federation.core.edus import DEVICE_LIST_UPDATE, SIGNING_KEY_UPDATE
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.identifiers import DeviceID, UserID

_DIGEST_BYTES: Final = 16


@frozen
class PublicDevice:
    """A device as others may know it; *keys* with the signatures of its user."""

    device_id: DeviceID
    keys: JSONObject
    display_name: str | None

    @property
    def digest(self) -> str:
        return _digest({"keys": self.keys, "name": self.display_name})


@frozen
class PublicKeys:
    """A user as other servers may know it."""

    user_id: UserID
    devices: Sequence[PublicDevice]
    master_key: JSONObject | None
    self_signing_key: JSONObject | None

    @property
    def signing_digest(self) -> str:
        """Of the cross-signing keys; empty when there are none."""
        if self.master_key is None and self.self_signing_key is None:
            return ""
        return _digest({"master": self.master_key, "self_signing": self.self_signing_key})


@frozen
class Differences:
    """What is to be announced."""

    changed: Sequence[PublicDevice]
    deleted: Sequence[DeviceID]
    signing_changed: bool

    def __bool__(self) -> bool:
        return bool(self.changed or self.deleted or self.signing_changed)


def differences(now: PublicKeys, announced: Mapping[DeviceID, str], announced_signing: str) -> Differences:
    """How *now* differs from the digests of what was announced."""
    present = {device.device_id for device in now.devices}
    return Differences(
        [device for device in now.devices if announced.get(device.device_id) != device.digest],
        sorted(announced.keys() - present),
        now.signing_digest != announced_signing,
    )


def device_edu(user_id: UserID, device: PublicDevice, stream_id: int) -> JSONObject:
    """The EDU that says how a device is now; it refers to the one just before."""
    content = _update(user_id, device.device_id, stream_id)
    content["keys"] = device.keys
    if device.display_name is not None:
        content["device_display_name"] = device.display_name
    return {"edu_type": DEVICE_LIST_UPDATE, "content": content}


def deleted_edu(user_id: UserID, device_id: DeviceID, stream_id: int) -> JSONObject:
    """The EDU that says that a device is gone."""
    return {"edu_type": DEVICE_LIST_UPDATE, "content": {**_update(user_id, device_id, stream_id), "deleted": True}}


def signing_edu(now: PublicKeys) -> JSONObject:
    """The EDU that tells the cross-signing keys."""
    content: JSONObject = {"user_id": now.user_id}
    if now.master_key is not None:
        content["master_key"] = now.master_key
    if now.self_signing_key is not None:
        content["self_signing_key"] = now.self_signing_key
    return {"edu_type": SIGNING_KEY_UPDATE, "content": content}


def _update(user_id: UserID, device_id: DeviceID, stream_id: int) -> JSONObject:
    previous = [stream_id - 1] if stream_id > 1 else []
    return {"user_id": user_id, "device_id": device_id, "stream_id": stream_id, "prev_id": [*previous]}


def _digest(value: JSONObject) -> str:
    return blake2b(encode_canonical(value), digest_size=_DIGEST_BYTES).hexdigest()
