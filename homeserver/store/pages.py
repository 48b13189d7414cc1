"""Pages of a room's timeline by event ID alone: who reads these has most of the events in memory already."""

from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection, bindparam, exists, select

from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import backward_extremities, events


@frozen
class Page:
    """Some events, and whether the room's history may have gaps."""

    event_ids: Sequence[EventID]
    may_have_gaps: bool


_GAPS = exists().where(backward_extremities.c.room_nid == bindparam("room_nid"))
_IN_ROOM = select(events.c.event_id, _GAPS).where(
    events.c.room_nid == bindparam("room_nid"),
    events.c.ordering > bindparam("after"),
    events.c.ordering <= bindparam("upto"),
)
_FORWARD = Prepared(_IN_ROOM.order_by(events.c.ordering).limit(bindparam("limit")))
_BACKWARD = Prepared(_IN_ROOM.order_by(events.c.ordering.desc()).limit(bindparam("limit")))


def page(tx: Connection, room_nid: int, after: Ordering, upto: Ordering, limit: int, *, backward: bool) -> Page:
    """The first *limit* events at orderings in ``(after, upto]``, or the last of them, newest first."""
    rows = (_BACKWARD if backward else _FORWARD).all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)
    # Where nothing is, nothing tells.
    return Page([row[0] for row in rows], not rows or bool(rows[0][1]))
