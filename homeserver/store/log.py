"""The one log, read by position."""

from sqlalchemy import Connection, bindparam, delete, func, select

from homeserver.core.log import LogEntry, Position
from homeserver.store.prepared import Prepared
from homeserver.store.schema.log import log, log_head
from homeserver.store.write import Write, entries_of

_HEAD = Prepared(select(log_head.c.position))
_ENTRIES = Prepared(
    select(log.c.position, log.c.kind, log.c.subject, log.c.ref)
    .where(log.c.position > bindparam("after"), log.c.position <= bindparam("upto"))
    .order_by(log.c.position)
    .limit(bindparam("limit"))
)
_FIRST = Prepared(select(func.min(log.c.position)))
_PRUNE = Prepared(delete(log).where(log.c.position <= bindparam("upto")))


def head(tx: Connection) -> Position:
    """The position of the newest entry; 0 when there never was one."""
    return Position(_HEAD.scalar(tx))


def entries(tx: Connection, after: Position, upto: Position, limit: int) -> tuple[LogEntry, ...]:
    """The first *limit* entries at positions in ``(after, upto]``, oldest first."""
    return entries_of(_ENTRIES.all(tx, after=after, upto=upto, limit=limit))


def first(tx: Connection) -> Position | None:
    """The position of the oldest entry that is kept; None when there is none."""
    position: int | None = _FIRST.scalar(tx)
    return None if position is None else Position(position)


def prune(tx: Write, upto: Position) -> int:
    """
    The entries at and before *upto* are forgotten, once every consumer is past them; says how many.  Positions stay.
    """
    return tx.run(_PRUNE, upto=upto)
