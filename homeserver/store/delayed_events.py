"""Events that are to be sent at a later time, and what became of them.  Spec: proposals/4140"""

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.store.prepared import Insertion, Prepared
from homeserver.store.schema.delayed_events import delayed_events as t
from homeserver.store.write import Write


@frozen
class DelayedEvent:
    """
    One event that is, or was, to be sent later.

    *send_at_ms*: None once it is finalised.  *content*, *fields* and *error* are JSON.
    """

    delay_id: str
    user_id: UserID
    room_id: RoomID
    type: str
    state_key: str | None
    content: str
    fields: str
    origin_server_ts: int | None
    delay_ms: int
    scheduled_ms: int
    send_at_ms: int | None
    finalised_ms: int | None = None
    event_id: EventID | None = None
    error: str | None = None


@frozen
class Due:
    """When an event is to be sent."""

    delay_id: str
    send_at_ms: int


_INSERT = Insertion(t)
_BY_ID = Prepared(select(*t.c).where(t.c.delay_id == bindparam("which")))
_SCHEDULED = and_(t.c.user_id == bindparam("who"), t.c.finalised_ms.is_(None))
_OF_USER = Prepared(select(*t.c).where(_SCHEDULED).order_by(t.c.send_at_ms, t.c.delay_id))
_COUNT = Prepared(select(func.count(), func.min(t.c.send_at_ms)).where(_SCHEDULED))
_DUE = Prepared(
    select(t.c.delay_id, t.c.send_at_ms)
    .where(t.c.send_at_ms.is_not(None), t.c.send_at_ms <= bindparam("upto"))
    .order_by(t.c.send_at_ms)
    .limit(bindparam("most"))
)
_RESTART = Prepared(
    update(t)
    .where(t.c.delay_id == bindparam("which"), t.c.finalised_ms.is_(None))
    .values(scheduled_ms=bindparam("now"), send_at_ms=t.c.delay_ms + bindparam("now"))
)
_FINALISE = Prepared(
    update(t)
    .where(t.c.delay_id == bindparam("which"), t.c.finalised_ms.is_(None))
    .values(send_at_ms=None, finalised_ms=bindparam("at"), event_id=bindparam("became"), error=bindparam("why"))
)
_NEWEST_DROPPED = Prepared(
    select(t.c.finalised_ms)
    .where(t.c.user_id == bindparam("who"), t.c.finalised_ms.is_not(None))
    .order_by(t.c.finalised_ms.desc())
    .limit(1)
    .offset(bindparam("kept"))
)
_TRIM = Prepared(delete(t).where(t.c.user_id == bindparam("who"), t.c.finalised_ms <= bindparam("upto")))
_PRUNE = Prepared(delete(t).where(t.c.finalised_ms < bindparam("before")))


def insert(tx: Write, event: DelayedEvent) -> None:
    """The event is scheduled."""
    tx.insert(_INSERT, (*(getattr(event, column.name) for column in t.c),))


def by_id(tx: Connection, delay_id: str) -> DelayedEvent | None:
    """The event, scheduled or finalised; None when there is none, or it is forgotten."""
    row = _BY_ID.first(tx, which=delay_id)
    return None if row is None else DelayedEvent(*row)


def scheduled_of(tx: Connection, user_id: UserID) -> list[DelayedEvent]:
    """The user's events that are still to be sent, the first first."""
    return [DelayedEvent(*row) for row in _OF_USER.all(tx, who=user_id)]


def count_of(tx: Connection, user_id: UserID) -> tuple[int, int | None]:
    """How many of the user's events are still to be sent, and when the first is."""
    row = _COUNT.first(tx, who=user_id)
    return (0, None) if row is None else (row[0], row[1])


def due(tx: Connection, upto_ms: int, limit: int) -> list[Due]:
    """The first *limit* events that are to be sent until then, in the order of their times."""
    return [Due(*row) for row in _DUE.all(tx, upto=upto_ms, most=limit)]


def restart(tx: Write, delay_id: str, now_ms: int) -> bool:
    """Whether the event is still to be sent; its delay begins now."""
    return tx.run(_RESTART, which=delay_id, now=now_ms) == 1


def finalise(tx: Write, delay_id: str, now_ms: int, event_id: EventID | None = None, error: str | None = None) -> bool:
    """Whether the event was still to be sent; it is no more, and this is what became of it."""
    return tx.run(_FINALISE, which=delay_id, at=now_ms, became=event_id, why=error) == 1


def trim(tx: Write, user_id: UserID, kept: int) -> None:
    """At most *kept* of the user's finalised events are remembered, or a few more of the same millisecond."""
    newest = _NEWEST_DROPPED.scalar(tx.connection, who=user_id, kept=kept)
    if newest is not None:
        tx.run(_TRIM, who=user_id, upto=newest)


def prune(tx: Write, before_ms: int) -> int:
    """Events that were finalised before then are forgotten; says how many."""
    return tx.run(_PRUNE, before=before_ms)
