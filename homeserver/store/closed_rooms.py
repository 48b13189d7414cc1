"""Rooms that nobody of this server comes into."""

from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ROOM_CLOSED
from homeserver.store import rooms
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.jobs import closed_rooms as c
from homeserver.store.write import Write

BLOCKED: Final = "blocked"
DELETING: Final = "deleting"
_BITS: Final = {BLOCKED: 1, DELETING: 2}


@frozen
class ClosedRoom:
    """Why a room is closed."""

    room_id: RoomID
    cause: str
    """``blocked`` or ``deleting``."""
    closed_by: UserID | None
    reason: str | None
    since_ms: int


_REPLACE = upsert(c)
_DELETE = Prepared(delete(c).where(c.c.room_id == bindparam("room"), c.c.cause == bindparam("why")))
_ALL = Prepared(select(c.c.room_id, c.c.cause))
_OF_ROOM = Prepared(select(*c.c).where(c.c.room_id == bindparam("room_id")))
_PAGE = Prepared(
    select(*c.c)
    .where(c.c.cause == bindparam("cause"), c.c.room_id > bindparam("after"))
    .order_by(c.c.room_id)
    .limit(bindparam("limit"))
)
_COUNT = Prepared(select(func.count()).where(c.c.cause == bindparam("cause")))


def close(tx: Write, closed: ClosedRoom) -> None:
    """Nobody comes into the room."""
    tx.run(
        _REPLACE,
        room_id=closed.room_id,
        cause=closed.cause,
        closed_by=closed.closed_by,
        reason=closed.reason,
        since_ms=closed.since_ms,
    )
    _tell(tx, closed.room_id)


def reopen(tx: Write, room_id: RoomID, cause: str) -> bool:
    """Whether the room was closed for this cause; it is not any more."""
    if not tx.run(_DELETE, room=room_id, why=cause):
        return False
    _tell(tx, room_id)
    return True


def everything(tx: Connection) -> dict[RoomID, int]:
    """{room ID: causes}, as the log tells them."""
    found: dict[RoomID, int] = {}
    for room_id, cause in _ALL.all(tx):
        found[RoomID(room_id)] = found.get(RoomID(room_id), 0) | _BITS[cause]
    return found


def of_room(tx: Connection, room_id: RoomID) -> list[ClosedRoom]:
    """Why the room is closed; empty: it is not."""
    return [ClosedRoom(*row) for row in _OF_ROOM.all(tx, room_id=room_id)]


def page(tx: Connection, cause: str, after: str, limit: int) -> list[ClosedRoom]:
    """The first *limit* rooms closed for this cause whose IDs come after one."""
    return [ClosedRoom(*row) for row in _PAGE.all(tx, cause=cause, after=after, limit=limit)]


def count(tx: Connection, cause: str) -> int:
    """How many rooms are closed for this cause."""
    return int(_COUNT.scalar(tx, cause=cause))


def _tell(tx: Write, room_id: RoomID) -> None:
    causes = {row.cause for row in of_room(tx.connection, room_id)}
    room = rooms.by_id(tx.connection, room_id)
    if room is not None:
        # What lists rooms leaves it out.
        rooms.set_blocked(tx, room.nid, BLOCKED in causes)
    tx.log(ROOM_CLOSED, room_id, sum(_BITS[cause] for cause in causes))
