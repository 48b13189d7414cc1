"""The room aliases of this server.  Spec: client-server-api#room-aliases"""

from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy import delete as delete_from

from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID
from homeserver.core.log import ALIASES
from homeserver.store.prepared import Prepared, Row
from homeserver.store.prepared import insert_new as insert_new_into
from homeserver.store.schema.rooms import room_aliases as a
from homeserver.store.write import Write


@frozen
class StoredAlias:
    """An alias, and where it points."""

    alias: RoomAlias
    room_id: RoomID
    servers: tuple[ServerName, ...]
    """Which may be asked for the room."""
    creator: UserID


_INSERT = insert_new_into(a)
_BY_ALIAS = Prepared(select(*a.c).where(a.c.alias == bindparam("alias")))
_OF_ROOM = Prepared(select(*a.c).where(a.c.room_id == bindparam("room_id")).order_by(a.c.alias))
_DELETE = Prepared(delete_from(a).where(a.c.alias == bindparam("which")))
_MOVE = Prepared(
    update(a).where(a.c.room_id == bindparam("from")).values(room_id=bindparam("to"), servers=bindparam("known_by"))
)


def insert_new(tx: Write, alias: RoomAlias, room_id: RoomID, servers: Sequence[ServerName], creator: UserID) -> bool:
    """Whether the alias was free; then it points to the room."""
    encoded = encode_json(list(servers)).decode()
    if tx.run(_INSERT, alias=alias, room_id=room_id, servers=encoded, creator=creator) == 0:
        return False
    tx.log(ALIASES, room_id)
    return True


def delete(tx: Write, alias: RoomAlias) -> bool:
    """Whether the alias was there; it is no more."""
    stored = by_alias(tx.connection, alias)
    if stored is None:
        return False
    tx.run(_DELETE, which=alias)
    tx.log(ALIASES, stored.room_id)
    return True


def move(tx: Write, before: RoomID, after: RoomID, servers: Sequence[ServerName]) -> int:
    """All aliases of one room point to another (an upgrade); says how many."""
    count = tx.run(_MOVE, **{"from": before, "to": after, "known_by": encode_json(list(servers)).decode()})
    if count:
        tx.log(ALIASES, before)
        tx.log(ALIASES, after)
    return count


def by_alias(tx: Connection, alias: RoomAlias) -> StoredAlias | None:
    """Where the alias points; None: nowhere."""
    row = _BY_ALIAS.first(tx, alias=alias)
    return None if row is None else _alias(row)


def of_room(tx: Connection, room_id: RoomID) -> list[StoredAlias]:
    """The aliases of the room, in the order of their names."""
    return [_alias(row) for row in _OF_ROOM.all(tx, room_id=room_id)]


def _alias(row: Row) -> StoredAlias:
    alias, room_id, servers, creator = row
    return StoredAlias(alias, room_id, tuple(load_json(servers)), creator)
