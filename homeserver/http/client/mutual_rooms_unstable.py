"""
Rooms shared with somebody, where today's clients look for them: MSC2666 as it was before it landed.

Spec: client-server-api#mutual-rooms
"""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.rows import Authentication, Query, Row
from homeserver.services.callers import Caller
from homeserver.services.mutual_rooms import MutualRooms

_PATH: Final = "/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms"


@frozen
class UnstableMutualRoomEndpoints:
    """Which rooms two users are both in."""

    mutual_rooms: MutualRooms

    @operation(
        Row(
            "msc2666",
            "getMutualRoomsUnstable",
            "GET",
            _PATH,
            Authentication.ACCESS_TOKEN,
            rate_limited=True,
            query=(Query("user_id", required=True), Query("batch_token")),
        )
    )
    async def mutual(self, caller: Caller, user_id: UserID, batch_token: str | None = None) -> JSONObject:
        """The rooms shared with a user.  Raises Malformed, InvalidParameter."""
        page = await self.mutual_rooms.page(caller, user_id, batch_token)
        answer: JSONObject = {"joined": page["joined"]}
        if "next_batch" in page:
            answer["next_batch_token"] = page["next_batch"]
        return answer
