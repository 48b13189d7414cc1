"""Accounts of this server's users."""

from collections.abc import Collection

from attrs import field, frozen
from sqlalchemy import Connection, bindparam, or_, select, update

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, PreparedIn, Row
from homeserver.store.prepared import insert_new as insert_statement
from homeserver.store.schema.rooms import memberships
from homeserver.store.schema.users import users
from homeserver.store.write import Write


@frozen
class User:
    """An account."""

    user_id: UserID
    password_hash: str | None = field(repr=False)
    """None: no password is good."""
    created_ms: int
    is_guest: bool
    is_admin: bool
    deactivated: bool
    erased: bool
    locked: bool
    suspended: bool
    shadow_banned: bool
    appservice_id: str | None
    user_type: str | None


@frozen
class NewAccount:
    """An account that is to be made."""

    user_id: UserID
    password_hash: str | None = field(repr=False)
    created_ms: int
    is_guest: bool = False
    appservice_id: str | None = None
    is_admin: bool = False


_BY_ID = Prepared(select(*users.c).where(users.c.user_id == bindparam("user_id")))
_ERASED_AMONG = PreparedIn(lambda ids: select(users.c.user_id).where(users.c.user_id.in_(ids), users.c.erased))
_INSERT = insert_statement(users)
_SET_PASSWORD = Prepared(
    update(users).where(users.c.user_id == bindparam("who")).values(password_hash=bindparam("password_hash"))
)
_RENEW_PASSWORD = Prepared(
    update(users)
    .where(users.c.user_id == bindparam("who"), users.c.password_hash == bindparam("old"))
    .values(password_hash=bindparam("new"))
)
_UPGRADE = Prepared(
    update(users)
    .where(users.c.user_id == bindparam("who"), users.c.is_guest, ~users.c.deactivated)
    .values(is_guest=False, password_hash=bindparam("password_hash"))
)
_DEACTIVATE = Prepared(
    update(users)
    .where(users.c.user_id == bindparam("who"))
    .values(deactivated=True, password_hash=None, erased=bindparam("erased"))
)
_THIS = users.c.user_id == bindparam("who")
_SET_ADMIN = Prepared(update(users).where(_THIS).values(is_admin=bindparam("is_it")))
_SET_LOCKED = Prepared(update(users).where(_THIS).values(locked=bindparam("is_it")))
_SET_SUSPENDED = Prepared(update(users).where(_THIS).values(suspended=bindparam("is_it")))
_SET_TYPE = Prepared(update(users).where(_THIS).values(user_type=bindparam("what")))
_REACTIVATE = Prepared(
    update(users)
    .where(_THIS, users.c.deactivated)
    .values(deactivated=False, erased=False, is_admin=False, password_hash=bindparam("password_hash"))
)
_m = memberships.c.membership
_IN_A_ROOM = select(memberships.c.user_id).where(or_(_m == "join", _m == "invite", _m == "knock"))
_DEACTIVATED_IN_ROOMS = Prepared(
    select(users.c.user_id).where(users.c.deactivated, users.c.user_id.in_(_IN_A_ROOM)).order_by(users.c.user_id)
)


def by_id(tx: Connection, user_id: UserID) -> User | None:
    """The account, deactivated or not; None when there never was one of this name."""
    row = _BY_ID.first(tx, user_id=user_id)
    return None if row is None else _user(row)


def insert_new(tx: Write, account: NewAccount) -> bool:
    """Whether the name was free; then the account is there."""
    return (
        tx.run(
            _INSERT,
            user_id=account.user_id,
            password_hash=account.password_hash,
            created_ms=account.created_ms,
            is_guest=account.is_guest,
            is_admin=account.is_admin,
            deactivated=False,
            erased=False,
            locked=False,
            suspended=False,
            shadow_banned=False,
            appservice_id=account.appservice_id,
            user_type=None,
        )
        == 1
    )


def upgrade_guest(tx: Write, account: NewAccount) -> bool:
    """Whether there was such a guest; then it is a user with a password."""
    return tx.run(_UPGRADE, who=account.user_id, password_hash=account.password_hash) == 1


def set_password_hash(tx: Write, user_id: UserID, password_hash: str) -> None:
    """The account has this password."""
    tx.run(_SET_PASSWORD, who=user_id, password_hash=password_hash)


def renew_password_hash(tx: Write, user_id: UserID, old: str, new: str) -> None:
    """The same password is hashed another way, unless it was changed meanwhile."""
    tx.run(_RENEW_PASSWORD, who=user_id, old=old, new=new)


def deactivate(tx: Write, user_id: UserID, *, erase: bool) -> None:
    """Nobody logs in to the account any more; *erase*: its owner wants to be forgotten."""
    tx.run(_DEACTIVATE, who=user_id, erased=erase)


def erased_among(tx: Connection, user_ids: Collection[UserID]) -> frozenset[UserID]:
    """Those whose owners want to be forgotten."""
    return frozenset(UserID(user_id) for (user_id,) in _ERASED_AMONG.all(tx, user_ids))


def reactivate(tx: Write, user_id: UserID, password_hash: str | None) -> bool:
    """
    Whether the account was deactivated; then it is alive again, with this password (None: no password is good).

    It administers nothing, whatever it did before.
    """
    return tx.run(_REACTIVATE, who=user_id, password_hash=password_hash) == 1


def set_admin(tx: Write, user_id: UserID, *, is_admin: bool) -> None:
    """Whether the account administers this server."""
    tx.run(_SET_ADMIN, who=user_id, is_it=is_admin)


def set_locked(tx: Write, user_id: UserID, *, locked: bool) -> None:
    """Whether the account can be used at all."""
    tx.run(_SET_LOCKED, who=user_id, is_it=locked)


def set_suspended(tx: Write, user_id: UserID, *, suspended: bool) -> None:
    """Whether the account may look on only."""
    tx.run(_SET_SUSPENDED, who=user_id, is_it=suspended)


def set_user_type(tx: Write, user_id: UserID, user_type: str | None) -> None:
    """What administrators call accounts of this kind."""
    tx.run(_SET_TYPE, who=user_id, what=user_type)


def deactivated_in_rooms(tx: Connection) -> list[UserID]:
    """Deactivated users who are still in, invited to or knocking at some room."""
    return [UserID(row[0]) for row in _DEACTIVATED_IN_ROOMS.all(tx)]


def _user(row: Row) -> User:
    return User(*row)
