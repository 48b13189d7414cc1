"""Pages of a room's timeline by event ID alone: who reads these has most of the events in memory already."""

from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import events

_IN_ROOM = select(events.c.event_id).where(
    events.c.room_nid == bindparam("room_nid"),
    events.c.ordering > bindparam("after"),
    events.c.ordering <= bindparam("upto"),
)
_FORWARD = Prepared(_IN_ROOM.order_by(events.c.ordering).limit(bindparam("limit")))
_BACKWARD = Prepared(_IN_ROOM.order_by(events.c.ordering.desc()).limit(bindparam("limit")))


def page(
    tx: Connection, room_nid: int, after: Ordering, upto: Ordering, limit: int, *, backward: bool
) -> list[EventID]:
    """The first *limit* events at orderings in ``(after, upto]``, or the last of them, newest first."""
    statement = _BACKWARD if backward else _FORWARD
    return [row[0] for row in statement.all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)]
