"""
Labels of rooms, kept as the account data ``m.tag`` of the room.

Spec: client-server-api#room-tagging
"""

from collections.abc import Mapping

from attrs import define

from homeserver.core.account_data import TAG, tags_of
from homeserver.core.canonical import JSONObject, parse_json_object
from homeserver.core.identifiers import RoomID, UserID
from homeserver.services.account_data import AccountData, write_account_data
from homeserver.store import account_data
from homeserver.store.database import Database
from homeserver.store.write import Write


@define(eq=False)
class Tags:
    """Reads and writes tags."""

    database: Database
    account_data: AccountData

    async def of_room(self, user_id: UserID, room_id: RoomID) -> Mapping[str, JSONObject]:
        """``{tag: what is known of it}``."""
        return _tags(await self.database.read(account_data.content, user_id, room_id, TAG))

    async def set(self, user_id: UserID, room_id: RoomID, name: str, tag: JSONObject) -> None:
        """The room has the tag.  Raises TooLarge."""
        await self.database.write(self._set, user_id, room_id, name, tag)

    async def delete(self, user_id: UserID, room_id: RoomID, name: str) -> None:
        """The room has the tag no more."""
        await self.database.write(self._delete, user_id, room_id, name)

    def _set(self, tx: Write, user_id: UserID, room_id: RoomID, name: str, tag: JSONObject) -> None:
        tags = _tags(account_data.content(tx.connection, user_id, room_id, TAG))
        if tags.get(name) != tag:
            self._write(tx, user_id, room_id, {**tags, name: tag})

    def _delete(self, tx: Write, user_id: UserID, room_id: RoomID, name: str) -> None:
        tags = _tags(account_data.content(tx.connection, user_id, room_id, TAG))
        if name in tags:
            self._write(tx, user_id, room_id, {other: tag for other, tag in tags.items() if other != name})

    def _write(self, tx: Write, user_id: UserID, room_id: RoomID, tags: Mapping[str, JSONObject]) -> None:
        content = self.account_data.encoded({"tags": {**tags}})
        write_account_data(tx, user_id, room_id, TAG, content)


def _tags(content: str | None) -> dict[str, JSONObject]:
    return {} if content is None else tags_of(parse_json_object(content.encode()))
