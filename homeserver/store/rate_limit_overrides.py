"""Rate limits of accounts that have their own."""

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.administration import rate_limit_overrides as r
from homeserver.store.write import Write

_OF_USER = Prepared(select(r.c.limits).where(r.c.user_id == bindparam("user")))
_REPLACE = upsert(r)
_DELETE = Prepared(delete(r).where(r.c.user_id == bindparam("user")))


def of_user(tx: Connection, user_id: UserID) -> str | None:
    """What was stored for the user; None: it has everybody's limits."""
    found: str | None = _OF_USER.scalar(tx, user=user_id)
    return found


def replace(tx: Write, user_id: UserID, limits: str) -> None:
    """The user has these limits."""
    tx.run(_REPLACE, user_id=user_id, limits=limits)


def delete_of_user(tx: Write, user_id: UserID) -> bool:
    """Whether the user had limits of its own; it has everybody's now."""
    return tx.run(_DELETE, user=user_id) == 1
