"""What a call asks of other servers."""

from typing import Protocol

from attrs import frozen

from homeserver.core.identifiers import RoomID, ServerName, UserID


@frozen
class Seat:
    """A place in a session: of whom, by which of their devices, in which slot of a room; *url*: of which cluster."""

    room_id: RoomID
    slot_id: str
    member_id: str
    claimed_device_id: str
    url: str | None = None
    """None: whichever the server has."""


@frozen
class Pass:
    """What lets a client into a LiveKit cluster."""

    jwt: str
    url: str


class RemoteClusters(Protocol):
    """The clusters of other servers."""

    async def admit(self, server: ServerName, user_id: UserID, seat: Seat) -> Pass:
        """What lets the user in there.  Raises NotAuthorized, NotFound, Unreachable."""
