"""Until when accounts can be used."""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, or_, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, Row, upsert
from homeserver.store.schema.administration import account_validity as v
from homeserver.store.schema.users import users
from homeserver.store.write import Write


@frozen
class Validity:
    """Until when one account can be used."""

    user_id: UserID
    expires_ms: int | None
    """None: without an end."""
    renewable: bool = False
    """The user can renew it, and is reminded to."""
    reminded_ms: int | None = None
    """The end that the user was reminded of."""


_ALL = select(v.c.user_id, v.c.expires_ms, v.c.renewable, v.c.reminded_ms)
_OF_USER = Prepared(_ALL.where(v.c.user_id == bindparam("who")))
_REPLACE = upsert(v, changed=("expires_ms", "renewable", "reminded_ms"))
_DELETE = Prepared(delete(v).where(v.c.user_id == bindparam("who")))
_WITHOUT = Prepared(
    select(users.c.user_id)
    .outerjoin(v, v.c.user_id == users.c.user_id)
    .where(
        v.c.user_id.is_(None),
        ~users.c.deactivated,
        ~users.c.is_guest,
        ~users.c.is_admin,
        users.c.appservice_id.is_(None),
    )
    .order_by(users.c.user_id)
    .limit(bindparam("limit"))
)
_TO_REMIND = Prepared(
    _ALL.join(users, users.c.user_id == v.c.user_id)
    .where(
        v.c.expires_ms > bindparam("now"),
        v.c.expires_ms <= bindparam("until"),
        v.c.renewable,
        or_(v.c.reminded_ms.is_(None), v.c.reminded_ms != v.c.expires_ms),
        ~users.c.deactivated,
        ~users.c.is_admin,
    )
    .order_by(v.c.expires_ms, v.c.user_id)
    .limit(bindparam("limit"))
)


def of_user(tx: Connection, user_id: UserID) -> Validity | None:
    """What was said of the account; None: nothing, so that it has no end."""
    row = _OF_USER.first(tx, who=user_id)
    return None if row is None else _validity(row)


def replace(tx: Write, validity: Validity) -> None:
    """The account can be used until then."""
    tx.run(
        _REPLACE,
        user_id=validity.user_id,
        expires_ms=validity.expires_ms,
        renewable=validity.renewable,
        reminded_ms=validity.reminded_ms,
    )


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """Nothing is said of the account."""
    tx.run(_DELETE, who=user_id)


def without(tx: Connection, limit: int) -> list[UserID]:
    """Some living accounts of people, administrators aside, of which nothing was said."""
    return [UserID(row[0]) for row in _WITHOUT.all(tx, limit=limit)]


def to_remind(tx: Connection, now_ms: int, until_ms: int, limit: int) -> list[Validity]:
    """Some accounts that end in ``(now, until]``, soonest first, whose users can renew them and were not reminded."""
    return [_validity(row) for row in _TO_REMIND.all(tx, now=now_ms, until=until_ms, limit=limit)]


def _validity(row: Row) -> Validity:
    return Validity(*row)
