"""What other servers were last told of local users' devices, and how often they were told something."""

from sqlalchemy import Connection, bindparam, delete, select

from e2ee.store.schema import announced_devices as a
from e2ee.store.schema import device_list_streams as s
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.write import Write

_SIGNING = ""
"""Stands for the cross-signing keys: no device is called so."""
_OF_USER = Prepared(select(a.c.device_id, a.c.digest).where(a.c.user_id == bindparam("who")))
_REPLACE = upsert(a)
_REMOVE = Prepared(delete(a).where(a.c.user_id == bindparam("who"), a.c.device_id == bindparam("device")))
_STREAM = Prepared(select(s.c.stream_id).where(s.c.user_id == bindparam("who")))
_SET_STREAM = upsert(s)


def of_user(tx: Connection, user_id: UserID) -> tuple[dict[DeviceID, str], str]:
    """The digests of what was announced: of each device, and of the cross-signing keys (empty: never any)."""
    digests = {DeviceID(device_id): digest for device_id, digest in _OF_USER.all(tx, who=user_id)}
    signing = digests.pop(DeviceID(_SIGNING), "")
    return digests, signing


def replace(tx: Write, user_id: UserID, device_id: DeviceID, digest: str) -> None:
    """The device was announced so."""
    tx.run(_REPLACE, user_id=user_id, device_id=device_id, digest=digest)


def replace_signing(tx: Write, user_id: UserID, digest: str) -> None:
    """The cross-signing keys were announced so."""
    tx.run(_REPLACE, user_id=user_id, device_id=_SIGNING, digest=digest)


def remove(tx: Write, user_id: UserID, device_id: DeviceID) -> None:
    """The device was announced as gone."""
    tx.run(_REMOVE, who=user_id, device=device_id)


def stream_id(tx: Connection, user_id: UserID) -> int:
    """The number of the user's newest m.device_list_update; 0: there never was one."""
    return _STREAM.scalar(tx, who=user_id) or 0


def set_stream_id(tx: Write, user_id: UserID, newest: int) -> None:
    """The user's newest m.device_list_update has this number."""
    tx.run(_SET_STREAM, user_id=user_id, stream_id=newest)
