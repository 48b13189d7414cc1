"""
Backups of sessions' keys.

Spec: client-server-api#server-side-key-backups
"""

from collections.abc import Mapping

from attrs import field, frozen

from e2ee.core.key_backup import BackupKey, BackupVersion
from e2ee.services.key_backup import Contents, KeyBackups, Place
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.refusals import InvalidParameter, NotFound


@frozen
class VersionBody:
    algorithm: str
    auth_data: JSONObject
    version: str | None = None


@frozen
class VersionName:
    version: str


@frozen
class VersionReply:
    algorithm: str
    auth_data: JSONObject
    count: int
    etag: str
    version: str


@frozen
class RoomKeys:
    sessions: dict[str, BackupKey] = field()


@frozen
class AllKeys:
    rooms: dict[RoomID, RoomKeys] = field()


@frozen
class ContentsReply:
    count: int
    etag: str


@frozen
class KeyBackupEndpoints:
    """Backups."""

    backups: KeyBackups

    @operation("postRoomKeysVersion")
    async def create_backup(self, caller: Caller, body: VersionBody) -> VersionName:
        """There is a new backup, into which keys go from now on."""
        return VersionName(await self.backups.create(caller.user_id, body.algorithm, body.auth_data))

    @operation("getRoomKeysVersionCurrent")
    async def current_backup(self, caller: Caller) -> VersionReply:
        """The newest backup.  Raises NotFound."""
        return _version_reply(await self.backups.current(caller.user_id))

    @operation("getRoomKeysVersion")
    async def show_backup(self, caller: Caller, version: str) -> VersionReply:
        """One backup.  Raises NotFound."""
        return _version_reply(await self.backups.version(caller.user_id, version))

    @operation("putRoomKeysVersion")
    async def update_backup(self, caller: Caller, version: str, body: VersionBody) -> Empty:
        """The backup's ``auth_data`` is replaced.  Raises NotFound, InvalidParameter."""
        if body.version not in (None, version):
            raise InvalidParameter("The version in the body is not that in the path.")
        await self.backups.set_auth_data(caller.user_id, version, body.algorithm, body.auth_data)
        return Empty()

    @operation("deleteRoomKeysVersion")
    async def delete_backup(self, caller: Caller, version: str) -> Empty:
        """The backup is gone with its keys.  Raises NotFound."""
        await self.backups.delete(caller.user_id, version)
        return Empty()

    @operation("putRoomKeyBySessionId")
    async def put_key(
        self, caller: Caller, room_id: RoomID, session_id: str, version: str, body: BackupKey
    ) -> ContentsReply:
        """The key of one session, unless there is a better one.  Raises NotFound, WrongBackupVersion."""
        keys = {room_id: {session_id: body}}
        return _contents_reply(await self.backups.put_keys(caller.user_id, version, keys))

    @operation("putRoomKeysByRoomId")
    async def put_room(self, caller: Caller, room_id: RoomID, version: str, body: RoomKeys) -> ContentsReply:
        """The keys of sessions of one room.  Raises NotFound, WrongBackupVersion."""
        return _contents_reply(await self.backups.put_keys(caller.user_id, version, {room_id: body.sessions}))

    @operation("putRoomKeys")
    async def put_all(self, caller: Caller, version: str, body: AllKeys) -> ContentsReply:
        """The keys of sessions of many rooms.  Raises NotFound, WrongBackupVersion."""
        keys = {room_id: room.sessions for room_id, room in body.rooms.items()}
        return _contents_reply(await self.backups.put_keys(caller.user_id, version, keys))

    @operation("getRoomKeyBySessionId")
    async def show_key(self, caller: Caller, room_id: RoomID, session_id: str, version: str) -> BackupKey:
        """The key of one session.  Raises NotFound."""
        found = await self.backups.keys(caller.user_id, Place(version, room_id, session_id))
        if room_id not in found:
            raise NotFound("The backup has no key of this session.")
        return found[room_id][session_id]

    @operation("getRoomKeysByRoomId")
    async def show_room(self, caller: Caller, room_id: RoomID, version: str) -> RoomKeys:
        """The keys of one room, none if there are none.  Raises NotFound."""
        found = await self.backups.keys(caller.user_id, Place(version, room_id))
        return RoomKeys(found.get(room_id, {}))

    @operation("getRoomKeys")
    async def show_all(self, caller: Caller, version: str) -> AllKeys:
        """All keys of a backup.  Raises NotFound."""
        return _all_keys(await self.backups.keys(caller.user_id, Place(version)))

    @operation("deleteRoomKeyBySessionId")
    async def delete_key(self, caller: Caller, room_id: RoomID, session_id: str, version: str) -> ContentsReply:
        """The key of one session is gone.  Raises NotFound."""
        return _contents_reply(await self.backups.delete_keys(caller.user_id, Place(version, room_id, session_id)))

    @operation("deleteRoomKeysByRoomId")
    async def delete_room(self, caller: Caller, room_id: RoomID, version: str) -> ContentsReply:
        """The keys of one room are gone.  Raises NotFound."""
        return _contents_reply(await self.backups.delete_keys(caller.user_id, Place(version, room_id)))

    @operation("deleteRoomKeys")
    async def delete_all(self, caller: Caller, version: str) -> ContentsReply:
        """All keys of a backup are gone.  Raises NotFound."""
        return _contents_reply(await self.backups.delete_keys(caller.user_id, Place(version)))


def _version_reply(version: BackupVersion) -> VersionReply:
    return VersionReply(version.algorithm, version.auth_data, version.count, str(version.etag), str(version.version))


def _contents_reply(contents: Contents) -> ContentsReply:
    return ContentsReply(contents.count, str(contents.etag))


def _all_keys(found: Mapping[RoomID, dict[str, BackupKey]]) -> AllKeys:
    return AllKeys({room_id: RoomKeys(sessions) for room_id, sessions in found.items()})
