"""Rooms that this server knows, and what is newest in them."""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, insert, select, update

from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.store.prepared import Prepared, PreparedIn, Row
from homeserver.store.schema.rooms import rooms
from homeserver.store.write import Write


@frozen
class Room:
    """A room."""

    nid: int
    room_id: RoomID
    version: str | None
    """None: known by an invite or a knock alone."""
    generation: int
    forward_extremities: tuple[EventID, ...]
    """The events that nothing follows yet."""
    joined: bool
    """This server takes part in it."""
    is_public: bool
    """Listed in the published directory."""
    creator: UserID | None
    blocked: bool


def _select() -> Select[tuple[object, ...]]:
    return select(*rooms.c)


_BY_ID = Prepared(_select().where(rooms.c.room_id == bindparam("room_id")))
_BY_NID = Prepared(_select().where(rooms.c.nid == bindparam("nid")))
_BY_NIDS = PreparedIn(lambda nids: _select().where(rooms.c.nid.in_(nids)))
_BY_IDS = PreparedIn(lambda ids: _select().where(rooms.c.room_id.in_(ids)))
_JOINED = Prepared(_select().where(rooms.c.joined).order_by(rooms.c.nid))
_WITH_HISTORY_AFTER = Prepared(
    _select()
    .where(rooms.c.nid > bindparam("after"), rooms.c.forward_extremities != "[]")
    .order_by(rooms.c.nid)
    .limit(bindparam("limit"))
)
_INSERT = Prepared(
    insert(rooms)
    .values(
        room_id=bindparam("room_id"),
        version=bindparam("version"),
        generation=0,
        forward_extremities="[]",
        joined=False,
        is_public=False,
        creator=bindparam("creator"),
        blocked=False,
    )
    .returning(rooms.c.nid)
)
_ADVANCE = Prepared(
    update(rooms)
    .where(rooms.c.nid == bindparam("room_nid"), rooms.c.generation == bindparam("expected"))
    .values(generation=rooms.c.generation + 1, forward_extremities=bindparam("extremities"))
)
_SET_VERSION = Prepared(
    update(rooms).where(rooms.c.nid == bindparam("room_nid")).values(version=bindparam("v"), creator=bindparam("by"))
)
_SET_JOINED = Prepared(update(rooms).where(rooms.c.nid == bindparam("room_nid")).values(joined=bindparam("value")))
_SET_PUBLIC = Prepared(update(rooms).where(rooms.c.nid == bindparam("room_nid")).values(is_public=bindparam("value")))
_SET_BLOCKED = Prepared(update(rooms).where(rooms.c.nid == bindparam("room_nid")).values(blocked=bindparam("value")))


def by_id(tx: Connection, room_id: RoomID) -> Room | None:
    """The room, or None when nothing is known of it."""
    row = _BY_ID.first(tx, room_id=room_id)
    return None if row is None else _room(row)


def by_nid(tx: Connection, nid: int) -> Room | None:
    """The room, or None when there is none of this number."""
    row = _BY_NID.first(tx, nid=nid)
    return None if row is None else _room(row)


def by_nids(tx: Connection, nids: list[int]) -> dict[int, Room]:
    """{nid: room} of those that are there."""
    return {room.nid: room for room in map(_room, _BY_NIDS.all(tx, nids))}


def by_ids(tx: Connection, room_ids: list[RoomID]) -> dict[RoomID, Room]:
    """{room id: room} of those that are there."""
    return {room.room_id: room for room in map(_room, _BY_IDS.all(tx, room_ids))}


def joined(tx: Connection) -> list[Room]:
    """All rooms that this server takes part in."""
    return [_room(row) for row in _JOINED.all(tx)]


def with_history_after(tx: Connection, after: int, limit: int) -> list[Room]:
    """The first *limit* rooms after a number that this server has, or had, part in."""
    return [_room(row) for row in _WITH_HISTORY_AFTER.all(tx, after=after, limit=limit)]


def insert_room(tx: Write, room_id: RoomID, version: str | None, creator: UserID | None) -> int:
    """The nid of the room, now known, with nothing in it.  A room that is there already makes the write fail."""
    row = tx.first(_INSERT, room_id=room_id, version=version, creator=creator)
    assert row is not None, "an insert returns its row"
    return int(row[0])


def advance(tx: Write, nid: int, generation: int, forward_extremities: Iterable[EventID]) -> bool:
    """
    Whether the room was still at *generation*; then it is at the next, with these extremities.

    False: another process wrote first.  Gather again, and decide again.
    """
    encoded = encode_json(list(forward_extremities)).decode()
    return tx.run(_ADVANCE, room_nid=nid, expected=generation, extremities=encoded) == 1


def set_version(tx: Write, nid: int, version: str, creator: UserID | None) -> None:
    """The version of the room is known now."""
    tx.run(_SET_VERSION, room_nid=nid, v=version, by=creator)


def set_joined(tx: Write, nid: int, value: bool) -> None:
    """Whether this server takes part in the room."""
    tx.run(_SET_JOINED, room_nid=nid, value=value)


def set_public(tx: Write, nid: int, value: bool) -> None:
    """Whether the room is in the published directory.  Spec: client-server-api#published-room-directory"""
    tx.run(_SET_PUBLIC, room_nid=nid, value=value)


def set_blocked(tx: Write, nid: int, value: bool) -> None:
    """Whether an administrator forbids the room."""
    tx.run(_SET_BLOCKED, room_nid=nid, value=value)


def _room(row: Row) -> Room:
    nid, room_id, version, generation, extremities, is_joined, is_public, creator, blocked = row
    return Room(
        nid=nid,
        room_id=room_id,
        version=version,
        generation=generation,
        forward_extremities=tuple(load_json(extremities)),
        joined=is_joined,
        is_public=is_public,
        creator=creator,
        blocked=blocked,
    )
