"""Fallback keys, which are given out again and again when no one-time key is left."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select, update

from e2ee.core.one_time_keys import OneTimeKey
from e2ee.store.schema import fallback_keys as f
from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.write import Write

_OF_DEVICE = (f.c.user_id == bindparam("who"), f.c.device_id == bindparam("device"))
_REPLACE = upsert(f)
_BY_ALGORITHM = Prepared(select(f.c.key_id, f.c.key).where(*_OF_DEVICE, f.c.algorithm == bindparam("algorithm")))
_UNUSED = Prepared(select(f.c.algorithm).where(*_OF_DEVICE, f.c.used.is_(False)).order_by(f.c.algorithm))
_USE = Prepared(
    update(f).where(*_OF_DEVICE, f.c.algorithm == bindparam("of_algorithm"), f.c.used.is_(False)).values(used=True)
)
_DELETE = Prepared(delete(f).where(*_OF_DEVICE))


def replace(tx: Write, user_id: UserID, device_id: DeviceID, key: OneTimeKey) -> None:
    """The key stands in for its algorithm, and nobody has it yet."""
    tx.run(
        _REPLACE,
        user_id=user_id,
        device_id=device_id,
        algorithm=key.algorithm,
        key_id=key.key_id,
        key=encode_json(key.key).decode(),
        used=False,
    )


def by_algorithm(tx: Connection, user_id: UserID, device_id: DeviceID, algorithm: str) -> OneTimeKey | None:
    """The key that stands in for an algorithm; None when there is none."""
    row = _BY_ALGORITHM.first(tx, who=user_id, device=device_id, algorithm=algorithm)
    return None if row is None else OneTimeKey(algorithm, row[0], load_json(row[1]))


def unused(tx: Connection, user_id: UserID, device_id: DeviceID) -> tuple[str, ...]:
    """The algorithms whose key was never given out."""
    return tuple(row[0] for row in _UNUSED.all(tx, who=user_id, device=device_id))


def use(tx: Write, user_id: UserID, device_id: DeviceID, algorithm: str) -> bool:
    """Whether this is the first time that the key is given out."""
    return tx.run(_USE, who=user_id, device=device_id, of_algorithm=algorithm) == 1


def delete_of_devices(tx: Write, user_id: UserID, device_ids: Iterable[DeviceID]) -> None:
    """These devices have no fallback keys."""
    for device_id in device_ids:
        tx.run(_DELETE, who=user_id, device=device_id)
