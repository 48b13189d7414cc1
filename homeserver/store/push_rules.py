"""What users changed of the server's push rules, whole and as JSON.  Spec: client-server-api#push-rules"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.accounts import push_rules
from homeserver.store.write import Write


@frozen
class StoredRules:
    """*changes*: as JSON, in force since *position*."""

    changes: str
    position: Position


_OF_USER = Prepared(
    select(push_rules.c.changes, push_rules.c.position).where(push_rules.c.user_id == bindparam("user"))
)
_REPLACE = upsert(push_rules)
_DELETE_OF_USER = Prepared(delete(push_rules).where(push_rules.c.user_id == bindparam("user")))


def of_user(tx: Connection, user_id: UserID) -> StoredRules | None:
    """What the user has changed; None: nothing."""
    row = _OF_USER.first(tx, user=user_id)
    return None if row is None else StoredRules(*row)


def replace(tx: Write, user_id: UserID, changes: str, position: Position) -> None:
    """The user has changed this since *position*."""
    tx.run(_REPLACE, user_id=user_id, changes=changes, position=position)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has changed nothing."""
    tx.run(_DELETE_OF_USER, user=user_id)
