"""Filters that clients keep here, numbered for each user.  Spec: client-server-api#filtering"""

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared
from homeserver.store.schema.accounts import filters
from homeserver.store.write import Write

_OWN = filters.c.user_id == bindparam("user")
_BY_NUMBER = Prepared(select(filters.c.filter).where(_OWN, filters.c.filter_id == bindparam("number")))
_NUMBER_OF = Prepared(select(filters.c.filter_id).where(_OWN, filters.c.filter == bindparam("text")))
_LAST = Prepared(select(func.max(filters.c.filter_id)).where(_OWN))
_INSERT = Prepared(
    insert(filters).values(user_id=bindparam("user_id"), filter_id=bindparam("filter_id"), filter=bindparam("text"))
)
_DELETE_OF_USER = Prepared(delete(filters).where(_OWN))


def by_number(tx: Connection, user_id: UserID, number: int) -> str | None:
    """The filter of that number, canonical JSON; None when the user has none."""
    row = _BY_NUMBER.first(tx, user=user_id, number=number)
    return None if row is None else row[0]


def number_of(tx: Connection, user_id: UserID, text: str) -> int | None:
    """The number of a filter that the user has; None when it is new."""
    row = _NUMBER_OF.first(tx, user=user_id, text=text)
    return None if row is None else row[0]


def insert_new(tx: Write, user_id: UserID, text: str, most: int) -> int | None:
    """The number of the filter, which the user has now; None when it would be more than *most* filters."""
    known = number_of(tx.connection, user_id, text)
    if known is not None:
        return known
    last = _LAST.scalar(tx.connection, user=user_id) or 0
    if last >= most:
        return None
    tx.run(_INSERT, user_id=user_id, filter_id=last + 1, text=text)
    return int(last) + 1


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has no filters."""
    tx.run(_DELETE_OF_USER, user=user_id)
