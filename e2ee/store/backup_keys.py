"""The keys in users' backups."""

from collections.abc import Iterable
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, delete, func, select

from e2ee.core.key_backup import BackupKey
from e2ee.store.schema import backup_keys as k
from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import RoomID, UserID
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.write import Write

BackupKeys: TypeAlias = dict[RoomID, dict[str, BackupKey]]
"""``{room: {session: key}}``"""

_COLUMNS = (
    k.c.room_id,
    k.c.session_id,
    k.c.first_message_index,
    k.c.forwarded_count,
    k.c.is_verified,
    k.c.session_data,
)
_OF_BACKUP = (k.c.user_id == bindparam("who"), k.c.version == bindparam("which"))
_IN_ROOM = (*_OF_BACKUP, k.c.room_id == bindparam("room"))
_OF_SESSION = (*_IN_ROOM, k.c.session_id == bindparam("session"))
_REPLACE = upsert(k)
_ALL = Prepared(select(*_COLUMNS).where(*_OF_BACKUP))
_ALL_IN_ROOM = Prepared(select(*_COLUMNS).where(*_IN_ROOM))
_ONE = Prepared(select(*_COLUMNS).where(*_OF_SESSION))
_SOME = PreparedIn(lambda sessions: select(*_COLUMNS).where(*_IN_ROOM, k.c.session_id.in_(sessions)))
_COUNT = Prepared(select(func.count()).select_from(k).where(*_OF_BACKUP))
_DELETE = Prepared(delete(k).where(*_OF_BACKUP))
_DELETE_IN_ROOM = Prepared(delete(k).where(*_IN_ROOM))
_DELETE_ONE = Prepared(delete(k).where(*_OF_SESSION))
_DELETE_OF_USER = Prepared(delete(k).where(k.c.user_id == bindparam("who")))


def replace(tx: Write, user_id: UserID, version: int, room_id: RoomID, session_id: str, key: BackupKey) -> None:
    """This is the session's key."""
    tx.run(
        _REPLACE,
        user_id=user_id,
        version=version,
        room_id=room_id,
        session_id=session_id,
        first_message_index=key.first_message_index,
        forwarded_count=key.forwarded_count,
        is_verified=key.is_verified,
        session_data=encode_json(key.session_data).decode(),
    )


def held(tx: Connection, user_id: UserID, version: int, room_id: RoomID | None, session_id: str | None) -> BackupKeys:
    """The keys of a whole backup, of one room of it, or of one session there."""
    if room_id is None:
        rows = _ALL.all(tx, who=user_id, which=version)
    elif session_id is None:
        rows = _ALL_IN_ROOM.all(tx, who=user_id, which=version, room=room_id)
    else:
        rows = _ONE.all(tx, who=user_id, which=version, room=room_id, session=session_id)
    found: BackupKeys = {}
    for room, session, index, forwarded, verified, text in rows:
        found.setdefault(RoomID(room), {})[session] = BackupKey(index, forwarded, verified, load_json(text))
    return found


def of_sessions(
    tx: Connection, user_id: UserID, version: int, room_id: RoomID, session_ids: Iterable[str]
) -> dict[str, BackupKey]:
    """{session: key} of those sessions of a room that have one."""
    rows = _SOME.all(tx, session_ids, who=user_id, which=version, room=room_id)
    return {row[1]: BackupKey(row[2], row[3], row[4], load_json(row[5])) for row in rows}


def count(tx: Connection, user_id: UserID, version: int) -> int:
    """How many keys a backup has."""
    return int(_COUNT.scalar(tx, who=user_id, which=version))


def remove(tx: Write, user_id: UserID, version: int, room_id: RoomID | None, session_id: str | None) -> int:
    """The keys of a whole backup, of one room of it, or of one session are gone; says how many."""
    if room_id is None:
        return tx.run(_DELETE, who=user_id, which=version)
    if session_id is None:
        return tx.run(_DELETE_IN_ROOM, who=user_id, which=version, room=room_id)
    return tx.run(_DELETE_ONE, who=user_id, which=version, room=room_id, session=session_id)


def delete_of_user(tx: Write, user_id: UserID) -> None:
    """The user has no keys in any backup."""
    tx.run(_DELETE_OF_USER, who=user_id)
