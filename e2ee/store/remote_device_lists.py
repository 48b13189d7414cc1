"""Device lists of users of other servers, as those told them."""

from collections.abc import Collection, Iterable

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select, update

from e2ee.core.remote_lists import RemoteDevice
from e2ee.store.schema import remote_device_keys as k
from e2ee.store.schema import remote_device_lists as r
from homeserver.core.canonical import JSONObject, encode_json, load_json
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, Row, upsert
from homeserver.store.write import Write


@frozen
class HeldList:
    """What is held of a user; *stream_id* None: it is not known which update it is as of."""

    stream_id: int | None
    stale: bool


_LISTS = PreparedIn(lambda users: select(r.c.user_id, r.c.stream_id, r.c.stale).where(r.c.user_id.in_(users)))
_REPLACE = upsert(r)
_MARK_STALE = Prepared(update(r).where(r.c.user_id == bindparam("who")).values(stale=True))
_SET_STREAM = Prepared(update(r).where(r.c.user_id == bindparam("who")).values(stream_id=bindparam("newest")))
_REMOVE = Prepared(delete(r).where(r.c.user_id == bindparam("who")))
_DEVICES = PreparedIn(
    lambda users: select(k.c.user_id, k.c.device_id, k.c["keys"], k.c.display_name).where(k.c.user_id.in_(users))
)
_INSERT_DEVICE = Insertion(k)
_REPLACE_DEVICE = upsert(k)
_REMOVE_DEVICE = Prepared(delete(k).where(k.c.user_id == bindparam("who"), k.c.device_id == bindparam("device")))
_REMOVE_DEVICES = Prepared(delete(k).where(k.c.user_id == bindparam("who")))


def lists_of(tx: Connection, user_ids: Collection[UserID]) -> dict[UserID, HeldList]:
    """What is held of the users; those of whom nothing is are left out."""
    return {UserID(user): HeldList(stream_id, stale) for user, stream_id, stale in _LISTS.all(tx, user_ids)}


def devices_of(tx: Connection, user_ids: Collection[UserID]) -> dict[UserID, dict[DeviceID, RemoteDevice]]:
    """The devices that are held of the users."""
    found: dict[UserID, dict[DeviceID, RemoteDevice]] = {}
    for row in _DEVICES.all(tx, user_ids):
        found.setdefault(row[0], {})[row[1]] = RemoteDevice(
            row[1], None if row[2] is None else load_json(row[2]), row[3]
        )
    return found


def replace_list(tx: Write, user_id: UserID, held: HeldList, devices: Iterable[RemoteDevice], fetched_ms: int) -> None:
    """These are the user's devices, all of them."""
    tx.run(_REPLACE, user_id=user_id, stream_id=held.stream_id, stale=held.stale, fetched_ms=fetched_ms)
    tx.run(_REMOVE_DEVICES, who=user_id)
    for device in devices:
        tx.insert(_INSERT_DEVICE, _row(user_id, device))


def replace_device(tx: Write, user_id: UserID, device: RemoteDevice) -> None:
    """This is how the device is now."""
    tx.run(
        _REPLACE_DEVICE,
        user_id=user_id,
        device_id=device.device_id,
        keys=_encode(device.keys),
        display_name=device.display_name,
    )


def remove_device(tx: Write, user_id: UserID, device_id: DeviceID) -> None:
    """The user has no such device."""
    tx.run(_REMOVE_DEVICE, who=user_id, device=device_id)


def set_stream_id(tx: Write, user_id: UserID, newest: int) -> None:
    """What is held is as of this update."""
    tx.run(_SET_STREAM, who=user_id, newest=newest)


def mark_stale(tx: Write, user_id: UserID) -> None:
    """What is held, if anything, is used no more before it is fetched again."""
    tx.run(_MARK_STALE, who=user_id)


def remove(tx: Write, user_id: UserID) -> None:
    """Nothing is held of the user's devices."""
    tx.run(_REMOVE, who=user_id)
    tx.run(_REMOVE_DEVICES, who=user_id)


def _row(user_id: UserID, device: RemoteDevice) -> Row:
    return (user_id, device.device_id, _encode(device.keys), device.display_name)


def _encode(keys: JSONObject | None) -> str | None:
    return None if keys is None else encode_json(keys).decode()
