"""
Connections of sliding sync: what each client was sent.

Two generations are kept: the settled one, whose rooms are rows, and the latest, whose differences are one text.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select, update

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Insertion, Prepared, upsert
from homeserver.store.schema.sliding import sliding_connections as c
from homeserver.store.schema.sliding import sliding_rooms as r
from homeserver.store.schema.users import devices
from homeserver.store.write import Write


@frozen
class ConnectionName:
    """Whose a connection is; *device_id* and *conn_id* may be empty."""

    user_id: UserID
    device_id: str
    conn_id: str


@frozen
class StoredRoom:
    """What was sent of a room.  *upto*: a position; None: all up to where the connection is."""

    room_nid: int
    upto: int | None
    events: int
    config: int
    is_dm: bool


@frozen
class Generations:
    """*memory* is of the *settled* generation, *pending* what the *latest* changes."""

    settled: int
    latest: int
    memory: str
    pending: str


@frozen
class StoredConnection:
    """*rooms* are of the settled generation."""

    nid: int
    name: ConnectionName
    used_ms: int
    generations: Generations
    rooms: Sequence[StoredRoom]


PRUNED_AT_ONCE: Final = 50
"""Connections that are dropped in one step: each may have thousands of rooms."""

_OWN: Final = (c.c.user_id == bindparam("who"), c.c.device_id == bindparam("device"))
_OF_DEVICE = Prepared(select(c.c.nid, c.c.conn_id).where(*_OWN).order_by(c.c.used_ms.desc(), c.c.nid.desc()))
_BY_NID = Prepared(select(c).where(c.c.nid == bindparam("nid")))
_ROOMS = Prepared(
    select(r.c.room_nid, r.c.upto, r.c.events, r.c.config, r.c.is_dm).where(r.c.connection_nid == bindparam("nid"))
)
_INSERT = Prepared(
    insert(c)
    .values(
        user_id=bindparam("user_id"),
        device_id=bindparam("device_id"),
        conn_id=bindparam("conn_id"),
        used_ms=bindparam("used_ms"),
        settled=0,
        latest=1,
        memory="{}",
        pending=bindparam("pending"),
    )
    .returning(c.c.nid)
)
_ADVANCE = Prepared(
    update(c)
    .where(c.c.nid == bindparam("which"))
    .values(
        settled=bindparam("now_settled"),
        latest=bindparam("now_latest"),
        memory=bindparam("new_memory"),
        pending=bindparam("new_pending"),
        used_ms=bindparam("now_ms"),
    )
)
_GENERATIONS = Prepared(select(c.c.settled, c.c.latest, c.c.memory, c.c.pending).where(c.c.nid == bindparam("nid")))
_REPLACE_ROOM = upsert(r)
_INSERT_ROOM = Insertion(r)
_ANY_ROOM = Prepared(select(r.c.room_nid).where(r.c.connection_nid == bindparam("nid")).limit(1))
_DELETE = Prepared(delete(c).where(c.c.nid == bindparam("which")))
_DELETE_ROOMS = Prepared(delete(r).where(r.c.connection_nid == bindparam("which")))
_UNUSED = Prepared(
    select(c.c.nid)
    .where(
        or_(
            c.c.used_ms < bindparam("before"),
            (c.c.device_id != "")
            & ~exists().where(devices.c.user_id == c.c.user_id, devices.c.device_id == c.c.device_id),
        )
    )
    .limit(bindparam("limit"))
)


def open_new(tx: Write, name: ConnectionName, pending: str, now_ms: int, most: int) -> tuple[int, list[int]]:
    """
    The nid of a new connection, whose latest generation, the first, is *pending*; and of those that are dropped for it.

    It takes the place of the one of its name; of those of the device only the *most* used last stay.
    """
    before = _OF_DEVICE.all(tx.connection, who=name.user_id, device=name.device_id)
    row = tx.first(
        _INSERT,
        user_id=name.user_id,
        device_id=name.device_id,
        conn_id=name.conn_id,
        used_ms=now_ms,
        pending=pending,
    )
    assert row is not None, "an insert returns its row"
    others = [nid for nid, conn_id in before if conn_id != name.conn_id]
    dropped = [nid for nid, conn_id in before if conn_id == name.conn_id] + others[most - 1 :]
    # Afterwards: no number is given out twice in a row.
    for nid in dropped:
        drop(tx, nid)
    return int(row[0]), dropped


def by_nid(tx: Connection, nid: int) -> StoredConnection | None:
    """The connection with all its rooms; None when it is no more."""
    row = _BY_NID.first(tx, nid=nid)
    if row is None:
        return None
    _, user_id, device_id, conn_id, used_ms, settled, latest, memory, pending = row
    rooms = [StoredRoom(*each) for each in _ROOMS.all(tx, nid=nid)]
    return StoredConnection(
        nid, ConnectionName(user_id, device_id, conn_id), used_ms, Generations(settled, latest, memory, pending), rooms
    )


def generations(tx: Connection, nid: int) -> Generations | None:
    """The connection without its rooms; None when it is no more."""
    row = _GENERATIONS.first(tx, nid=nid)
    return None if row is None else Generations(*row)


def settle(tx: Write, nid: int, rooms: Iterable[StoredRoom]) -> None:
    """These rooms are as the latest generation says."""
    if _ANY_ROOM.first(tx.connection, nid=nid) is None:
        for room in rooms:
            tx.insert(_INSERT_ROOM, (nid, room.room_nid, room.upto, room.events, room.config, room.is_dm))
        return
    for room in rooms:
        tx.run(
            _REPLACE_ROOM,
            connection_nid=nid,
            room_nid=room.room_nid,
            upto=room.upto,
            events=room.events,
            config=room.config,
            is_dm=room.is_dm,
        )


def advance(tx: Write, nid: int, now: Generations, now_ms: int) -> None:
    """The generations are these; the rooms are those of the settled one already."""
    tx.run(
        _ADVANCE,
        which=nid,
        now_settled=now.settled,
        now_latest=now.latest,
        new_memory=now.memory,
        new_pending=now.pending,
        now_ms=now_ms,
    )


def drop(tx: Write, nid: int) -> None:
    """The connection is no more."""
    tx.run(_DELETE_ROOMS, which=nid)
    tx.run(_DELETE, which=nid)


def prune(tx: Write, before_ms: int) -> bool:
    """Some that were not used since, or whose device is gone, are no more.  Whether there may be others."""
    unused = _UNUSED.all(tx.connection, before=before_ms, limit=PRUNED_AT_ONCE)
    for (nid,) in unused:
        drop(tx, nid)
    return len(unused) == PRUNED_AT_ONCE
