"""
Account data and tags.

Spec: client-server-api#client-config
"""

from attrs import frozen

from homeserver.core.account_data import parse_tag, parse_tag_name, parse_type
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.owner import require_owner
from homeserver.http.replies import Empty, Raw
from homeserver.services.account_data import AccountData
from homeserver.services.callers import Caller
from homeserver.services.tags import Tags


@frozen
class AccountDataEndpoints:
    """What the caller's clients keep here."""

    account_data: AccountData

    @operation("setAccountData")
    async def set_account_data(
        self, caller: Caller, user_id: UserID, type: str, body: JSONObject, incoming: Incoming
    ) -> Empty:
        """Data of one type is kept for the account.  Raises Forbidden, ServerManaged, TooLarge."""
        require_owner(caller, user_id)
        incoming.require_body()
        await self.account_data.set(user_id, None, parse_type(type), body)
        return Empty()

    @operation("getAccountData")
    async def account_data_of_type(self, caller: Caller, user_id: UserID, type: str) -> Raw:
        """Data of one type.  Raises Forbidden, NotFound."""
        require_owner(caller, user_id)
        return Raw(await self.account_data.content(user_id, None, parse_type(type)))

    @operation("setAccountDataPerRoom")
    async def set_room_account_data(
        self, caller: Caller, user_id: UserID, room_id: RoomID, type: str, body: JSONObject, incoming: Incoming
    ) -> Empty:
        """Data of one type is kept for a room.  Raises Forbidden, ServerManaged, TooLarge."""
        require_owner(caller, user_id)
        incoming.require_body()
        await self.account_data.set(user_id, room_id, parse_type(type), body)
        return Empty()

    @operation("getAccountDataPerRoom")
    async def room_account_data_of_type(self, caller: Caller, user_id: UserID, room_id: RoomID, type: str) -> Raw:
        """Data of one type for a room.  Raises Forbidden, NotFound."""
        require_owner(caller, user_id)
        return Raw(await self.account_data.content(user_id, room_id, parse_type(type)))


@frozen
class TagEndpoints:
    """Labels of rooms.  Spec: client-server-api#room-tagging"""

    tags: Tags

    @operation("getRoomTags")
    async def room_tags(self, caller: Caller, user_id: UserID, room_id: RoomID) -> JSONObject:
        """All tags of a room.  Raises Forbidden."""
        require_owner(caller, user_id)
        return {"tags": {**await self.tags.of_room(user_id, room_id)}}

    @operation("setRoomTag")
    async def set_room_tag(self, caller: Caller, user_id: UserID, room_id: RoomID, tag: str, body: JSONObject) -> Empty:
        """A room has a tag.  Raises Forbidden, TooLarge."""
        require_owner(caller, user_id)
        await self.tags.set(user_id, room_id, parse_tag_name(tag), parse_tag(body))
        return Empty()

    @operation("deleteRoomTag")
    async def delete_room_tag(self, caller: Caller, user_id: UserID, room_id: RoomID, tag: str) -> Empty:
        """A room has a tag no more.  Raises Forbidden."""
        require_owner(caller, user_id)
        await self.tags.delete(user_id, room_id, parse_tag_name(tag))
        return Empty()
