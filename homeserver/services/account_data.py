"""
What users' clients keep with the server, for the account or for one room.

Spec: client-server-api#client-config
"""

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen, validators

from homeserver.core.account_data import PUSH_RULES, SERVER_MANAGED
from homeserver.core.canonical import JSONObject, encode_json
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA
from homeserver.services.ignored_users import IGNORED_USER_LIST
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.refusals import NotFound, ServerManaged, TooLarge
from homeserver.store import account_data, unread
from homeserver.store.database import Database
from homeserver.store.write import Write

GLOBAL: Final = ""
"""Stands for no room."""


@frozen
class AccountDataSettings:
    """How much users may keep."""

    content_bytes_max: int = field(default=256 * 1024, validator=validators.ge(1024))
    """The largest content of one type of account data, in bytes."""


@define(eq=False)
class AccountData:
    """Keeps account data."""

    database: Database
    push_rules: PushRuleBook
    settings: AccountDataSettings = AccountDataSettings()
    is_none: Callable[[JSONObject], bool] = lambda _: False
    """Whether a content means that there is none."""

    async def set(self, user_id: UserID, room_id: RoomID | None, type_: str, content: JSONObject) -> None:
        """Data of that type is kept.  Raises ServerManaged, TooLarge."""
        if type_ in SERVER_MANAGED:
            raise ServerManaged(f"{type_} cannot be set here: the server manages it.")
        if self.is_none(content):
            await self.database.write(delete_account_data, user_id, room_id or GLOBAL, type_)
            return
        text = self.encoded(content)
        await self.database.write(write_account_data, user_id, room_id or GLOBAL, type_, text)

    async def content(self, user_id: UserID, room_id: RoomID | None, type_: str) -> bytes:
        """The JSON of what is kept.  Raises NotFound."""
        if type_ == PUSH_RULES and room_id is None:
            return encode_json({"global": await self.push_rules.ruleset(user_id)})
        text = await self.database.read(account_data.content, user_id, room_id or GLOBAL, type_)
        if text is None:
            raise NotFound("There is no account data of this type.")
        return text.encode()

    def encoded(self, content: JSONObject) -> str:
        """The JSON as it is stored.  Raises TooLarge."""
        encoded = encode_json(content)
        if len(encoded) > self.settings.content_bytes_max:
            raise TooLarge(f"Account data of one type has at most {self.settings.content_bytes_max} bytes.")
        return encoded.decode()


def write_account_data(tx: Write, user_id: UserID, room_id: str, type_: str, content: str) -> None:
    """
    The content is kept, and all of the user's clients hear of it.

    *room_id* is empty for the account.  For whoever writes the types that the server manages, too.
    """
    position = tx.log(ACCOUNT_DATA, user_id)
    account_data.replace(tx, user_id, room_id, type_, content, position)
    _count_anew(tx, user_id, room_id, type_)


def delete_account_data(tx: Write, user_id: UserID, room_id: str, type_: str) -> None:
    """There is no such content; if there was, all of the user's clients hear of it."""
    if account_data.content(tx.connection, user_id, room_id, type_) is not None:
        account_data.replace(tx, user_id, room_id, type_, None, tx.log(ACCOUNT_DATA, user_id))
        _count_anew(tx, user_id, room_id, type_)


def _count_anew(tx: Write, user_id: UserID, room_id: str, type_: str) -> None:
    """Whoever ignores others than before has other messages to read."""
    if room_id == GLOBAL and type_ == IGNORED_USER_LIST:
        unread.delete_of_user(tx, user_id)
