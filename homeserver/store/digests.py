"""Whom mail is to tell of what is unread, and when."""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select, update

from homeserver.core.identifiers import UserID
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.mail import digests as d
from homeserver.store.write import Write


@frozen
class StoredDigest:
    """The digests of one pusher of mail; what its fields mean is said at the table."""

    user_id: UserID
    app_id: str
    pushkey: str
    due_ms: int | None
    interval_ms: int
    sent_ms: int | None
    told_upto: Ordering


_THIS = (d.c.user_id == bindparam("who")) & (d.c.app_id == bindparam("app")) & (d.c.pushkey == bindparam("key"))
_BY_KEY = Prepared(select(*d.c).where(_THIS))
_REPLACE = upsert(d)
_DUE = Prepared(select(*d.c).where(d.c.due_ms <= bindparam("now")).order_by(d.c.due_ms).limit(bindparam("limit")))
_NEXT_DUE = Prepared(select(func.min(d.c.due_ms)))
_CLAIM = Prepared(update(d).where(_THIS, d.c.due_ms == bindparam("before")).values(due_ms=bindparam("after")))
_SCHEDULE = Prepared(update(d).where(_THIS, d.c.due_ms.is_(None)).values(due_ms=bindparam("after")))
_DELETE = Prepared(delete(d).where(_THIS))
_DELETE_OF_USER = Prepared(delete(d).where(d.c.user_id == bindparam("who")))


def by_key(tx: Connection, user_id: UserID, app_id: str, pushkey: str) -> StoredDigest | None:
    """The digests of a pusher; None: it never had anything to tell."""
    row = _BY_KEY.first(tx, who=user_id, app=app_id, key=pushkey)
    return None if row is None else StoredDigest(*row)


def replace(tx: Write, digest: StoredDigest) -> None:
    """It stands so."""
    tx.run(
        _REPLACE,
        user_id=digest.user_id,
        app_id=digest.app_id,
        pushkey=digest.pushkey,
        due_ms=digest.due_ms,
        interval_ms=digest.interval_ms,
        sent_ms=digest.sent_ms,
        told_upto=digest.told_upto,
    )


def schedule(tx: Write, user_id: UserID, app_id: str, pushkey: str, due_ms: int) -> None:
    """A mail is due then, unless one is coming already."""
    tx.run(_SCHEDULE, who=user_id, app=app_id, key=pushkey, after=due_ms)


def claim(tx: Write, now_ms: int, until_ms: int, limit: int) -> list[StoredDigest]:
    """Digests that are due, at most so many, for the caller alone until then."""
    found = [StoredDigest(*row) for row in _DUE.all(tx.connection, now=now_ms, limit=limit)]
    return [
        each
        for each in found
        if tx.run(_CLAIM, who=each.user_id, app=each.app_id, key=each.pushkey, before=each.due_ms, after=until_ms) == 1
    ]


def next_due_ms(tx: Connection) -> int | None:
    """When the next digest is due; None: none is."""
    due_ms: int | None = _NEXT_DUE.scalar(tx)
    return due_ms


def delete_one(tx: Write, user_id: UserID, app_id: str, pushkey: str) -> None:
    """The pusher is no more."""
    tx.run(_DELETE, who=user_id, app=app_id, key=pushkey)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user is told nothing more by mail."""
    tx.run(_DELETE_OF_USER, who=user_id)
