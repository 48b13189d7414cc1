"""Devices without a client, which take messages until one comes.  Spec: client-server-api#device-management"""

from sqlalchemy import Connection, bindparam, delete, select

from e2ee.store.schema import dehydrated_devices as d
from homeserver.core.canonical import JSONObject, encode_json, load_json
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.write import Write

_REPLACE = upsert(d)
_OF_USER = Prepared(select(d.c.device_id, d.c.device_data).where(d.c.user_id == bindparam("who")))
_REMOVE = Prepared(delete(d).where(d.c.user_id == bindparam("who")))


def replace(tx: Write, user_id: UserID, device_id: DeviceID, device_data: JSONObject) -> None:
    """This is the user's dehydrated device."""
    tx.run(_REPLACE, user_id=user_id, device_id=device_id, device_data=encode_json(device_data).decode())


def of_user(tx: Connection, user_id: UserID) -> tuple[DeviceID, JSONObject] | None:
    """The user's dehydrated device and its data; None when there is none."""
    row = _OF_USER.first(tx, who=user_id)
    return None if row is None else (DeviceID(row[0]), load_json(row[1]))


def remove(tx: Write, user_id: UserID) -> None:
    """The user has no dehydrated device."""
    tx.run(_REMOVE, who=user_id)
