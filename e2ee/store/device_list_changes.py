"""The newest change of each user's devices or cross-signing keys, for who was away longer than memory reaches."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select, update

from e2ee.store.schema import device_list_changes as c
from homeserver.core.identifiers import UserID
from homeserver.core.log import DEVICE_LIST, Position
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.write import Write

_RECORD = upsert(c)
_ADVANCE = Prepared(
    update(c).where(c.c.user_id == bindparam("who"), c.c.position < bindparam("at")).values(position=bindparam("at"))
)
_SINCE = Prepared(select(c.c.user_id).where(c.c.position > bindparam("after")))
_POSITIONS = PreparedIn(lambda users: select(c.c.user_id, c.c.position).where(c.c.user_id.in_(users)))


def record(tx: Write, user_id: UserID) -> Position:
    """The user's devices or cross-signing keys have changed, and everybody hears of it."""
    position = tx.log(DEVICE_LIST, user_id)
    tx.run(_RECORD, user_id=user_id, position=position)
    return position


def note(tx: Write, user_id: UserID, position: Position) -> None:
    """The change that the log has at *position* is noted here as well, unless a later one is."""
    if not positions(tx.connection, (user_id,)):
        tx.run(_RECORD, user_id=user_id, position=position)
    else:
        tx.run(_ADVANCE, who=user_id, at=position)


def since(tx: Connection, after: Position) -> list[UserID]:
    """The users that changed after that position, whenever they did it again later."""
    return [UserID(row[0]) for row in _SINCE.all(tx, after=after)]


def positions(tx: Connection, user_ids: Collection[UserID]) -> dict[UserID, Position]:
    """Where the newest change of each of the users is in the log; those that never changed are left out."""
    return {UserID(user_id): Position(position) for user_id, position in _POSITIONS.all(tx, user_ids)}
