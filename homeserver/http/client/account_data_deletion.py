"""
Deleting account data: MSC3391.

Spec: proposals/3391
"""

from typing import Final

from attrs import frozen

from homeserver.core.account_data import parse_type
from homeserver.core.identifiers import RoomID, UserID
from homeserver.http.operation import operation
from homeserver.http.owner import require_owner
from homeserver.http.replies import Empty
from homeserver.http.rows import Authentication, Row
from homeserver.services.account_data import AccountData
from homeserver.services.callers import Caller

_API: Final = "msc3391"
_V3: Final = "/_matrix/client/v3"
_UNSTABLE: Final = "/_matrix/client/unstable/org.matrix.msc3391"
_OWN: Final = "/user/{userId}/account_data/{type}"
_OF_ROOM: Final = "/user/{userId}/rooms/{roomId}/account_data/{type}"
_BY: Final = Authentication.ACCESS_TOKEN


@frozen
class AccountDataDeletionEndpoints:
    """*account_data* takes an empty content for none."""

    account_data: AccountData

    @operation(Row(_API, "deleteAccountData", "DELETE", _V3 + _OWN, _BY, rate_limited=True, twins=(_UNSTABLE + _OWN,)))
    async def delete(self, caller: Caller, user_id: UserID, type: str) -> Empty:
        """The account has no data of that type.  Raises Forbidden, ServerManaged."""
        require_owner(caller, user_id)
        await self.account_data.set(user_id, None, parse_type(type), {})
        return Empty()

    @operation(
        Row(_API, "deleteAccountDataPerRoom", "DELETE", _V3 + _OF_ROOM, _BY, rate_limited=True,
            twins=(_UNSTABLE + _OF_ROOM,))
    )  # fmt: skip
    async def delete_of_room(self, caller: Caller, user_id: UserID, room_id: RoomID, type: str) -> Empty:
        """The account has no data of that type for the room.  Raises Forbidden, ServerManaged."""
        require_owner(caller, user_id)
        await self.account_data.set(user_id, room_id, parse_type(type), {})
        return Empty()
