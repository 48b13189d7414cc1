"""Where consumers of the log are, and which of several processes does a consumer's work."""

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.prepared import insert_new as insert_new_into
from homeserver.store.schema.accounts import cursors as c
from homeserver.store.write import Write

_ADVANCE = upsert(c, changed=["position"])
_OF = Prepared(select(c.c.position).where(c.c.consumer == bindparam("consumer")))
_ENTER = insert_new_into(c)
_HOLD = Prepared(
    update(c)
    .where(
        c.c.consumer == bindparam("which"),
        or_(c.c.holder.is_(None), c.c.holder == bindparam("who"), c.c.held_until_ms <= bindparam("now")),
    )
    .values(holder=bindparam("who"), held_until_ms=bindparam("until"))
)
_HOLDER = Prepared(select(c.c.holder).where(c.c.consumer == bindparam("consumer")))
_MOVE = Prepared(update(c).where(c.c.consumer == bindparam("which")).values(position=bindparam("upto")))
_REMOVE = Prepared(delete(c).where(c.c.consumer == bindparam("which")))
_RELEASE = Prepared(
    update(c)
    .where(c.c.consumer == bindparam("which"), c.c.holder == bindparam("who"))
    .values(holder=None, held_until_ms=None)
)


def position_of(tx: Connection, consumer: str) -> Position | None:
    """Up to where the consumer has worked the log in; None: it never did."""
    position: int | None = _OF.scalar(tx, consumer=consumer)
    return None if position is None else Position(position)


def holder_of(tx: Connection, consumer: str) -> str | None:
    """Whose the consumer's work is, or was last; None: nobody's."""
    holder: str | None = _HOLDER.scalar(tx, consumer=consumer)
    return holder


def advance(tx: Write, consumer: str, position: Position) -> None:
    """The consumer has worked the log in up to *position*."""
    tx.run(_ADVANCE, consumer=consumer, position=position, holder=None, held_until_ms=None)


def move(tx: Write, consumer: str, position: Position) -> None:
    """A consumer that there is has worked the log in up to *position*; whose work it is stays as it is."""
    tx.run(_MOVE, which=consumer, upto=position)


def remove(tx: Write, consumer: str) -> None:
    """There is no such consumer: it does not keep the log from being trimmed."""
    tx.run(_REMOVE, which=consumer)


def hold(tx: Write, consumer: str, holder: str, now_ms: int, until_ms: int) -> bool:
    """Whether the consumer's work is *holder*'s until then: nobody else's lease on it is running."""
    tx.run(_ENTER, consumer=consumer, position=tx.position, holder=None, held_until_ms=None)
    return tx.run(_HOLD, which=consumer, who=holder, now=now_ms, until=until_ms) == 1


def release(tx: Write, consumer: str, holder: str) -> None:
    """Whoever comes first may take the work over from *holder*."""
    tx.run(_RELEASE, which=consumer, who=holder)
