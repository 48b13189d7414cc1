"""Account data: what users' clients keep here, for all or for one room.  Spec: client-server-api#client-config"""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.schema.accounts import account_data
from homeserver.store.write import Write


@frozen
class AccountDatum:
    """One type of account data; *room_id* is empty for the account's own."""

    room_id: str
    type: str
    content: str | None
    """JSON; None: it was deleted."""
    position: Position


_c = account_data.c
_OWN = _c.user_id == bindparam("user")
_CONTENT = Prepared(select(_c.content).where(_OWN, _c.room_id == bindparam("room"), _c.type == bindparam("kind")))
_COLUMNS = (_c.room_id, _c.type, _c.content, _c.position)
_ALL = Prepared(select(*_COLUMNS).where(_OWN, _c.content.is_not(None)).order_by(_c.position))
_BETWEEN = Prepared(
    select(*_COLUMNS)
    .where(_OWN, _c.position > bindparam("after"), _c.position <= bindparam("upto"))
    .order_by(_c.position)
)
_OF_TYPE = Prepared(
    select(*_COLUMNS).where(_OWN, _c.type == bindparam("kind"), _c.content.is_not(None)).order_by(_c.position)
)
_OF_ROOMS = PreparedIn(lambda rooms: select(*_COLUMNS).where(_OWN, _c.room_id.in_(rooms), _c.content.is_not(None)))
_REPLACE = upsert(account_data)
_DELETE_OF_USER = Prepared(delete(account_data).where(_OWN))


def content(tx: Connection, user_id: UserID, room_id: str, type_: str) -> str | None:
    """The JSON of one type; None when there is none."""
    row = _CONTENT.first(tx, user=user_id, room=room_id, kind=type_)
    return None if row is None else row[0]


def all_of(tx: Connection, user_id: UserID) -> list[AccountDatum]:
    """All that is kept for the user, the account's own and that of all rooms; oldest change first."""
    return [AccountDatum(*row) for row in _ALL.all(tx, user=user_id)]


def between(tx: Connection, user_id: UserID, after: Position, upto: Position) -> list[AccountDatum]:
    """What changed at positions in ``(after, upto]`` and not since, oldest first; deletions among it."""
    return [AccountDatum(*row) for row in _BETWEEN.all(tx, user=user_id, after=after, upto=upto)]


def of_type(tx: Connection, user_id: UserID, type_: str) -> list[AccountDatum]:
    """One type, for the account and for all rooms that have it."""
    return [AccountDatum(*row) for row in _OF_TYPE.all(tx, user=user_id, kind=type_)]


def of_rooms(tx: Connection, user_id: UserID, room_ids: Iterable[str]) -> list[AccountDatum]:
    """All that is kept for the user in these rooms."""
    return [AccountDatum(*row) for row in _OF_ROOMS.all(tx, room_ids, user=user_id)]


def replace(tx: Write, user_id: UserID, room_id: str, type_: str, text: str | None, position: Position) -> None:
    """The type has this content since *position*; None: it is deleted, and clients hear of that."""
    tx.run(_REPLACE, user_id=user_id, room_id=room_id, type=type_, content=text, position=position)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """Nothing is kept for the user."""
    tx.run(_DELETE_OF_USER, user=user_id)
