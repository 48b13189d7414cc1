"""Events: the signed federation form of each, and where it stands in its room."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, func, select, update

from homeserver.core.identifiers import DeviceID, EventID, UserID
from homeserver.core.timeline import Status
from homeserver.store import search
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, Row
from homeserver.store.schema.events import events
from homeserver.store.write import Write


@frozen
class StoredEvent:
    """One event as it is put into the store."""

    nid: int
    """The position at which it was stored."""
    event_id: EventID
    room_nid: int
    ordering: int | None
    """Where it is in the room's timeline; None: in none."""
    type: str
    state_key: str | None
    sender: UserID
    depth: int
    origin_server_ts: int
    pdu: bytes
    """The canonical JSON of the signed federation form."""
    status: Status = Status.ACCEPTED
    reason: str | None = None
    """The rule that rejected or soft-failed it."""
    redacted_by: EventID | None = None
    device_id: DeviceID | None = None
    txn_id: str | None = None


def _select() -> Select[tuple[Any, ...]]:
    return select(*events.c)


_INSERT = Insertion(events)
_BY_ID = Prepared(_select().where(events.c.event_id == bindparam("event_id")))
_BY_NID = Prepared(_select().where(events.c.nid == bindparam("nid")))
_BY_IDS = PreparedIn(lambda ids: _select().where(events.c.event_id.in_(ids)))
_BY_NIDS = PreparedIn(lambda nids: _select().where(events.c.nid.in_(nids)))
_NIDS = PreparedIn(lambda ids: select(events.c.event_id, events.c.nid).where(events.c.event_id.in_(ids)))
_IDS = PreparedIn(lambda nids: select(events.c.nid, events.c.event_id).where(events.c.nid.in_(nids)))
_STATUSES = PreparedIn(lambda ids: select(events.c.event_id, events.c.status).where(events.c.event_id.in_(ids)))
_ROOM_OF = Prepared(select(events.c.room_nid).where(events.c.event_id == bindparam("event_id")))
_IN_ROOM = _select().where(
    events.c.room_nid == bindparam("room_nid"),
    events.c.ordering > bindparam("after"),
    events.c.ordering <= bindparam("upto"),
)
_FORWARD = Prepared(_IN_ROOM.order_by(events.c.ordering).limit(bindparam("limit")))
_BACKWARD = Prepared(_IN_ROOM.order_by(events.c.ordering.desc()).limit(bindparam("limit")))
_ENDS = Prepared(
    select(func.min(events.c.ordering), func.max(events.c.ordering)).where(
        events.c.room_nid == bindparam("room_nid"), events.c.ordering.is_not(None)
    )
)
_BELOW = Prepared(
    select(events.c.ordering)
    .where(events.c.room_nid == bindparam("room_nid"), events.c.ordering < bindparam("before"))
    .order_by(events.c.ordering.desc())
    .limit(bindparam("limit"))
)
_IN_TIME = _select().where(events.c.room_nid == bindparam("room_nid"), events.c.ordering.is_not(None))
_AFTER_TIME = Prepared(
    _IN_TIME.where(events.c.origin_server_ts >= bindparam("ts"))
    .order_by(events.c.origin_server_ts, events.c.ordering)
    .limit(bindparam("limit"))
)
_BEFORE_TIME = Prepared(
    _IN_TIME.where(events.c.origin_server_ts <= bindparam("ts"))
    .order_by(events.c.origin_server_ts.desc(), events.c.ordering.desc())
    .limit(bindparam("limit"))
)
_PLACE = Prepared(
    update(events)
    .where(events.c.nid == bindparam("event_nid"))
    .values(ordering=bindparam("place"), status=bindparam("now"), reason=bindparam("because"))
)
_REDACT = Prepared(
    update(events)
    .where(events.c.nid == bindparam("event_nid"))
    .values(redacted_by=bindparam("by"), pdu=bindparam("redacted"))
)


def insert(tx: Write, event: StoredEvent) -> None:
    """*event* is stored.  An event that is there already makes the write fail with Duplicate."""
    tx.insert(
        _INSERT,
        (
            event.nid,
            event.event_id,
            event.room_nid,
            event.ordering,
            event.type,
            event.state_key,
            event.sender,
            event.depth,
            event.origin_server_ts,
            event.pdu,
            int(event.status),
            event.reason,
            event.redacted_by,
            event.device_id,
            event.txn_id,
        ),
    )


def place(tx: Write, nid: int, ordering: int | None, status: Status, reason: str | None = None) -> None:
    """An event that was an outlier, say, has its place in the timeline, or has lost it (None)."""
    tx.run(_PLACE, event_nid=nid, place=ordering, now=int(status), because=reason)


def redact(tx: Write, nid: int, redacted_by: EventID, pdu: bytes) -> None:
    """
    The event is kept as *pdu* only, what redaction leaves of it, and is found by none of its words any more.

    Spec: client-server-api#redactions
    """
    search.forget(tx, (nid,))
    tx.run(_REDACT, event_nid=nid, by=redacted_by, redacted=pdu)


def by_id(tx: Connection, event_id: EventID) -> StoredEvent | None:
    """The event, or None when it is not here."""
    row = _BY_ID.first(tx, event_id=event_id)
    return None if row is None else stored_event_of(row)


def by_nid(tx: Connection, nid: int) -> StoredEvent | None:
    """The event, or None when there is none of this number."""
    row = _BY_NID.first(tx, nid=nid)
    return None if row is None else stored_event_of(row)


def by_ids(tx: Connection, event_ids: Iterable[EventID]) -> dict[EventID, StoredEvent]:
    """{event id: event} of those that are here."""
    return {event.event_id: event for event in map(stored_event_of, _BY_IDS.all(tx, event_ids))}


def by_nids(tx: Connection, nids: Iterable[int]) -> dict[int, StoredEvent]:
    """{nid: event} of those that are here."""
    return {event.nid: event for event in map(stored_event_of, _BY_NIDS.all(tx, nids))}


def nids_of(tx: Connection, event_ids: Iterable[EventID]) -> dict[EventID, int]:
    """{event id: nid} of those that are here."""
    return dict(_NIDS.all(tx, event_ids))


def ids_of(tx: Connection, nids: Iterable[int]) -> dict[int, EventID]:
    """{nid: event id} of those that are here."""
    return dict(_IDS.all(tx, nids))


def statuses_of(tx: Connection, event_ids: Iterable[EventID]) -> dict[EventID, Status]:
    """{event id: status} of those that are here."""
    return {event_id: Status(status) for event_id, status in _STATUSES.all(tx, event_ids)}


def between(tx: Connection, room_nid: int, after: int, upto: int, limit: int) -> list[StoredEvent]:
    """The first *limit* events of the timeline at orderings in ``(after, upto]``, oldest first."""
    return [stored_event_of(row) for row in _FORWARD.all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)]


def latest(tx: Connection, room_nid: int, after: int, upto: int, limit: int) -> list[StoredEvent]:
    """The last *limit* events of the timeline at orderings in ``(after, upto]``, newest first."""
    return [stored_event_of(row) for row in _BACKWARD.all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)]


def ends(tx: Connection, room_nid: int) -> tuple[int, int] | None:
    """The least and the greatest ordering in the room's timeline; None when it is empty."""
    row = _ENDS.first(tx, room_nid=room_nid)
    assert row is not None, "an aggregate always has a row"
    return None if row[0] is None else (row[0], row[1])


def orderings_below(tx: Connection, room_nid: int, before: int, limit: int) -> list[int]:
    """The last *limit* places that are taken in the room's timeline before *before*, newest first."""
    return [row[0] for row in _BELOW.all(tx, room_nid=room_nid, before=before, limit=limit)]


def near_in_time(tx: Connection, room_nid: int, ts: int, *, forward: bool, limit: int) -> list[StoredEvent]:
    """
    The *limit* events of the timeline closest to *ts* (milliseconds), the closest first: those at or after it, or those
    at or before it.
    """
    rows = (_AFTER_TIME if forward else _BEFORE_TIME).all(tx, room_nid=room_nid, ts=ts, limit=limit)
    return [stored_event_of(row) for row in rows]


def room_of(tx: Connection, event_id: EventID) -> int | None:
    """The nid of the room that the event is in; None when it is not here."""
    nid: int | None = _ROOM_OF.scalar(tx, event_id=event_id)
    return nid


def stored_event_of(row: Row) -> StoredEvent:
    """The event of a whole row of the table."""
    values: tuple[Any, ...] = (*row[:10], _STATUS[row[10]], *row[11:])
    return StoredEvent(*values)


_STATUS = tuple(Status)
