"""
Device lists of users of other servers: what a peer says of them, and whether an update fits what is held.

Spec: server-server-api#device-management
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from attrs import field, frozen

from e2ee.core.checks import KEY_BYTES_MAX
from e2ee.core.cross_signing import MASTER, SELF_SIGNING, CrossSigningKey, peers_key
from e2ee.core.device_keys import is_forged
from federation.core.edus import DeviceListUpdate
from homeserver.core.canonical import JSON, JSONObject, encode_canonical
from homeserver.core.identifiers import ID_BYTES_MAX, DeviceID, UserID
from homeserver.core.malformed import Malformed

DEVICES_MAX: Final = 1_000
"""Devices of one user of another server that are taken note of."""


@frozen
class RemoteDevice:
    """A device of a user of another server; *keys* None: it has none."""

    device_id: DeviceID
    keys: JSONObject | None
    display_name: str | None


@frozen
class RemoteList:
    """All devices and cross-signing keys of a user; *stream_id* None: the peer did not say which update it is as of."""

    user_id: UserID
    stream_id: int | None
    devices: Mapping[DeviceID, RemoteDevice]
    cross_signing: Mapping[str, CrossSigningKey] = field(factory=dict)


class Fit(Enum):
    """How an update relates to the list that is held."""

    NEXT = "next"
    KNOWN = "known"
    GAP = "gap"
    """Something came between that never arrived: the whole list must be fetched."""


def fit_of(update: DeviceListUpdate, held_stream_id: int | None) -> Fit:
    """How *update* fits; *held_stream_id*: the newest update that is worked in, None: not known."""
    if held_stream_id is None:
        return Fit.GAP
    if update.stream_id <= held_stream_id:
        return Fit.KNOWN
    # The first update of all refers to none; a later one that refers to none has forgotten the list.
    if not update.prev_ids or max(update.prev_ids) > held_stream_id:
        return Fit.GAP
    return Fit.NEXT


def peers_device(device_id: str, keys: JSON, display_name: JSON, user_id: UserID) -> RemoteDevice | None:
    """A device as a peer tells of it; None when what it says cannot be."""
    if not device_id or "\0" in device_id or len(device_id.encode("utf-8", "replace")) > ID_BYTES_MAX:
        return None
    name = display_name[:ID_BYTES_MAX] if isinstance(display_name, str) else None
    if keys is None:
        return RemoteDevice(DeviceID(device_id), None, name)
    if not isinstance(keys, dict) or not _are_keys(keys, user_id, DeviceID(device_id)):
        return None
    return RemoteDevice(DeviceID(device_id), {key: part for key, part in keys.items() if key != "unsigned"}, name)


def parse_user_devices(answer: JSONObject, user_id: UserID) -> RemoteList:
    """What ``/user/devices`` answers.  Raises Malformed."""
    stream_id, devices = answer.get("stream_id"), answer.get("devices")
    if not isinstance(stream_id, int) or isinstance(stream_id, bool) or not isinstance(devices, list):
        raise Malformed("This is no device list.")
    found: dict[DeviceID, RemoteDevice] = {}
    for entry in devices[:DEVICES_MAX]:
        device_id = entry.get("device_id") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(device_id, str):
            device = peers_device(device_id, entry.get("keys"), entry.get("device_display_name"), user_id)
            if device is not None:
                found[device.device_id] = device
    return RemoteList(
        user_id, stream_id, found, _signing(user_id, answer.get("master_key"), answer.get("self_signing_key"))
    )


def queried_list(answer: JSONObject, user_id: UserID) -> RemoteList:
    """What ``/user/keys/query`` answers for one user; without devices when it says nothing of the user."""
    found: dict[DeviceID, RemoteDevice] = {}
    devices = _entry(answer, "device_keys", user_id)
    for device_id, keys in list(devices.items())[:DEVICES_MAX] if isinstance(devices, dict) else ():
        unsigned = keys.get("unsigned") if isinstance(keys, dict) else None
        name = unsigned.get("device_display_name") if isinstance(unsigned, dict) else None
        device = peers_device(device_id, keys, name, user_id) if isinstance(keys, dict) else None
        if device is not None:
            found[device.device_id] = device
    master, self_signing = (_entry(answer, f"{usage}_keys", user_id) for usage in (MASTER, SELF_SIGNING))
    return RemoteList(user_id, None, found, _signing(user_id, master, self_signing))


def _are_keys(keys: JSONObject, user_id: UserID, device_id: DeviceID) -> bool:
    try:
        return (
            keys.get("user_id") == user_id
            and keys.get("device_id") == device_id
            and isinstance(keys.get("algorithms"), list)
            and isinstance(keys.get("keys"), dict)
            and isinstance(keys.get("signatures"), dict)
            and len(encode_canonical(keys)) <= KEY_BYTES_MAX
            and not is_forged(keys, user_id, device_id)
        )
    except Malformed:
        return False


def _signing(user_id: UserID, master: JSON, self_signing: JSON) -> dict[str, CrossSigningKey]:
    found = [peers_key(master, user_id, MASTER), peers_key(self_signing, user_id, SELF_SIGNING)]
    return {key.usage: key for key in found if key is not None}


def _entry(answer: JSONObject, part: str, user_id: UserID) -> JSON:
    by_user = answer.get(part)
    return by_user.get(user_id) if isinstance(by_user, dict) else None
