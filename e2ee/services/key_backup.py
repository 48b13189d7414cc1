"""
Backups of sessions' keys.

Spec: client-server-api#server-side-key-backups
"""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import define, frozen

from e2ee.core.key_backup import BackupKey, BackupVersion, is_better, parse_version
from e2ee.store import backup_keys, backup_versions
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.services.refusals import InvalidParameter, NotFound, WrongBackupVersion
from homeserver.store.database import Database
from homeserver.store.write import Write

Keys: TypeAlias = Mapping[RoomID, Mapping[str, BackupKey]]
"""``{room: {session: key}}``"""


@frozen
class Place:
    """What of a backup is meant: all of it, one room, or one session there."""

    version: str
    room_id: RoomID | None = None
    session_id: str | None = None


@frozen
class Contents:
    """How many keys a backup has, and a tag that changes with them."""

    count: int
    etag: int


@define(eq=False)
class KeyBackups:
    """Keeps backups."""

    database: Database

    async def create(self, user_id: UserID, algorithm: str, auth_data: JSONObject) -> str:
        """The name of a new backup, into which keys go from now on."""
        return str(await self.database.write(backup_versions.insert_next, user_id, algorithm, auth_data))

    async def current(self, user_id: UserID) -> BackupVersion:
        """The newest backup.  Raises NotFound."""
        version = await self.database.read(backup_versions.current, user_id)
        if version is None:
            raise NotFound("There is no backup.")
        return version

    async def version(self, user_id: UserID, name: str) -> BackupVersion:
        """One backup.  Raises NotFound."""
        number = parse_version(name)
        found = None if number is None else await self.database.read(backup_versions.by_id, user_id, number)
        return _required(found)

    async def set_auth_data(self, user_id: UserID, name: str, algorithm: str, auth_data: JSONObject) -> None:
        """The backup's ``auth_data`` is replaced.  Raises NotFound, InvalidParameter for another algorithm."""
        await self.database.write(_set_auth_data, user_id, name, algorithm, auth_data)

    async def delete(self, user_id: UserID, name: str) -> None:
        """The backup is gone with all its keys, if it was there still.  Raises NotFound when there never was one."""
        await self.database.write_long(_delete, user_id, name)

    async def put_keys(self, user_id: UserID, name: str, keys: Keys) -> Contents:
        """
        The backup has the better of these keys and those it had.

        Raises NotFound, and WrongBackupVersion unless it is the newest.
        """
        few = sum(map(len, keys.values())) < 100
        write = self.database.write if few else self.database.write_long
        return await write(_put_keys, user_id, name, keys)

    async def keys(self, user_id: UserID, place: Place) -> backup_keys.BackupKeys:
        """The keys that are there.  Raises NotFound when there is no such backup."""
        version = await self.version(user_id, place.version)
        return await self.database.scan(backup_keys.held, user_id, version.version, place.room_id, place.session_id)

    async def delete_keys(self, user_id: UserID, place: Place) -> Contents:
        """No keys are there any more.  Raises NotFound when there is no such backup."""
        return await self.database.write_long(_delete_keys, user_id, place)


def _required(version: BackupVersion | None) -> BackupVersion:
    if version is None:
        raise NotFound("There is no such backup.")
    return version


def _version(tx: Write, user_id: UserID, name: str) -> BackupVersion:
    number = parse_version(name)
    return _required(None if number is None else backup_versions.by_id(tx.connection, user_id, number))


def _set_auth_data(tx: Write, user_id: UserID, name: str, algorithm: str, auth_data: JSONObject) -> None:
    version = _version(tx, user_id, name)
    if version.algorithm != algorithm:
        raise InvalidParameter(f"The algorithm of this backup is {version.algorithm}.")
    backup_versions.set_auth_data(tx, user_id, version.version, auth_data)


def _delete(tx: Write, user_id: UserID, name: str) -> None:
    version = parse_version(name)
    if version is None or not backup_versions.was_ever(tx.connection, user_id, version):
        raise NotFound("There is no such backup.")
    backup_versions.mark_deleted(tx, user_id, version)
    backup_keys.remove(tx, user_id, version, None, None)


def _put_keys(tx: Write, user_id: UserID, name: str, keys: Keys) -> Contents:
    version = _version(tx, user_id, name)
    current = backup_versions.current(tx.connection, user_id)
    if current is None or current.version != version.version:
        raise WrongBackupVersion(str(current.version) if current else "")
    changed = False
    for room_id, sessions in keys.items():
        held = backup_keys.of_sessions(tx.connection, user_id, version.version, room_id, sessions)
        for session_id, key in sessions.items():
            if session_id not in held or is_better(key, held[session_id]):
                backup_keys.replace(tx, user_id, version.version, room_id, session_id, key)
                changed = True
    return _contents(tx, user_id, version, changed)


def _delete_keys(tx: Write, user_id: UserID, place: Place) -> Contents:
    version = _version(tx, user_id, place.version)
    removed = backup_keys.remove(tx, user_id, version.version, place.room_id, place.session_id)
    return _contents(tx, user_id, version, removed > 0)


def _contents(tx: Write, user_id: UserID, version: BackupVersion, changed: bool) -> Contents:
    if not changed:
        return Contents(version.count, version.etag)
    count = backup_keys.count(tx.connection, user_id, version.version)
    backup_versions.keys_changed(tx, user_id, version.version, count)
    return Contents(count, version.etag + 1)
