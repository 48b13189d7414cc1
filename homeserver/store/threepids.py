"""Addresses that were proved to be a local user's."""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared
from homeserver.store.prepared import insert_new as insert_statement
from homeserver.store.schema.users import threepids
from homeserver.store.write import Write


@frozen
class OwnedAddress:
    """An address; *medium* is ``email`` or ``msisdn``."""

    medium: str
    address: str
    validated_ms: int
    added_ms: int


_c = threepids.c
_OF_USER = Prepared(
    select(_c.medium, _c.address, _c.validated_ms, _c.added_ms)
    .where(_c.user_id == bindparam("user"))
    .order_by(_c.medium, _c.address)
)
_OWNER = Prepared(select(_c.user_id).where(_c.medium == bindparam("medium"), _c.address == bindparam("address")))
_INSERT = insert_statement(threepids)
_DELETE = Prepared(
    delete(threepids).where(
        _c.medium == bindparam("what"), _c.address == bindparam("where"), _c.user_id == bindparam("who")
    )
)
_DELETE_OF_USER = Prepared(delete(threepids).where(_c.user_id == bindparam("user")))


def of_user(tx: Connection, user_id: UserID) -> list[OwnedAddress]:
    """All addresses of the user."""
    return [OwnedAddress(*row) for row in _OF_USER.all(tx, user=user_id)]


def owner_of(tx: Connection, medium: str, address: str) -> UserID | None:
    """Whose address it is; None when nobody has proved it."""
    row = _OWNER.first(tx, medium=medium, address=address)
    return None if row is None else UserID(row[0])


def insert_new(tx: Write, user_id: UserID, owned: OwnedAddress) -> bool:
    """Whether the address is the user's now: it was nobody else's, or theirs before."""
    inserted = tx.run(
        _INSERT,
        medium=owned.medium,
        address=owned.address,
        user_id=user_id,
        validated_ms=owned.validated_ms,
        added_ms=owned.added_ms,
    )
    return inserted == 1 or owner_of(tx.connection, owned.medium, owned.address) == user_id


def delete_one(tx: Write, user_id: UserID, medium: str, address: str) -> bool:
    """Whether the address was the user's; it is no more."""
    return tx.run(_DELETE, what=medium, where=address, who=user_id) == 1


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has no addresses any more."""
    tx.run(_DELETE_OF_USER, user=user_id)
