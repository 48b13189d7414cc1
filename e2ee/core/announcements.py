"""
What other servers are told of local users' devices and cross-signing keys: what differs from what they were told last.

Spec: server-server-api#device-management
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from attrs import frozen

from e2ee.core.public_keys import PublicDevice, PublicKeys
from federation.core.edus import DEVICE_LIST_UPDATE, SIGNING_KEY_UPDATE
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.identifiers import DeviceID, UserID

_DIGEST_BYTES: Final = 16


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
    devices = sorted(now.devices.values(), key=lambda device: device.device_id)
    return Differences(
        [device for device in devices if announced.get(device.device_id) != device_digest(device)],
        sorted(announced.keys() - now.devices.keys()),
        signing_digest(now) != announced_signing,
    )


def device_digest(device: PublicDevice) -> str:
    """Changes with all that others are told of a device."""
    return _digest({"keys": device.keys, "name": device.display_name})


def signing_digest(now: PublicKeys) -> str:
    """Changes with the cross-signing keys that others are told; empty when there are none."""
    if now.master_key is None and now.self_signing_key is None:
        return ""
    return _digest({"master": now.master_key, "self_signing": now.self_signing_key})


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
