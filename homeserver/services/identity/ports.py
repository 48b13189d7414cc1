"""What this sub-package needs of others."""

from typing import Protocol

from attrs import field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.third_party_invites import Exchange


@frozen
class IdentityServer:
    """An identity server, host and port, that a user named, and the token by which it knows the user."""

    name: str
    access_token: str = field(repr=False)


class IdentityServers(Protocol):
    """
    Requests to identity servers.

    All of it raises PeerUnreachable, and PeerFault for what is refused or makes no sense.
    Spec: identity-service-api
    """

    async def lookup(self, server: IdentityServer, medium: str, address: str) -> UserID | None:
        """Whose the address is, by what the server knows."""

    async def store_invite(self, server: IdentityServer, invite: JSONObject) -> JSONObject:
        """What the server gives for an invite that it keeps, and tells the owner of the address about."""

    async def bind(self, server: IdentityServer, sid: str, client_secret: str, user_id: UserID) -> tuple[str, str]:
        """The medium and the address that the server knows as the user's from now on."""

    async def unbind(self, name: str, user_id: UserID, medium: str, address: str) -> None:
        """The server does not know the address as the user's any more; this server's signature asks for it."""

    async def is_key_valid(self, url: str, public_key: str) -> bool:
        """Whether the key was not revoked, as the page at *url* says."""


class Exchanges(Protocol):
    """Servers whose users have invited by address."""

    async def exchange(self, wish: Exchange) -> None:
        """
        The server of the inviting user invites the user of the proof.

        Raises Unreachable, Forbidden and NotFound as that server answers.
        """
