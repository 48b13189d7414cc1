"""Receipts: the newest of each user, type and thread in a room.  Spec: client-server-api#receipts"""

from collections.abc import Iterable
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, delete, select

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.schema.accounts import receipts as r
from homeserver.store.schema.rooms import rooms
from homeserver.store.write import Write

UNTHREADED: Final = ""


@frozen
class StoredReceipt:
    """How far a user has come."""

    room_nid: int
    room_id: RoomID
    user_id: UserID
    type: str
    thread_id: str
    """``main``, the event that a thread began with, or empty: unthreaded."""
    event_id: EventID
    event_ordering: Ordering | None
    """None: the event was not here."""
    ts: int
    position: Position
    """Where the change is in the log."""


def _select() -> Select[tuple[Any, ...]]:
    columns = (
        r.c.room_nid,
        rooms.c.room_id,
        r.c.user_id,
        r.c.type,
        r.c.thread_id,
        r.c.event_id,
        r.c.event_ordering,
        r.c.ts,
        r.c.position,
    )
    return select(*columns).select_from(r.join(rooms, rooms.c.nid == r.c.room_nid))


_REPLACE = upsert(r)
_BETWEEN = PreparedIn(
    lambda nids: _select().where(
        r.c.room_nid.in_(nids), r.c.position > bindparam("after"), r.c.position <= bindparam("upto")
    )
)
_OF_USER = Prepared(_select().where(r.c.user_id == bindparam("user_id")))
_OF_USER_IN = PreparedIn(lambda nids: _select().where(r.c.user_id == bindparam("user_id"), r.c.room_nid.in_(nids)))
_BY_KEY = Prepared(
    _select().where(
        r.c.room_nid == bindparam("room_nid"),
        r.c.user_id == bindparam("user_id"),
        r.c.type == bindparam("type"),
        r.c.thread_id == bindparam("thread_id"),
    )
)
_LOGGED = Prepared(
    _select().where(r.c.position > bindparam("after"), r.c.position <= bindparam("upto")).order_by(r.c.position)
)
_DELETE_USER = Prepared(delete(r).where(r.c.user_id == bindparam("who")))


def replace(tx: Write, receipt: StoredReceipt) -> None:
    """The receipt takes the place of the user's former one of its type and thread in the room."""
    tx.run(
        _REPLACE,
        room_nid=receipt.room_nid,
        user_id=receipt.user_id,
        type=receipt.type,
        thread_id=receipt.thread_id,
        event_id=receipt.event_id,
        event_ordering=receipt.event_ordering,
        ts=receipt.ts,
        position=receipt.position,
    )


def by_key(tx: Connection, room_nid: int, user_id: UserID, type_: str, thread_id: str) -> StoredReceipt | None:
    """The user's receipt of one type and thread; None: there is none."""
    row = _BY_KEY.first(tx, room_nid=room_nid, user_id=user_id, type=type_, thread_id=thread_id)
    return None if row is None else StoredReceipt(*row)


def between(tx: Connection, room_nids: Iterable[int], after: Position, upto: Position) -> list[StoredReceipt]:
    """Receipts in these rooms at positions in ``(after, upto]``, oldest first; private ones among them."""
    found = [StoredReceipt(*row) for row in _BETWEEN.all(tx, room_nids, after=after, upto=upto)]
    return sorted(found, key=lambda receipt: receipt.position)


def of_user(tx: Connection, user_id: UserID) -> list[StoredReceipt]:
    """All receipts of the user."""
    return [StoredReceipt(*row) for row in _OF_USER.all(tx, user_id=user_id)]


def of_user_in(tx: Connection, user_id: UserID, room_nids: Iterable[int]) -> list[StoredReceipt]:
    """All receipts of the user in these rooms."""
    return [StoredReceipt(*row) for row in _OF_USER_IN.all(tx, room_nids, user_id=user_id)]


def logged(tx: Connection, after: Position, upto: Position) -> list[StoredReceipt]:
    """Receipts of all rooms at positions in ``(after, upto]``, oldest first."""
    return [StoredReceipt(*row) for row in _LOGGED.all(tx, after=after, upto=upto)]


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has left no receipts."""
    tx.run(_DELETE_USER, who=user_id)
