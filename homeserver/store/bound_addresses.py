"""By which identity servers addresses are known as a local user's, because this server asked for it."""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.identity import bound_addresses
from homeserver.store.write import Write


@frozen
class BoundAddress:
    """An address, and the identity server, host and port, that knows it."""

    medium: str
    address: str
    id_server: str


_c = bound_addresses.c
_OF_USER = Prepared(
    select(_c.medium, _c.address, _c.id_server)
    .where(_c.user_id == bindparam("user"))
    .order_by(_c.medium, _c.address, _c.id_server)
)
_INSERT = insert_new(bound_addresses)
_DELETE = Prepared(
    delete(bound_addresses).where(
        _c.user_id == bindparam("user"),
        _c.medium == bindparam("kind"),
        _c.address == bindparam("where"),
        _c.id_server == bindparam("server"),
    )
)


def of_user(tx: Connection, user_id: UserID) -> list[BoundAddress]:
    """All that is known of the user."""
    return [BoundAddress(*row) for row in _OF_USER.all(tx, user=user_id)]


def keep(tx: Write, user_id: UserID, bound: BoundAddress) -> None:
    """The identity server knows the address."""
    tx.run(_INSERT, user_id=user_id, medium=bound.medium, address=bound.address, id_server=bound.id_server)


def delete_one(tx: Write, user_id: UserID, bound: BoundAddress) -> None:
    """It does not any more."""
    tx.run(_DELETE, user=user_id, kind=bound.medium, where=bound.address, server=bound.id_server)
