"""Profiles of local users, field by field."""

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.canonical import JSON, encode_json, parse_json
from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.schema.users import profiles
from homeserver.store.write import Write

_OF_USER = Prepared(select(profiles.c.field, profiles.c.value).where(profiles.c.user_id == bindparam("user")))
_OF_USERS = PreparedIn(
    lambda users: select(profiles.c.user_id, profiles.c.field, profiles.c.value).where(profiles.c.user_id.in_(users))
)
_REPLACE = upsert(profiles)
_OWN = profiles.c.user_id == bindparam("user")
_DELETE = Prepared(delete(profiles).where(_OWN, profiles.c.field == bindparam("this")))
_DELETE_OF_USER = Prepared(delete(profiles).where(_OWN))


def of_user(tx: Connection, user_id: UserID) -> dict[str, JSON]:
    """{field: value}; empty when the user has set none."""
    return {field: parse_json(value.encode()) for field, value in _OF_USER.all(tx, user=user_id)}


def of_users(tx: Connection, user_ids: list[UserID]) -> dict[UserID, dict[str, JSON]]:
    """{user: {field: value}} of those who have set any."""
    found: dict[UserID, dict[str, JSON]] = {}
    for user_id, field, value in _OF_USERS.all(tx, user_ids):
        found.setdefault(UserID(user_id), {})[field] = parse_json(value.encode())
    return found


def set_field(tx: Write, user_id: UserID, field: str, value: JSON) -> None:
    """The field has this value."""
    tx.run(_REPLACE, user_id=user_id, field=field, value=encode_json(value).decode())


def delete_field(tx: Write, user_id: UserID, field: str) -> bool:
    """Whether the field was set; it is gone."""
    return tx.run(_DELETE, user=user_id, this=field) == 1


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has no profile any more."""
    tx.run(_DELETE_OF_USER, user=user_id)
