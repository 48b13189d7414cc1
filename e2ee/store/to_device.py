"""Messages that wait for devices of this server."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select

from e2ee.core.to_device import Batch, Message
from e2ee.store.schema import to_device as t
from e2ee.store.schema import to_device_batches as b
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import TO_DEVICE, Position
from homeserver.store.prepared import Insertion, Prepared, upsert
from homeserver.store.write import Write

_OF_DEVICE = (t.c.user_id == bindparam("who"), t.c.device_id == bindparam("device"))
_BATCH_OF_DEVICE = (b.c.user_id == bindparam("who"), b.c.device_id == bindparam("device"))
_INSERT = Insertion(t)
_WAITING = Prepared(
    select(t.c.position, t.c.sender, t.c.type, t.c.content)
    .where(*_OF_DEVICE, t.c.position > bindparam("after"), t.c.position <= bindparam("upto"))
    .order_by(t.c.position)
    .limit(bindparam("limit"))
)
_OLDEST = Prepared(select(t.c.position).where(*_OF_DEVICE).order_by(t.c.position).limit(1))
_REMOVE = Prepared(delete(t).where(*_OF_DEVICE, t.c.position <= bindparam("upto")))
_NEWEST_DROPPED = Prepared(
    select(t.c.position).where(*_OF_DEVICE).order_by(t.c.position.desc()).limit(1).offset(bindparam("kept"))
)
_CLEAR = Prepared(delete(t).where(*_OF_DEVICE))
_BATCH = Prepared(select(b.c.token, b.c.delivered).where(*_BATCH_OF_DEVICE))
_SET_BATCH = upsert(b)
_CLEAR_BATCH = Prepared(delete(b).where(*_BATCH_OF_DEVICE))


def insert(tx: Write, user_id: UserID, device_id: DeviceID, position: Position, message: Message) -> None:
    """The message waits for the device."""
    tx.insert(_INSERT, (user_id, device_id, position, message.sender, message.type, message.content))


def waiting(
    tx: Connection, user_id: UserID, device_id: DeviceID, after: int, upto: int, limit: int
) -> list[tuple[Position, Message]]:
    """The first *limit* messages at positions in ``(after, upto]``, oldest first."""
    rows = _WAITING.all(tx, who=user_id, device=device_id, after=after, upto=upto, limit=limit)
    return [(Position(position), Message(UserID(sender), kind, content)) for position, sender, kind, content in rows]


def oldest(tx: Connection, user_id: UserID, device_id: DeviceID) -> Position | None:
    """Where the oldest message that waits for the device is in the log; None: nothing waits."""
    position: int | None = _OLDEST.scalar(tx, who=user_id, device=device_id)
    return None if position is None else Position(position)


def batch(tx: Connection, user_id: UserID, device_id: DeviceID) -> Batch | None:
    """The last answer to the device that could not hold everything; None: there is none that still matters."""
    row = _BATCH.first(tx, who=user_id, device=device_id)
    return None if row is None else Batch(row[0], row[1])


def acknowledge(tx: Write, user_id: UserID, device_id: DeviceID, upto: int, now: Batch | None) -> None:
    """
    The messages up to *upto* are gone, and *now* is the batch that is being delivered.

    While there is more, the log moves on: the next answer must have another token, or nobody could tell whether the
    client got it.
    """
    if upto:
        tx.run(_REMOVE, who=user_id, device=device_id, upto=upto)
    if now is None:
        tx.run(_CLEAR_BATCH, who=user_id, device=device_id)
    else:
        tx.run(_SET_BATCH, user_id=user_id, device_id=device_id, token=now.token, delivered=now.delivered)
        if now.delivered < now.token:
            tx.log(TO_DEVICE, user_id)


def forget(tx: Write, user_id: UserID, device_id: DeviceID, upto: int) -> None:
    """The messages up to *upto* are gone: they were delivered otherwise than by a sync."""
    tx.run(_REMOVE, who=user_id, device=device_id, upto=upto)


def drop_oldest(tx: Write, user_id: UserID, device_id: DeviceID, kept: int) -> int:
    """At most *kept* messages wait for the device; says how many were dropped."""
    position = _NEWEST_DROPPED.scalar(tx.connection, who=user_id, device=device_id, kept=kept)
    return 0 if position is None else tx.run(_REMOVE, who=user_id, device=device_id, upto=position)


def delete_of_devices(tx: Write, user_id: UserID, device_ids: Iterable[DeviceID]) -> None:
    """Nothing waits for these devices."""
    for device_id in device_ids:
        tx.run(_CLEAR, who=user_id, device=device_id)
        tx.run(_CLEAR_BATCH, who=user_id, device=device_id)
