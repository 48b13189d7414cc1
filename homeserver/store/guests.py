"""Guests of this server, and the rooms that they are in."""

from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import RoomID, UserID
from homeserver.store.prepared import Prepared
from homeserver.store.schema.rooms import memberships, rooms
from homeserver.store.schema.users import users

_IS_GUEST = Prepared(select(users.c.is_guest).where(users.c.user_id == bindparam("user")))
_IN_ROOMS = users.join(memberships, memberships.c.user_id == users.c.user_id)
_JOINED = Prepared(
    select(users.c.user_id)
    .select_from(_IN_ROOMS)
    .where(users.c.is_guest, memberships.c.room_nid == bindparam("room"), memberships.c.membership == "join")
)
_ROOMS = Prepared(
    select(rooms.c.room_id)
    .select_from(_IN_ROOMS.join(rooms, rooms.c.nid == memberships.c.room_nid))
    .where(users.c.is_guest, memberships.c.membership == "join")
    .distinct()
)


def is_guest(tx: Connection, user_id: UserID) -> bool:
    """Whether there is such an account, and it is a guest's."""
    return bool(_IS_GUEST.scalar(tx, user=user_id))


def joined(tx: Connection, room_nid: int) -> list[UserID]:
    """The guests who are in the room."""
    return [UserID(row[0]) for row in _JOINED.all(tx, room=room_nid)]


def rooms_with_guests(tx: Connection) -> list[RoomID]:
    """The rooms that guests are in."""
    return [RoomID(row[0]) for row in _ROOMS.all(tx)]
