"""A room is deleted, a few rows at a time; or what was said in it before some moment."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select, text, update

from homeserver.core.canonical import load_json
from homeserver.core.identifiers import DeviceID, EventID, RoomID, UserID
from homeserver.core.log import FORGOTTEN, GONE, MEMBERSHIP, REDACTED, REMOTE_MEMBERSHIP
from homeserver.store import log, search, transactions
from homeserver.store.prepared import Prepared, Row
from homeserver.store.room_tables import DeletedEvent, DeletedRoom, RoomTables, delete_in, listed
from homeserver.store.schema.accounts import transactions as t
from homeserver.store.schema.events import events as e
from homeserver.store.schema.log import log as log_table
from homeserver.store.schema.rooms import memberships as m
from homeserver.store.schema.rooms import room_aliases
from homeserver.store.schema.rooms import rooms as r
from homeserver.store.schema.whole import SCHEMA
from homeserver.store.write import Write

APART: Final = {
    "events": "together with what hangs on them",
    "memberships": "each is told to the log",
    "closed_rooms": "what an administrator said of the room stays",
    "search_documents": "the index of words is told what it forgets",
}
"""Tables with something of rooms that are not emptied row by row."""

TABLES: Final = RoomTables(SCHEMA.metadata, APART)
"""All others of this package."""

_SOME_EVENTS = Prepared(
    select(e.c.nid, e.c.event_id, e.c.type, e.c.sender, e.c.device_id, e.c.txn_id, e.c.pdu)
    .where(e.c.room_nid == bindparam("room_nid"))
    .limit(bindparam("limit"))
)
_DELETE_EVENTS = delete_in(e, "nid")
_DELETE_WAITING = Prepared(
    lambda dialect: text(
        "DELETE FROM redactions_waiting WHERE redaction_event_id IN "
        + (
            "(SELECT value FROM json_each(:listed))"
            if dialect == "sqlite"
            else "(SELECT jsonb_array_elements_text(CAST(:listed AS jsonb)))"
        )
    )
)
_DELETE_REQUEST = Prepared(delete(t).where(t.c.request == bindparam("which")))
_DELETE_ALIASES = Prepared(delete(room_aliases).where(room_aliases.c.room_id == bindparam("of_room")))
_DELETE_ROOM = Prepared(delete(r).where(r.c.nid == bindparam("which")))
_CLOSE = Prepared(
    update(r)
    .where(r.c.nid == bindparam("which"))
    .values(forward_extremities="[]", generation=r.c.generation + 1, joined=False, is_public=False)
)
_SOME_MEMBERS = Prepared(select(m.c.user_id).where(m.c.room_nid == bindparam("room_nid")).limit(bindparam("limit")))
_DELETE_MEMBER = Prepared(delete(m).where(m.c.room_nid == bindparam("where"), m.c.user_id == bindparam("who")))
_FIRST_NID = Prepared(select(func.min(e.c.nid)).where(e.c.room_nid == bindparam("room_nid")))
_EVENT_COUNT = Prepared(select(func.count()).where(e.c.room_nid == bindparam("room_nid")))
_IS_HERE = select(e.c.nid).where(e.c.event_id == log_table.c.subject).exists()
_BLANK_LOG = Prepared(
    update(log_table)
    .where(
        log_table.c.position > bindparam("after"),
        log_table.c.position <= bindparam("upto"),
        or_(
            log_table.c.subject == bindparam("of_room"),
            and_(log_table.c.ref == bindparam("nid"), log_table.c.kind.in_((MEMBERSHIP, REMOTE_MEMBERSHIP))),
            and_(log_table.c.kind == REDACTED, ~_IS_HERE),
        ),
    )
    .values(kind=GONE, subject="", ref=None)
)
LOG_ROWS_FOR_ONE: Final = 10
"""So many entries of the log are looked through in the time that it takes to delete a row."""


def count(tx: Connection, room_nid: int) -> tuple[int, int]:
    """How many events the room has here, and the number before that of the first that was stored."""
    first = _FIRST_NID.scalar(tx, room_nid=room_nid)
    return int(_EVENT_COUNT.scalar(tx, room_nid=room_nid)), 0 if first is None else first - 1


def delete_aliases(tx: Write, room_id: RoomID) -> int:
    """No alias of this server points to the room; says how many did."""
    return tx.run(_DELETE_ALIASES, of_room=room_id)


def shut(tx: Write, room: DeletedRoom) -> None:
    """For everybody the room is not here any more, and whoever is about to write to it finds that it has moved."""
    delete_aliases(tx, room.room_id)
    tx.run(_CLOSE, which=room.nid)
    tx.log(FORGOTTEN, room.room_id, room.nid)


def delete_members(tx: Write, room: DeletedRoom, limit: int) -> int:
    """At most *limit* local users never had to do with the room; says how many, and 0 when none are left."""
    found = _SOME_MEMBERS.all(tx.connection, room_nid=room.nid, limit=limit)
    for (user_id,) in found:
        tx.run(_DELETE_MEMBER, where=room.nid, who=user_id)
        tx.log(MEMBERSHIP, user_id, room.nid)
    return len(found)


def some_events(tx: Connection, room: DeletedRoom, limit: int) -> list[Row]:
    """At most *limit* events of the room, for ``delete_events``."""
    return _SOME_EVENTS.all(tx, room_nid=room.nid, limit=limit)


def delete_events(tx: Write, room_id: RoomID, rows: Sequence[Row]) -> list[DeletedEvent]:
    """The events, and what hangs on each, are gone; answers what they were."""
    gone = [DeletedEvent(row[0], EventID(row[1]), bytes(row[6])) for row in rows]
    if not gone:
        return gone
    search.forget(tx, [event.nid for event in gone])
    TABLES.delete_of_events(tx, gone)
    redactions = [row[1] for row in rows if row[2] == "m.room.redaction"]
    if redactions:
        _DELETE_WAITING.run(tx.connection, listed=listed(redactions))
    for row in rows:
        if row[5] is not None:
            _delete_request(tx, room_id, row)
    _DELETE_EVENTS.run(tx.connection, listed=listed(event.nid for event in gone))
    return gone


def _delete_request(tx: Write, room_id: RoomID, row: Row) -> None:
    """The request by which the event was sent is not remembered."""
    _, _, kind, sender, device_id, txn_id, pdu = row
    # As services.admission.transaction_endpoint names it.
    endpoints = [f"{room_id}/{kind}/"]
    if kind == "m.room.redaction":
        whole = load_json(bytes(pdu))
        endpoints.append(endpoints[0] + str(whole.get("redacts") or whole.get("content", {}).get("redacts")))
    for endpoint in endpoints:
        tx.run(_DELETE_REQUEST, which=transactions.request_of(UserID(sender), DeviceID(device_id), endpoint, txn_id))


def blank_log(tx: Write, room: DeletedRoom, after: int, limit: int) -> tuple[int, bool]:
    """
    The log does not tell of the room at the next positions after one, and of redactions of what is not here.

    Answers up to where, and whether that is the head.  Positions stay, or the log would have gaps.
    """
    first = log.first(tx.connection)
    head = tx.position
    begin = head if first is None else max(after, first - 1)
    upto = min(head, begin + limit * LOG_ROWS_FOR_ONE)
    _BLANK_LOG.run(tx.connection, after=begin, upto=upto, of_room=room.room_id, nid=room.nid)
    return upto, upto >= head


def delete_room(tx: Write, room: DeletedRoom) -> None:
    """Nobody can tell that this server ever knew the room, but by the one entry of the log that says so."""
    tx.run(_DELETE_ROOM, which=room.nid)
    tx.log(FORGOTTEN, room.room_id, room.nid)
