"""Asking servers for keys.  Spec: server-server-api#retrieving-server-keys"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from federation.core.paths import KEY_V2
from federation.http.federation_client import FederationClient, FederationRequest
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.services.ports import PeerFault

TIMEOUT_SECONDS: Final = 15.0
BODY_BYTES_MAX: Final = 1 << 20


@frozen(eq=False)
class KeyRequests:
    """Requests for keys; they are not signed: who is asked could not check it before asking back."""

    client: FederationClient

    async def fetch_server_keys(self, server: ServerName) -> JSONObject:
        """The key document that *server* publishes.  Raises PeerUnreachable, PeerFault."""
        return await self._ask(server, "GET", KEY_V2 + "/server", None)

    async def query_keys(
        self, notary: ServerName, wanted: Mapping[ServerName, Mapping[str, int]]
    ) -> Sequence[JSONObject]:
        """What *notary* has of the servers in *wanted*.  Raises PeerUnreachable, PeerFault."""
        criteria = {
            server: {key_id: {"minimum_valid_until_ts": until_ms} for key_id, until_ms in keys.items()}
            for server, keys in wanted.items()
        }
        answer = await self._ask(notary, "POST", KEY_V2 + "/query", {"server_keys": criteria})
        documents = answer.get("server_keys")
        if not isinstance(documents, list):
            raise PeerFault(notary, 200, "M_BAD_JSON", answer)
        return [document for document in documents if isinstance(document, dict)]

    async def _ask(self, server: ServerName, method: str, path: str, body: object) -> JSONObject:
        # Also a server that did not answer lately: it may be speaking to us now.  The ring holds off by itself.
        request = FederationRequest(
            server,
            method,
            path,
            body=body,
            signed=False,
            insist=True,
            timeout_seconds=TIMEOUT_SECONDS,
            body_bytes_max=BODY_BYTES_MAX,
        )
        return await self.client.ask(request)
