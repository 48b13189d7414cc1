"""What the services of this package need of others."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from attrs import frozen

from federation.core.edus import Receipt
from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.log import Position


@frozen
class Outgoing:
    """An event that this server sends to others, and the position at which it was stored."""

    position: Position
    event: Event


class OutgoingEvents(Protocol):
    """
    The events that this server is the one to distribute, and who takes part in rooms.

    To distribute are live events (with a place in the timeline, neither rejected nor soft-failed) that local users
    sent, and those that this server accepted for another in a join, leave or knock that was made through it.
    """

    async def events_between(self, after: Position, upto: Position) -> Sequence[Outgoing]:
        """Those stored at positions in ``(after, upto]``, oldest first."""

    async def events_in_room(self, room_id: RoomID, first: Position, last: Position, limit: int) -> Sequence[Outgoing]:
        """The first *limit* of those of one room at positions in ``[first, last]``, oldest first."""

    async def events_at(self, positions: Sequence[Position]) -> Sequence[Outgoing]:
        """The events stored at *positions*, in any order; those that are gone are left out."""

    async def servers_in_room(self, room_id: RoomID, before: Position) -> AbstractSet[ServerName]:
        """
        The servers with joined users in the current state just before *before*; later than the head: now.

        Empty for a room that is not, or no longer, known.
        """


class OutgoingReceipts(Protocol):
    """The read receipts that this server sends to others."""

    async def receipts_between(self, after: Position, upto: Position) -> Sequence[Receipt]:
        """The public read receipts of local users at positions in ``(after, upto]``, oldest first."""


class Peers(Protocol):
    """Requests to other servers."""

    async def fetch(
        self,
        destination: ServerName,
        path: str,
        query: Mapping[str, str | int | Sequence[str]] | None = None,
        *,
        timeout_seconds: float | None = None,
        insist: bool = False,
    ) -> JSONObject:
        """What a GET answers.  Raises PeerUnreachable, PeerFault."""

    async def send(
        self,
        destination: ServerName,
        method: str,
        path: str,
        body: object,
        *,
        query: Mapping[str, str | int | Sequence[str]] | None = None,
        timeout_seconds: float | None = None,
        insist: bool = False,
    ) -> JSONObject:
        """
        What a PUT or POST of *body* answers; *insist*: also by a server that did not answer lately.

        Raises PeerUnreachable, PeerFault.
        """


class KeyServers(Protocol):
    """Servers that are asked for keys."""

    async def fetch_server_keys(self, server: ServerName) -> JSONObject:
        """The key document that *server* publishes.  Raises PeerUnreachable, PeerFault."""

    async def query_keys(
        self, notary: ServerName, wanted: Mapping[ServerName, Mapping[str, int]]
    ) -> Sequence[JSONObject]:
        """
        The key documents that *notary* has of the servers in *wanted*, signed by both.

        *wanted*: until when each key of each server should be good, by key ID.  Raises PeerUnreachable, PeerFault.
        """
