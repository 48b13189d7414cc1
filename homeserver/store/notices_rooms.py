"""The room in which each user is told what the server has to tell."""

from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import RoomID, UserID
from homeserver.store.prepared import Prepared, insert_new, upsert
from homeserver.store.schema.notices import notices_rooms
from homeserver.store.write import Write

_OF_USER = Prepared(select(notices_rooms.c.room_id).where(notices_rooms.c.user_id == bindparam("user")))
_KEEP = insert_new(notices_rooms)
_REPLACE = upsert(notices_rooms)


def of_user(tx: Connection, user_id: UserID) -> RoomID | None:
    """The user's room; None: the user was never told anything."""
    found = _OF_USER.scalar(tx, user=user_id)
    return None if found is None else RoomID(found)


def keep(tx: Write, user_id: UserID, room_id: RoomID) -> RoomID:
    """The user's room: this one, unless there is another already."""
    tx.run(_KEEP, user_id=user_id, room_id=room_id)
    return of_user(tx.connection, user_id) or room_id


def replace(tx: Write, user_id: UserID, room_id: RoomID) -> None:
    """The user's room is this one from now on."""
    tx.run(_REPLACE, user_id=user_id, room_id=room_id)
