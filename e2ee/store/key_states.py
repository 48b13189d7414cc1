"""What a device has left of one-time and fallback keys."""

from sqlalchemy import Connection

from e2ee.store import fallback_keys, one_time_keys
from homeserver.core.identifiers import DeviceID, UserID


def of_device(tx: Connection, user_id: UserID, device_id: DeviceID) -> tuple[list[tuple[str, int]], tuple[str, ...]]:
    """The counts of its one-time keys by algorithm, and the algorithms of fallback keys that nobody was given."""
    return one_time_keys.counts(tx, user_id, device_id), fallback_keys.unused(tx, user_id, device_id)
