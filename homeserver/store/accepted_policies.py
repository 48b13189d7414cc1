"""Which versions of which policies users accepted.  Spec: client-server-api#terms-of-service-at-registration"""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared
from homeserver.store.prepared import insert_new as insert_statement
from homeserver.store.schema.mail import accepted_policies as a
from homeserver.store.write import Write

_INSERT = insert_statement(a)
_OF_USER = Prepared(
    select(a.c.policy, a.c.version, a.c.accepted_ms)
    .where(a.c.user_id == bindparam("who"))
    .order_by(a.c.accepted_ms, a.c.policy)
)
_DELETE_OF_USER = Prepared(delete(a).where(a.c.user_id == bindparam("who")))


def insert(tx: Write, user_id: UserID, versions: Mapping[str, str], now_ms: int) -> None:
    """The user accepted these ``{policy: version}``, unless they had before."""
    for policy, version in versions.items():
        tx.run(_INSERT, user_id=user_id, policy=policy, version=version, accepted_ms=now_ms)


def of_user(tx: Connection, user_id: UserID) -> list[tuple[str, str, int]]:
    """Policy, version and when, of all that the user accepted, oldest first."""
    return [(row[0], row[1], row[2]) for row in _OF_USER.all(tx, who=user_id)]


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """Nothing is known of what the user accepted."""
    tx.run(_DELETE_OF_USER, who=user_id)
