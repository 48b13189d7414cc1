"""
Devices publish their keys.

Spec: client-server-api#uploading-keys
"""

from collections.abc import Mapping, Sequence

from attrs import define, frozen

from e2ee.core.checks import same_json
from e2ee.core.one_time_keys import HELD_MAX, OneTimeKey, is_conflict, whole_counts
from e2ee.store import device_keys, device_list_changes, fallback_keys, key_signatures, one_time_keys
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import ONE_TIME_KEYS
from homeserver.services.refusals import Forbidden, InvalidParameter
from homeserver.store import devices
from homeserver.store.database import Database
from homeserver.store.write import Write


@frozen
class Upload:
    """What a device publishes; *device_keys* None: nothing new."""

    device_keys: JSONObject | None
    one_time_keys: Sequence[OneTimeKey] = ()
    fallback_keys: Sequence[OneTimeKey] = ()


@define(eq=False)
class DeviceKeys:
    """Takes keys of this server's devices."""

    database: Database

    async def upload(self, user_id: UserID, device_id: DeviceID, upload: Upload) -> Mapping[str, int]:
        """
        The keys are published; answers how many one-time keys of each algorithm the device has.

        Raises InvalidParameter when another one-time key was uploaded under the same ID, Forbidden.
        """
        if upload == _NOTHING:
            return whole_counts(await self.database.read(one_time_keys.counts, user_id, device_id))
        return await self.database.write(write_upload, user_id, device_id, upload)


_NOTHING = Upload(None)


def write_upload(tx: Write, user_id: UserID, device_id: DeviceID, upload: Upload) -> Mapping[str, int]:
    """The keys are published.  Raises InvalidParameter, Forbidden."""
    if devices.by_id(tx.connection, user_id, device_id) is None:
        raise Forbidden("This device is gone.")
    if upload.device_keys is not None:
        _replace_keys(tx, user_id, device_id, upload.device_keys)
    fresh = [key for key in upload.one_time_keys if _is_fresh(tx, user_id, device_id, key)]
    fallbacks = [key for key in upload.fallback_keys if not _is_held_fallback(tx, user_id, device_id, key)]
    if fresh or fallbacks:
        position = tx.log(ONE_TIME_KEYS, user_id)
        for key in fresh:
            one_time_keys.insert(tx, user_id, device_id, key, position)
        for key in fallbacks:
            fallback_keys.replace(tx, user_id, device_id, key)
    counts = whole_counts(one_time_keys.counts(tx.connection, user_id, device_id))
    if fresh and sum(counts.values()) > HELD_MAX:
        raise InvalidParameter(f"A device may have {HELD_MAX} one-time keys.")
    return counts


def _replace_keys(tx: Write, user_id: UserID, device_id: DeviceID, keys: JSONObject) -> None:
    held = device_keys.by_id(tx.connection, user_id, device_id)
    if held is not None and same_json(held, keys):
        return
    if held is not None and not same_json(held.get("keys"), keys.get("keys")):
        # What was signed was another key.
        key_signatures.delete_on(tx, user_id, (device_id,))
    device_keys.replace(tx, user_id, device_id, keys)
    device_list_changes.record(tx, user_id)


def _is_fresh(tx: Write, user_id: UserID, device_id: DeviceID, key: OneTimeKey) -> bool:
    held = one_time_keys.by_name(tx.connection, user_id, device_id, key.algorithm, key.key_id)
    if held is None:
        return True
    if is_conflict(held, key.key):
        raise InvalidParameter(f"Another one-time key was uploaded as {key.name}.")
    return False


def _is_held_fallback(tx: Write, user_id: UserID, device_id: DeviceID, key: OneTimeKey) -> bool:
    held = fallback_keys.by_algorithm(tx.connection, user_id, device_id, key.algorithm)
    # The same again does not become unused by that.
    return held is not None and held.key_id == key.key_id and not is_conflict(held.key, key.key)
