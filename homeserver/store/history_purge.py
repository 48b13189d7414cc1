"""What was said in a room before some moment is deleted; its state, and the ends of its history, stay."""

from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select

from homeserver.core.log import PURGED
from homeserver.store import events, rooms, state, unread
from homeserver.store.prepared import Prepared, Row
from homeserver.store.room_purge import delete_events
from homeserver.store.room_tables import DeletedEvent, DeletedRoom
from homeserver.store.schema.events import backward_extremities as b
from homeserver.store.schema.events import events as e
from homeserver.store.write import Write

BEGINNING: Final = -(2**62)
_COLUMNS = (e.c.nid, e.c.event_id, e.c.type, e.c.sender, e.c.device_id, e.c.txn_id, e.c.pdu)
_EXTRA = (e.c.ordering, e.c.origin_server_ts, e.c.state_key)
_IN_TIMELINE = select(*_COLUMNS, *_EXTRA).where(
    e.c.room_nid == bindparam("room_nid"), e.c.ordering.is_not(None), e.c.state_key.is_(None)
)
_BY_TIME = Prepared(
    _IN_TIMELINE.where(e.c.origin_server_ts >= bindparam("begin"), e.c.origin_server_ts < bindparam("end"))
    .order_by(e.c.origin_server_ts)
    .limit(bindparam("limit"))
)
_BY_PLACE = Prepared(
    _IN_TIMELINE.where(e.c.ordering >= bindparam("begin"), e.c.ordering < bindparam("end"))
    .order_by(e.c.ordering)
    .limit(bindparam("limit"))
)
_ASIDE = Prepared(
    select(*_COLUMNS, *_EXTRA)
    .where(e.c.room_nid == bindparam("room_nid"), e.c.ordering.is_(None), e.c.nid >= bindparam("begin"))
    .order_by(e.c.nid)
    .limit(bindparam("limit"))
)
_COUNT_BY_TIME = Prepared(
    select(func.count()).where(
        e.c.room_nid == bindparam("room_nid"),
        e.c.ordering.is_not(None),
        e.c.state_key.is_(None),
        e.c.origin_server_ts < bindparam("end"),
    )
)
_COUNT_BY_PLACE = Prepared(
    select(func.count()).where(
        e.c.room_nid == bindparam("room_nid"), e.c.state_key.is_(None), e.c.ordering < bindparam("end")
    )
)
_CLOSE_GAPS = Prepared(delete(b).where(b.c.room_nid == bindparam("which"), b.c.ordering <= bindparam("upto")))


@frozen
class Cut:
    """What goes: what was sent before a time (milliseconds), or stands before a place; one of the two."""

    before_ts: int | None = None
    before_place: int | None = None


@frozen
class Purged:
    """What one step did: *events* are gone; the next begins at *begin*; *is_last*: there is no next."""

    events: list[DeletedEvent]
    begin: int
    is_last: bool


def count(tx: Connection, room_nid: int, cut: Cut) -> int:
    """About how many events are going to be deleted."""
    if cut.before_ts is not None:
        return int(_COUNT_BY_TIME.scalar(tx, room_nid=room_nid, end=cut.before_ts))
    return int(_COUNT_BY_PLACE.scalar(tx, room_nid=room_nid, end=cut.before_place))


def purge_timeline(tx: Write, room: DeletedRoom, cut: Cut, begin: int, limit: int) -> Purged:
    """At most *limit* messages of the timeline are gone, the oldest from *begin* on."""
    by_time = cut.before_ts is not None
    statement, end = (_BY_TIME, cut.before_ts) if by_time else (_BY_PLACE, cut.before_place)
    kept = _kept(tx, room.nid)
    # Those that stay may stand first.
    wanted = limit + len(kept)
    found = statement.all(tx.connection, room_nid=room.nid, begin=begin, end=end, limit=wanted)
    gone = _purge(tx, room, [row for row in found if row[1] not in kept])
    if gone:
        upto = max(row[7] for row in found if row[1] not in kept)
        # Nobody fetches what came before what is gone.
        tx.run(_CLOSE_GAPS, which=room.nid, upto=upto)
    last = found[-1][8 if by_time else 7] if found else begin
    return Purged(gone, last, len(found) < wanted)


def purge_aside(tx: Write, room: DeletedRoom, before_ts: int, begin: int, limit: int) -> Purged:
    """The same for messages that stand in no timeline, having been refused; *begin* and the answer's are nids."""
    found = _ASIDE.all(tx.connection, room_nid=room.nid, begin=begin, limit=limit)
    gone = _purge(tx, room, [row for row in found if row[9] is None and row[8] < before_ts])
    return Purged(gone, found[-1][0] + 1 if found else begin, len(found) < limit)


def _purge(tx: Write, room: DeletedRoom, rows: list[Row]) -> list[DeletedEvent]:
    if not rows:
        return []
    for nid in state.states_before(tx.connection, [row[0] for row in rows]):
        state.forget_state(tx, nid)
    gone = delete_events(tx, room.room_id, [row[:7] for row in rows])
    tx.log(PURGED, room.room_id, room.nid)
    # Some of it was unread.
    unread.delete_of_room(tx, room.nid)
    return gone


def _kept(tx: Write, room_nid: int) -> set[str]:
    """The events that the next will follow, and the newest of the timeline."""
    room = rooms.by_nid(tx.connection, room_nid)
    newest = events.latest(tx.connection, room_nid, BEGINNING, -BEGINNING, 1)
    return {*(() if room is None else room.forward_extremities), *(event.event_id for event in newest)}
