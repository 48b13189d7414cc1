"""Devices of this server's users."""

from collections.abc import Collection

from attrs import frozen
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy import delete as delete_from

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Prepared
from homeserver.store.prepared import insert_new as insert_statement
from homeserver.store.schema.users import devices
from homeserver.store.write import Write


@frozen
class Device:
    """A device as its user sees it."""

    device_id: DeviceID
    display_name: str | None
    created_ms: int
    last_seen_ms: int | None
    last_seen_ip: str | None
    last_seen_agent: str | None


_COLUMNS = (
    devices.c.device_id,
    devices.c.display_name,
    devices.c.created_ms,
    devices.c.last_seen_ms,
    devices.c.last_seen_ip,
    devices.c.last_seen_agent,
)
_OWN = devices.c.user_id == bindparam("user")
_THIS = devices.c.device_id == bindparam("device")
_OF_USER = Prepared(select(*_COLUMNS).where(_OWN).order_by(devices.c.created_ms, devices.c.device_id))
_BY_ID = Prepared(select(*_COLUMNS).where(_OWN, _THIS))
_IDS = Prepared(select(devices.c.device_id).where(_OWN))
_INSERT = insert_statement(devices)
_RENAME = Prepared(update(devices).where(_OWN, _THIS).values(display_name=bindparam("name")))
_DELETE = Prepared(delete_from(devices).where(_OWN, _THIS))
_SEEN = Prepared(
    update(devices)
    .where(_OWN, _THIS)
    .values(last_seen_ms=bindparam("at"), last_seen_ip=bindparam("ip"), last_seen_agent=bindparam("agent"))
)


def of_user(tx: Connection, user_id: UserID) -> list[Device]:
    """All devices of the user, oldest first."""
    return [Device(*row) for row in _OF_USER.all(tx, user=user_id)]


def ids_of(tx: Connection, user_id: UserID) -> list[DeviceID]:
    """The IDs of all devices of the user, in no order."""
    return [DeviceID(row[0]) for row in _IDS.all(tx, user=user_id)]


def by_id(tx: Connection, user_id: UserID, device_id: DeviceID) -> Device | None:
    """One device of the user; None when there is none of this ID."""
    row = _BY_ID.first(tx, user=user_id, device=device_id)
    return None if row is None else Device(*row)


def insert_new(tx: Write, user_id: UserID, device_id: DeviceID, display_name: str | None, now_ms: int) -> bool:
    """Whether the device is new; one that was there already stays as it is."""
    return (
        tx.run(
            _INSERT,
            user_id=user_id,
            device_id=device_id,
            display_name=display_name,
            created_ms=now_ms,
            last_seen_ms=None,
            last_seen_ip=None,
            last_seen_agent=None,
        )
        == 1
    )


def set_display_name(tx: Write, user_id: UserID, device_id: DeviceID, display_name: str) -> None:
    """The device is called so."""
    tx.run(_RENAME, user=user_id, device=device_id, name=display_name)


def set_last_seen(
    tx: Write, user_id: UserID, device_id: DeviceID, at_ms: int, ip: str | None, agent: str | None
) -> None:
    """The device, if it is still there, was here then; None: nobody knows from where."""
    tx.run(_SEEN, user=user_id, device=device_id, at=at_ms, ip=ip, agent=agent)


def delete(tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> int:
    """How many of these devices were there, and are gone now."""
    return sum(tx.run(_DELETE, user=user_id, device=device_id) for device_id in device_ids)
