"""Which servers are still to be sent what is sticky in a room.  Spec: proposals/4354"""

from sqlalchemy import Connection, bindparam, delete, select

from federation.store.schema import sticky_pushes as t
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.write import Write

_ALL = Prepared(select(t.c.destination, t.c.room_id))
_INSERT = insert_new(t)
_DELETE = Prepared(delete(t).where(t.c.destination == bindparam("to"), t.c.room_id == bindparam("room")))


def everything(tx: Connection) -> list[tuple[ServerName, RoomID]]:
    """Each server with a room."""
    return [(ServerName(row[0]), RoomID(row[1])) for row in _ALL.all(tx)]


def insert(tx: Write, destination: ServerName, room_id: RoomID) -> None:
    """The server is to be sent what is sticky in the room."""
    tx.run(_INSERT, destination=destination, room_id=room_id)


def remove(tx: Write, destination: ServerName, room_id: RoomID) -> None:
    """The server has it, or there is nothing more to send."""
    tx.run(_DELETE, to=destination, room=room_id)
