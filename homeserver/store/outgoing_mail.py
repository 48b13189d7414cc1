"""Mail that waits to be sent."""

from attrs import field, frozen
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from homeserver.store.prepared import Prepared
from homeserver.store.schema.mail import outgoing_mail as m
from homeserver.store.write import Write


@frozen
class WaitingMail:
    """A message; *failures*: how often it was tried in vain."""

    nid: int
    recipient: str
    message: bytes = field(repr=False)
    created_ms: int
    failures: int
    due_ms: int


_INSERT = Prepared(
    insert(m).values(
        recipient=bindparam("recipient"),
        message=bindparam("message"),
        created_ms=bindparam("created_ms"),
        failures=0,
        due_ms=bindparam("due_ms"),
    )
)
_COUNT = Prepared(select(func.count()).select_from(m))
_DUE = Prepared(
    select(*m.c).where(m.c.due_ms <= bindparam("now")).order_by(m.c.due_ms, m.c.nid).limit(bindparam("limit"))
)
_NEXT_DUE = Prepared(select(func.min(m.c.due_ms)))
_POSTPONE = Prepared(
    update(m)
    .where(m.c.nid == bindparam("this"), m.c.due_ms == bindparam("before"))
    .values(due_ms=bindparam("after"), failures=bindparam("failed"))
)
_DELETE = Prepared(delete(m).where(m.c.nid == bindparam("this")))


def insert_new(tx: Write, recipient: str, message: bytes, now_ms: int, waiting_max: int) -> bool:
    """Whether there was room; then the message will be sent."""
    if count(tx.connection) >= waiting_max:
        return False
    tx.run(_INSERT, recipient=recipient, message=message, created_ms=now_ms, due_ms=now_ms)
    return True


def count(tx: Connection) -> int:
    """How many messages wait."""
    return int(_COUNT.scalar(tx))


def claim(tx: Write, now_ms: int, until_ms: int, limit: int) -> list[WaitingMail]:
    """
    Messages that are due, at most so many, for the caller alone until then.

    Who dies over one of them leaves it to whoever comes after that time.
    """
    found = [WaitingMail(*row) for row in _DUE.all(tx.connection, now=now_ms, limit=limit)]
    return [each for each in found if _move(tx, each, until_ms, each.failures)]


def postpone(tx: Write, claimed: WaitingMail, held_until_ms: int, due_ms: int) -> None:
    """It could not be sent, and is tried again then."""
    tx.run(_POSTPONE, this=claimed.nid, before=held_until_ms, after=due_ms, failed=claimed.failures + 1)


def delete_one(tx: Write, nid: int) -> None:
    """It is sent, or given up."""
    tx.run(_DELETE, this=nid)


def next_due_ms(tx: Connection) -> int | None:
    """When the next message is to be tried; None: none waits."""
    due_ms: int | None = _NEXT_DUE.scalar(tx)
    return due_ms


def _move(tx: Write, waiting: WaitingMail, due_ms: int, failures: int) -> bool:
    return tx.run(_POSTPONE, this=waiting.nid, before=waiting.due_ms, after=due_ms, failed=failures) == 1
