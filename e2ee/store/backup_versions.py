"""The backups of users.  A version that was deleted is kept without its keys, so that no other is ever called so."""

from sqlalchemy import Connection, bindparam, delete, func, select, update

from e2ee.core.key_backup import BackupVersion
from e2ee.store.schema import backup_versions as v
from homeserver.core.canonical import JSONObject, encode_json, load_json
from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Insertion, Prepared, Row
from homeserver.store.write import Write

_COLUMNS = (v.c.version, v.c.algorithm, v.c.auth_data, v.c.etag, v.c.key_count)
_INSERT = Insertion(v)
_NEWEST = Prepared(select(func.max(v.c.version)).where(v.c.user_id == bindparam("who")))
_CURRENT = Prepared(
    select(*_COLUMNS)
    .where(v.c.user_id == bindparam("who"), v.c.deleted.is_(False))
    .order_by(v.c.version.desc())
    .limit(1)
)
_BY_ID = Prepared(
    select(*_COLUMNS).where(v.c.user_id == bindparam("who"), v.c.version == bindparam("which"), v.c.deleted.is_(False))
)
_OF_ROW = (v.c.user_id == bindparam("who"), v.c.version == bindparam("which"))
_EVER = Prepared(select(v.c.version).where(*_OF_ROW))
_SET_AUTH_DATA = Prepared(update(v).where(*_OF_ROW).values(auth_data=bindparam("text")))
_SET_KEYS = Prepared(update(v).where(*_OF_ROW).values(etag=v.c.etag + 1, key_count=bindparam("keys")))
_DELETE = Prepared(update(v).where(*_OF_ROW).values(deleted=True, auth_data="{}", key_count=0))
_DELETE_OF_USER = Prepared(delete(v).where(v.c.user_id == bindparam("who")))


def insert_next(tx: Write, user_id: UserID, algorithm: str, auth_data: JSONObject) -> int:
    """The number of a new backup, after all that the user ever had."""
    version = (_NEWEST.scalar(tx.connection, who=user_id) or 0) + 1
    tx.insert(_INSERT, (user_id, version, algorithm, encode_json(auth_data).decode(), 0, 0, False))
    return version


def current(tx: Connection, user_id: UserID) -> BackupVersion | None:
    """The user's newest backup; None when there is none."""
    return _version(_CURRENT.first(tx, who=user_id))


def by_id(tx: Connection, user_id: UserID, version: int) -> BackupVersion | None:
    """One of the user's backups; None when there is none of that number."""
    return _version(_BY_ID.first(tx, who=user_id, which=version))


def was_ever(tx: Connection, user_id: UserID, version: int) -> bool:
    """Whether the user has, or had and deleted, a backup of this number."""
    return _EVER.scalar(tx, who=user_id, which=version) is not None


def set_auth_data(tx: Write, user_id: UserID, version: int, auth_data: JSONObject) -> None:
    """The backup has this ``auth_data``."""
    tx.run(_SET_AUTH_DATA, who=user_id, which=version, text=encode_json(auth_data).decode())


def keys_changed(tx: Write, user_id: UserID, version: int, count: int) -> None:
    """The backup's keys have changed, and there are so many now."""
    tx.run(_SET_KEYS, who=user_id, which=version, keys=count)


def mark_deleted(tx: Write, user_id: UserID, version: int) -> None:
    """There is no such backup any more."""
    tx.run(_DELETE, who=user_id, which=version)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user never had a backup."""
    tx.run(_DELETE_OF_USER, who=user_id)


def _version(row: Row | None) -> BackupVersion | None:
    return None if row is None else BackupVersion(row[0], row[1], load_json(row[2]), row[3], row[4])
