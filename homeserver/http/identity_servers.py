"""Identity servers over HTTP.  Spec: identity-service-api"""

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import quote

from attrs import define

from homeserver.core.canonical import JSON, JSONObject, encode_canonical
from homeserver.core.identifiers import UserID, parse_server_name, parse_user_id
from homeserver.core.malformed import Malformed
from homeserver.core.third_party_invites import lookup_hash
from homeserver.http.exchange import OutboundRequest, encode_url
from homeserver.http.outbound import OutboundClient, json_of
from homeserver.services.identity.ports import IdentityServer
from homeserver.services.ports import PeerFault

V2: Final = "/_matrix/identity/v2"
SHA256: Final = "sha256"

Signer: TypeAlias = Callable[[str, str, str, bytes], str]
"""The Authorization header for a request: destination, method, path and body."""


@define(eq=False)
class HTTPIdentityServers:
    """Implements ``services.identity.ports.IdentityServers``."""

    client: OutboundClient
    sign: Signer
    scheme: str = "https"

    async def lookup(self, server: IdentityServer, medium: str, address: str) -> UserID | None:
        """Whose the address is, by what the server knows.  Raises PeerUnreachable, PeerFault."""
        try:
            return await self._lookup(server, medium, address)
        except PeerFault as fault:
            if fault.errcode != "M_INVALID_PEPPER":
                raise
        # It was changed between the two requests; that does not happen twice.
        return await self._lookup(server, medium, address)

    async def store_invite(self, server: IdentityServer, invite: JSONObject) -> JSONObject:
        """What the server gives for an invite that it keeps.  Raises PeerUnreachable, PeerFault."""
        return await self._ask(server, "POST", "/store-invite", invite)

    async def bind(self, server: IdentityServer, sid: str, client_secret: str, user_id: UserID) -> tuple[str, str]:
        """The medium and the address that the server knows as the user's.  Raises PeerUnreachable, PeerFault."""
        body: JSONObject = {"sid": sid, "client_secret": client_secret, "mxid": user_id}
        answer = await self._ask(server, "POST", "/3pid/bind", body)
        medium, address = answer.get("medium"), answer.get("address")
        if not isinstance(medium, str) or not isinstance(address, str) or answer.get("mxid") != user_id:
            raise PeerFault(server.name, 200, "M_BAD_JSON")
        return medium, address

    async def unbind(self, name: str, user_id: UserID, medium: str, address: str) -> None:
        """The server does not know the address as the user's any more.  Raises PeerUnreachable, PeerFault."""
        body: JSONObject = {"mxid": user_id, "threepid": {"medium": medium, "address": address}}
        path, content = f"{V2}/3pid/unbind", encode_canonical(body)
        headers = {"content-type": "application/json", "authorization": self.sign(name, "POST", path, content)}
        url = self._url(name, path)
        json_of(url, await self.client.request(OutboundRequest("POST", encode_url(url), headers, content)))

    async def is_key_valid(self, url: str, public_key: str) -> bool:
        """Whether the key was not revoked.  Raises PeerUnreachable, PeerFault."""
        joint = "&" if "?" in url else "?"
        answer = await self.client.send_json("GET", f"{url}{joint}public_key={quote(public_key, safe='')}")
        return isinstance(answer, dict) and answer.get("valid") is True

    async def _lookup(self, server: IdentityServer, medium: str, address: str) -> UserID | None:
        details = await self._ask(server, "GET", "/hash_details")
        pepper, algorithms = details.get("lookup_pepper"), details.get("algorithms")
        # Every server knows this one; unhashed, nothing is sent.
        if not isinstance(pepper, str) or not isinstance(algorithms, list) or SHA256 not in algorithms:
            raise PeerFault(server.name, 200, "M_BAD_JSON")
        hashed = lookup_hash(medium, address, pepper)
        wanted: JSONObject = {"algorithm": SHA256, "pepper": pepper, "addresses": [hashed]}
        mappings = (await self._ask(server, "POST", "/lookup", wanted)).get("mappings")
        found = mappings.get(hashed) if isinstance(mappings, dict) else None
        try:
            return None if found is None else parse_user_id(found)
        except Malformed as malformed:
            raise PeerFault(server.name, 200, "M_BAD_JSON") from malformed

    async def _ask(self, server: IdentityServer, method: str, path: str, body: JSON = None) -> JSONObject:
        headers = {"authorization": f"Bearer {server.access_token}"}
        answer = await self.client.send_json(method, self._url(server.name, V2 + path), body, headers)
        if not isinstance(answer, dict):
            raise PeerFault(server.name, 200, "M_BAD_JSON")
        return answer

    def _url(self, name: str, path: str) -> str:
        return f"{self.scheme}://{parse_server_name(name)}{path}"
