"""What administrators did, for those who must answer for it."""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared
from homeserver.store.schema.administration import admin_actions as a
from homeserver.store.write import Write


@frozen
class Action:
    """What one administrator asked for, and what came of it."""

    at_ms: int
    admin: UserID
    operation: str
    """The ID of the operation, as the description of the API names it."""
    subject: str
    """What the path names: a user, a room, a token; empty: nothing."""
    details: str
    """The rest of the request in JSON, without its secrets."""
    refusal: str
    """Why it was not done; empty: it was."""
    address: str
    """Where the request came from."""


_COLUMNS = (a.c.at_ms, a.c.admin, a.c.operation, a.c.subject, a.c.details, a.c.refusal, a.c.address)
_INSERT = Prepared(insert(a).values({column.name: bindparam(column.name) for column in _COLUMNS}))
# An empty parameter fits everything.
_CHOSEN = (
    or_(bindparam("admin") == "", a.c.admin == bindparam("admin")),
    or_(bindparam("subject") == "", a.c.subject == bindparam("subject")),
)
_PAGE = Prepared(
    select(a.c.nid, *_COLUMNS)
    .where(a.c.nid < bindparam("before"), *_CHOSEN)
    .order_by(a.c.nid.desc())
    .limit(bindparam("limit"))
)
_COUNT = Prepared(select(func.count()).select_from(a).where(*_CHOSEN))
_PRUNE = Prepared(delete(a).where(a.c.at_ms < bindparam("before")))


def insert_action(tx: Write, action: Action) -> None:
    """The action is remembered."""
    tx.run(
        _INSERT,
        at_ms=action.at_ms,
        admin=action.admin,
        operation=action.operation,
        subject=action.subject,
        details=action.details,
        refusal=action.refusal,
        address=action.address,
    )


def latest(tx: Connection, admin: str, subject: str, before: int, limit: int) -> list[tuple[int, Action]]:
    """The last *limit* actions before a number, newest first, by *admin* and on *subject* (empty: any)."""
    rows = _PAGE.all(tx, admin=admin, subject=subject, before=before, limit=limit)
    return [(row[0], Action(*row[1:])) for row in rows]


def count(tx: Connection, admin: str, subject: str) -> int:
    """How many actions there are by *admin* and on *subject* (empty: any)."""
    return int(_COUNT.scalar(tx, admin=admin, subject=subject))


def prune(tx: Write, before_ms: int) -> int:
    """How many actions from before then were there, and are forgotten."""
    return tx.run(_PRUNE, before=before_ms)
