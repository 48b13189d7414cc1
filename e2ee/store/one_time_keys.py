"""One-time keys that were not given out yet."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, func, select

from e2ee.core.one_time_keys import OneTimeKey
from e2ee.store.schema import one_time_keys as k
from homeserver.core.canonical import JSON, encode_json, load_json
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Insertion, Prepared
from homeserver.store.write import Write

_OF_DEVICE = (k.c.user_id == bindparam("who"), k.c.device_id == bindparam("device"))
_INSERT = Insertion(k)
_BY_NAME = Prepared(
    select(k.c.key).where(*_OF_DEVICE, k.c.algorithm == bindparam("algorithm"), k.c.key_id == bindparam("key_id"))
)
_OLDEST = Prepared(
    select(k.c.key_id, k.c.key)
    .where(*_OF_DEVICE, k.c.algorithm == bindparam("algorithm"))
    .order_by(k.c.position, k.c.key_id)
    .limit(1)
)
_REMOVE = Prepared(
    delete(k).where(*_OF_DEVICE, k.c.algorithm == bindparam("of_algorithm"), k.c.key_id == bindparam("id"))
)
_COUNTS = Prepared(select(k.c.algorithm, func.count()).where(*_OF_DEVICE).group_by(k.c.algorithm))
_DELETE = Prepared(delete(k).where(*_OF_DEVICE))


def insert(tx: Write, user_id: UserID, device_id: DeviceID, key: OneTimeKey, position: Position) -> None:
    """The key may be given out, after those of earlier positions."""
    tx.insert(_INSERT, (user_id, device_id, key.algorithm, key.key_id, encode_json(key.key).decode(), position))


def by_name(tx: Connection, user_id: UserID, device_id: DeviceID, algorithm: str, key_id: str) -> JSON:
    """The key under this ID; None when there is none."""
    text = _BY_NAME.scalar(tx, who=user_id, device=device_id, algorithm=algorithm, key_id=key_id)
    return None if text is None else load_json(text)


def take(tx: Write, user_id: UserID, device_id: DeviceID, algorithm: str) -> OneTimeKey | None:
    """The oldest key of that algorithm, which nobody gets again; None when none is left."""
    row = tx.first(_OLDEST, who=user_id, device=device_id, algorithm=algorithm)
    if row is None:
        return None
    tx.run(_REMOVE, who=user_id, device=device_id, of_algorithm=algorithm, id=row[0])
    return OneTimeKey(algorithm, row[0], load_json(row[1]))


def counts(tx: Connection, user_id: UserID, device_id: DeviceID) -> list[tuple[str, int]]:
    """How many keys of each algorithm are left; an algorithm without any is left out."""
    return _COUNTS.all(tx, who=user_id, device=device_id)


def delete_of_devices(tx: Write, user_id: UserID, device_ids: Iterable[DeviceID]) -> None:
    """These devices have no one-time keys."""
    for device_id in device_ids:
        tx.run(_DELETE, who=user_id, device=device_id)
