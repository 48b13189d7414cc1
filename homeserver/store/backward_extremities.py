"""Events that are referred to and not here: where a room's known history begins, and backfill goes on."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import EventID
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.events import backward_extremities as b
from homeserver.store.write import Write

_INSERT = insert_new(b)
_OF_ROOM = Prepared(
    select(b.c.event_id, b.c.depth).where(b.c.room_nid == bindparam("room_nid")).order_by(b.c.depth.desc())
)
_REMOVE = Prepared(delete(b).where(b.c.room_nid == bindparam("where"), b.c.event_id == bindparam("which")))


def insert(tx: Write, room_nid: int, event_id: EventID, depth: int) -> None:
    """The event is missed; *depth* is that of an event that refers to it."""
    tx.run(_INSERT, room_nid=room_nid, event_id=event_id, depth=depth)


def remove(tx: Write, room_nid: int, event_ids: Iterable[EventID]) -> None:
    """The events are not missed any more."""
    for event_id in event_ids:
        tx.run(_REMOVE, where=room_nid, which=event_id)


def of_room(tx: Connection, room_nid: int) -> dict[EventID, int]:
    """{event id: depth of an event that refers to it}, greatest depth first."""
    return dict(_OF_ROOM.all(tx, room_nid=room_nid))  # type: ignore[arg-type]
