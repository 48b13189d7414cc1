"""
Tokens for LiveKit: MSC4195.

Spec: proposals/4195
"""

from typing import Final

from attrs import frozen

from homeserver.core.identifiers import RoomID, ServerName
from homeserver.http.operation import operation
from homeserver.http.rows import Authentication, Body, Row
from homeserver.services.callers import Caller
from homeserver.services.livekit.ports import Pass, Seat
from homeserver.services.livekit.service import LiveKit

API: Final = "msc4195"
GET_TOKEN: Final = "/rtc/livekit/get_token"
UNSTABLE: Final = "unstable/io.element.msc4195"


@frozen
class MemberBody:
    """What the event of a member of a session says of them."""

    id: str
    claimed_device_id: str | None = None


@frozen
class TokenBody:
    """Which slot a client wants to talk in; *server_name*: by whose cluster, None for our own."""

    room_id: RoomID
    slot_id: str
    member: MemberBody
    server_name: ServerName | None = None
    url: str | None = None
    """Clients that came after the text name the cluster that they mean."""


@frozen
class LiveKitEndpoints:
    """What lets clients into calls."""

    livekit: LiveKit

    @operation(
        Row(
            API,
            "getLiveKitToken",
            "POST",
            f"/_matrix/client/v1{GET_TOKEN}",
            Authentication.ACCESS_TOKEN,
            body=Body.JSON,
            rate_limited=True,
            twins=(f"/_matrix/client/{UNSTABLE}{GET_TOKEN}",),
        )
    )
    async def token(self, caller: Caller, body: TokenBody) -> Pass:
        """A token for a slot of a room.  Raises NotAuthorized, NotFound, InvalidParameter, Unreachable."""
        device_id = body.member.claimed_device_id or caller.device_id or ""
        seat = Seat(body.room_id, body.slot_id, body.member.id, device_id, body.url)
        return await self.livekit.admit(caller, body.server_name, seat)
