"""Cross-signing keys of users here, and of users elsewhere as far as they are followed."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, select

from e2ee.core.cross_signing import CrossSigningKey, stored_key
from e2ee.store.schema import cross_signing_keys as c
from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.write import Write

_REPLACE = upsert(c)
_OF_USERS = PreparedIn(lambda users: select(c.c.user_id, c.c.usage, c.c.key).where(c.c.user_id.in_(users)))
_DELETE = Prepared(delete(c).where(c.c.user_id == bindparam("who")))


def replace(tx: Write, key: CrossSigningKey) -> None:
    """This is its user's key for its use."""
    tx.run(_REPLACE, user_id=key.user_id, usage=key.usage, key=encode_json(key.value).decode())


def of_users(tx: Connection, user_ids: Collection[UserID]) -> dict[UserID, dict[str, CrossSigningKey]]:
    """{user: {usage: key}} of those users that have any."""
    found: dict[UserID, dict[str, CrossSigningKey]] = {}
    for user_id, usage, key in _OF_USERS.all(tx, user_ids):
        found.setdefault(user_id, {})[usage] = stored_key(user_id, usage, load_json(key))
    return found


def of_user(tx: Connection, user_id: UserID) -> dict[str, CrossSigningKey]:
    """{usage: key}; empty when the user has none."""
    return of_users(tx, (user_id,)).get(user_id, {})


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has no cross-signing keys."""
    tx.run(_DELETE, who=user_id)
