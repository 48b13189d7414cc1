"""Events that are referred to and not here: where a room's known history begins, and backfill goes on."""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.events import backward_extremities as b
from homeserver.store.write import Write


@frozen
class MissingEvent:
    """An event that is not here; *before*: the ordering of the event that follows it."""

    event_id: EventID
    before: Ordering


_INSERT = insert_new(b)
_OF_ROOM = Prepared(
    select(b.c.event_id, b.c.ordering).where(b.c.room_nid == bindparam("room_nid")).order_by(b.c.ordering.desc())
)
_REMOVE = Prepared(delete(b).where(b.c.room_nid == bindparam("where"), b.c.event_id == bindparam("which")))


def insert(tx: Write, room_nid: int, event_id: EventID, before: Ordering) -> None:
    """The event is missed; what follows it stands at *before*."""
    tx.run(_INSERT, room_nid=room_nid, event_id=event_id, ordering=before)


def remove(tx: Write, room_nid: int, event_ids: Iterable[EventID]) -> None:
    """The events are not missed any more."""
    for event_id in event_ids:
        tx.run(_REMOVE, where=room_nid, which=event_id)


def of_room(tx: Connection, room_nid: int) -> list[MissingEvent]:
    """What is missed in the room, that followed by the newest event first."""
    return [MissingEvent(event_id, Ordering(before)) for event_id, before in _OF_ROOM.all(tx, room_nid=room_nid)]
