"""
Tokens for this server's LiveKit, for users of other servers: MSC4195.

Spec: proposals/4195
"""

from attrs import frozen

from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.http.client.livekit import API, GET_TOKEN, UNSTABLE, MemberBody
from homeserver.http.operation import server_operation
from homeserver.http.rows import Authentication, Body, Row
from homeserver.services.livekit.ports import Pass, Seat
from homeserver.services.livekit.service import LiveKit

PATH = f"/_matrix/federation/v1{GET_TOKEN}"


@frozen
class GuestBody:
    """Which slot a user of another server wants to listen in."""

    room_id: RoomID
    slot_id: str
    member: MemberBody
    user_id: UserID | None = None
    """NOTSPEC: the text does not say for whom a server asks, and names participants by it."""
    url: str | None = None


@frozen
class ServerLiveKitEndpoints:
    """What lets users of other servers into calls."""

    livekit: LiveKit

    @server_operation(
        Row(
            API,
            "getLiveKitTokenForServer",
            "POST",
            PATH,
            Authentication.SERVER_SIGNATURE,
            body=Body.JSON,
            twins=(f"/_matrix/federation/{UNSTABLE}{GET_TOKEN}",),
        )
    )
    async def token(self, origin: ServerName, body: GuestBody) -> Pass:
        """A token to listen in a slot of a room.  Raises NotAuthorized, NotFound, InvalidParameter."""
        seat = Seat(body.room_id, body.slot_id, body.member.id, body.member.claimed_device_id or "", body.url)
        return await self.livekit.admit_guest(origin, body.user_id, seat)
