"""The identity keys of this server's devices."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, delete, select

from e2ee.store.schema import device_keys as d
from homeserver.core.canonical import JSONObject, encode_json, load_json
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.write import Write

_REPLACE = upsert(d)
_OF_DEVICE = (d.c.user_id == bindparam("who"), d.c.device_id == bindparam("device"))
_BY_ID = Prepared(select(d.c["keys"]).where(*_OF_DEVICE))
_OF_USERS = PreparedIn(lambda users: select(d.c.user_id, d.c.device_id, d.c["keys"]).where(d.c.user_id.in_(users)))
_DELETE = Prepared(delete(d).where(*_OF_DEVICE))


def replace(tx: Write, user_id: UserID, device_id: DeviceID, keys: JSONObject) -> None:
    """These are the device's keys."""
    tx.run(_REPLACE, user_id=user_id, device_id=device_id, keys=encode_json(keys).decode())


def by_id(tx: Connection, user_id: UserID, device_id: DeviceID) -> JSONObject | None:
    """The device's keys; None when it has none."""
    text = _BY_ID.scalar(tx, who=user_id, device=device_id)
    return None if text is None else load_json(text)


def of_users(tx: Connection, user_ids: Collection[UserID]) -> dict[UserID, dict[DeviceID, JSONObject]]:
    """All device keys of the users; a user without any is left out."""
    found: dict[UserID, dict[DeviceID, JSONObject]] = {}
    for user_id, device_id, keys in _OF_USERS.all(tx, user_ids):
        found.setdefault(user_id, {})[device_id] = load_json(keys)
    return found


def delete_of_devices(tx: Write, user_id: UserID, device_ids: Iterable[DeviceID]) -> None:
    """These devices have no keys."""
    for device_id in device_ids:
        tx.run(_DELETE, who=user_id, device=device_id)
