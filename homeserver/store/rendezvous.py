"""Where two devices meet: one payload each, that either replaces.  Spec: proposals/4388"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select, update

from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.rendezvous import rendezvous as t
from homeserver.store.write import Write


@frozen
class Rendezvous:
    """One meeting place.  *sequence_token* tells its payload from any other that it had."""

    rendezvous_id: str
    payload: str
    sequence_token: str
    expires_ms: int


_THIS = t.c.rendezvous_id == bindparam("which")
_OPEN = t.c.expires_ms > bindparam("now")
_BY_ID = Prepared(select(*t.c).where(_THIS, _OPEN))
_COUNT = Prepared(select(func.count()).where(_OPEN))
_FIRST_END = Prepared(select(func.min(t.c.expires_ms)).where(_OPEN))
_INSERT = insert_new(t)
_REPLACE = Prepared(update(t).where(_THIS).values(payload=bindparam("said"), sequence_token=bindparam("token")))
_DELETE = Prepared(delete(t).where(_THIS, _OPEN))
_DELETE_EXPIRED = Prepared(delete(t).where(t.c.expires_ms <= bindparam("now")))


def by_id(tx: Connection, rendezvous_id: str, now_ms: int) -> Rendezvous | None:
    """The meeting place; None when there is none, or it has expired."""
    row = _BY_ID.first(tx, which=rendezvous_id, now=now_ms)
    return None if row is None else Rendezvous(*row)


def count(tx: Connection, now_ms: int) -> tuple[int, int | None]:
    """How many there are, and when the first of them expires."""
    return _COUNT.scalar(tx, now=now_ms), _FIRST_END.scalar(tx, now=now_ms)


def insert(tx: Write, new: Rendezvous) -> None:
    """There is one more."""
    tx.run(
        _INSERT,
        rendezvous_id=new.rendezvous_id,
        payload=new.payload,
        sequence_token=new.sequence_token,
        expires_ms=new.expires_ms,
    )


def replace(tx: Write, rendezvous_id: str, payload: str, sequence_token: str) -> None:
    """It has this payload."""
    tx.run(_REPLACE, which=rendezvous_id, said=payload, token=sequence_token)


def remove(tx: Write, rendezvous_id: str, now_ms: int) -> bool:
    """Whether it was there; it is no more."""
    return tx.run(_DELETE, which=rendezvous_id, now=now_ms) == 1


def remove_expired(tx: Write, now_ms: int) -> None:
    """Those that have expired are gone."""
    tx.run(_DELETE_EXPIRED, now=now_ms)
