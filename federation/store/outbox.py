"""What waits for other servers, and what they are being sent."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
from attrs import frozen
from sqlalchemy import Connection, Executable, bindparam, delete, func, select, update

from federation.core.transactions import EDUS_MAX, OutgoingTransaction, PduPlace
from federation.store.schema import outbox_edus, outbox_rooms, outbox_transactions
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.log import OUTBOX, Position
from homeserver.store.prepared import Insertion, Prepared, insert_into, upsert
from homeserver.store.schema.accounts import cursors
from homeserver.store.write import Write

_ROOMS = Prepared(
    select(outbox_rooms.c.room_id, outbox_rooms.c.first_position, outbox_rooms.c.last_position)
    .where(outbox_rooms.c.destination == bindparam("destination"))
    .order_by(outbox_rooms.c.first_position)
    .limit(bindparam("limit"))
)


def _widening(dialect: str) -> Executable:
    """An insert that widens the range of a room that is there already; events need not come in order."""
    new: Any = {column.name: bindparam(column.name) for column in outbox_rooms.columns}
    insertion: Any = insert_into(dialect, outbox_rooms).values(new)
    least, greatest = (func.min, func.max) if dialect == "sqlite" else (func.least, func.greatest)
    c, excluded = outbox_rooms.c, insertion.excluded
    return insertion.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["destination", "room_id"],
        set_={
            "first_position": least(c.first_position, excluded.first_position),
            "last_position": greatest(c.last_position, excluded.last_position),
        },
    )


_ADD_PDU = Prepared(_widening)
_REMOVE_ROOM = Prepared(
    delete(outbox_rooms).where(
        outbox_rooms.c.destination == bindparam("destination"),
        outbox_rooms.c.room_id == bindparam("room"),
        outbox_rooms.c.last_position <= bindparam("upto"),
    )
)
_ADVANCE_ROOM = Prepared(
    update(outbox_rooms)
    .where(
        outbox_rooms.c.destination == bindparam("to"),
        outbox_rooms.c.room_id == bindparam("room"),
        outbox_rooms.c.first_position <= bindparam("upto"),
    )
    .values(first_position=bindparam("next"))
)

_ADD_EDU = Insertion(outbox_edus)
_REMOVE_SUBJECT = Prepared(
    delete(outbox_edus).where(
        outbox_edus.c.destination == bindparam("destination"), outbox_edus.c.subject == bindparam("about")
    )
)
_EDUS = Prepared(
    select(outbox_edus.c.position, outbox_edus.c.edu)
    .where(outbox_edus.c.destination == bindparam("destination"))
    .order_by(outbox_edus.c.position)
    .limit(bindparam("limit"))
)
_REMOVE_EDUS = Prepared(
    delete(outbox_edus).where(
        outbox_edus.c.destination == bindparam("destination"), outbox_edus.c.position <= bindparam("upto")
    )
)
_NEWEST_KEPT = Prepared(
    select(outbox_edus.c.position)
    .where(outbox_edus.c.destination == bindparam("destination"))
    .order_by(outbox_edus.c.position.desc())
    .limit(1)
    .offset(bindparam("kept"))
)

_TRANSACTION = Prepared(
    select(
        outbox_transactions.c.transaction_id,
        outbox_transactions.c.made_ms,
        outbox_transactions.c.pdus,
        outbox_transactions.c.edus,
    ).where(outbox_transactions.c.destination == bindparam("destination"))
)
_BEGIN = upsert(outbox_transactions)
_END = Prepared(
    delete(outbox_transactions).where(
        outbox_transactions.c.destination == bindparam("destination"),
        outbox_transactions.c.transaction_id == bindparam("id"),
    )
)
_WAITING = Prepared(
    select(outbox_rooms.c.destination)
    .union(select(outbox_edus.c.destination), select(outbox_transactions.c.destination))
    .order_by("destination")
)
_CURSOR = Prepared(select(cursors.c.position).where(cursors.c.consumer == bindparam("consumer")))
_ADVANCE = upsert(cursors, changed=["position"])
_EDUS_COUNT = Prepared(select(func.count()).where(outbox_edus.c.destination == bindparam("destination")))

CONSUMER: Final = "federation outbox"
"""The name under which the outbox's place in the log is kept."""


@frozen
class WaitingRoom:
    """Events of a room that a destination has not been sent: those meant for it at positions in [first, last]."""

    room_id: RoomID
    first: Position
    last: Position


@frozen
class Backlog:
    """What waits for a destination when a process begins."""

    transaction: OutgoingTransaction | None
    has_pdus: bool
    has_edus: bool


def cursor(tx: Connection) -> Position | None:
    """The position up to which the log has been read into the outbox; None: it never was."""
    position: int | None = _CURSOR.scalar(tx, consumer=CONSUMER)
    return None if position is None else Position(position)


def advance(tx: Write, position: Position) -> None:
    """The log has been read into the outbox up to *position*."""
    tx.run(_ADVANCE, consumer=CONSUMER, position=position, holder=None, held_until_ms=None)


def destinations(tx: Connection) -> list[ServerName]:
    """Those that anything waits for."""
    return [ServerName(row[0]) for row in _WAITING.all(tx)]


def backlog(tx: Connection, destination: ServerName) -> Backlog:
    """What waits for *destination*."""
    return Backlog(
        transaction(tx, destination),
        bool(rooms(tx, destination, 1)),
        bool(_EDUS_COUNT.scalar(tx, destination=destination)),
    )


def backlogs(tx: Connection) -> dict[ServerName, Backlog]:
    """What waits for each of those that anything waits for."""
    return {destination: backlog(tx, destination) for destination in destinations(tx)}


def rooms(tx: Connection, destination: ServerName, limit: int) -> list[WaitingRoom]:
    """The first *limit* rooms with events that wait for *destination*, the longest waiting first."""
    return [WaitingRoom(*row) for row in _ROOMS.all(tx, destination=destination, limit=limit)]


def rooms_and_cursor(tx: Connection, destination: ServerName, limit: int) -> tuple[list[WaitingRoom], Position]:
    """The same, and the position up to which the log had been read into them."""
    return rooms(tx, destination, limit), cursor(tx) or Position(0)


def transaction(tx: Connection, destination: ServerName) -> OutgoingTransaction | None:
    """What *destination* is being sent; None: nothing."""
    row = _TRANSACTION.first(tx, destination=destination)
    if row is None:
        return None
    pdus = tuple(PduPlace(RoomID(room_id), Position(position)) for room_id, position in orjson.loads(row[2]))
    return OutgoingTransaction(row[0], row[1], pdus, tuple(orjson.loads(row[3])))


def queue_pdus(tx: Write, destination: ServerName, room_id: RoomID, first: Position, last: Position) -> None:
    """Events of a room at positions in ``[first, last]`` wait for *destination*."""
    tx.run(_ADD_PDU, destination=destination, room_id=room_id, first_position=first, last_position=last)


def queue_edu(tx: Write, to: Iterable[ServerName], edu: JSONObject, subject: str | None = None) -> None:
    """
    *edu*, with its ``edu_type`` and ``content``, waits for each of *to*, and the outbox knows.

    It takes the place of one of the same *subject* that waits still; None: of nothing.
    """
    text = orjson.dumps(edu).decode()
    for destination in to:
        if subject is not None:
            tx.run(_REMOVE_SUBJECT, destination=destination, about=subject)
        position = tx.log(OUTBOX, destination)
        tx.insert(_ADD_EDU, (destination, position, subject, text))


def drop_oldest_edus(tx: Write, destination: ServerName, kept: int) -> int:
    """At most *kept* EDUs wait for *destination*; says how many were dropped."""
    newest_dropped = _NEWEST_KEPT.scalar(tx.connection, destination=destination, kept=kept)
    if newest_dropped is None:
        return 0
    return tx.run(_REMOVE_EDUS, destination=destination, upto=newest_dropped)


def begin(tx: Write, destination: ServerName, made: OutgoingTransaction) -> None:
    """*made* is what *destination* is being sent."""
    tx.run(
        _BEGIN,
        destination=destination,
        transaction_id=made.transaction_id,
        made_ms=made.made_ms,
        pdus=orjson.dumps([(place.room_id, place.position) for place in made.pdus]).decode(),
        edus=orjson.dumps(made.edus).decode(),
    )


def exchange(
    tx: Write, destination: ServerName, ended: OutgoingTransaction | None, made: OutgoingTransaction
) -> tuple[OutgoingTransaction | None, bool]:
    """
    *destination* has *ended*, and is being sent *made* with as many of the waiting EDUs as fit.

    Answers that transaction, None when it would be empty, and whether more EDUs may be waiting.
    """
    if ended is not None:
        end(tx, destination, ended)
    limit = EDUS_MAX - len(made.edus)
    waiting = _EDUS.all(tx.connection, destination=destination, limit=limit)
    if waiting:
        tx.run(_REMOVE_EDUS, destination=destination, upto=waiting[-1][0])
    edus = (*(orjson.loads(row[1]) for row in waiting), *made.edus)
    if not edus and not made.pdus:
        return None, False
    whole = OutgoingTransaction(made.transaction_id, made.made_ms, made.pdus, edus)
    begin(tx, destination, whole)
    return whole, len(waiting) == limit


def end(tx: Write, destination: ServerName, ended: OutgoingTransaction) -> None:
    """*destination* has *ended*: it is sent no more, nor are earlier events of the same rooms."""
    tx.run(_END, destination=destination, id=ended.transaction_id)
    skip(tx, destination, ended.pdus)


def skip(tx: Write, destination: ServerName, places: Sequence[PduPlace]) -> None:
    """Nothing at or before *places* waits for *destination*."""
    upto: dict[RoomID, Position] = {}
    for place in places:
        upto[place.room_id] = max(place.position, upto.get(place.room_id, place.position))
    for room_id, position in upto.items():
        if not tx.run(_REMOVE_ROOM, destination=destination, room=room_id, upto=position):
            tx.run(_ADVANCE_ROOM, to=destination, room=room_id, upto=position, next=position + 1)
