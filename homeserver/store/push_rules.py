"""What users changed of the server's push rules, whole and as JSON.  Spec: client-server-api#push-rules"""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.schema.accounts import push_rules
from homeserver.store.write import Write

_OF_USERS = PreparedIn(
    lambda users: select(push_rules.c.user_id, push_rules.c.changes).where(push_rules.c.user_id.in_(users))
)
_REPLACE = upsert(push_rules)
_DELETE_OF_USER = Prepared(delete(push_rules).where(push_rules.c.user_id == bindparam("user")))


def of_users(tx: Connection, user_ids: Collection[UserID]) -> dict[UserID, str]:
    """{user: changes} of those who changed any."""
    return {UserID(user_id): changes for user_id, changes in _OF_USERS.all(tx, user_ids)}


def replace(tx: Write, user_id: UserID, changes: str, position: Position) -> None:
    """The user has changed this since *position*."""
    tx.run(_REPLACE, user_id=user_id, changes=changes, position=position)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has changed nothing."""
    tx.run(_DELETE_OF_USER, user=user_id)
