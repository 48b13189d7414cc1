"""Publishing keys: our own, and as a notary those of others.  Spec: server-server-api#publishing-keys"""

from attrs import field, frozen

from federation.services.key_ring import KeyRing
from federation.services.notary import Notary
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.http.operation import server_operation


@frozen
class KeyCriteria:
    """Which key is wanted; *minimum_valid_until_ts*: None means now."""

    minimum_valid_until_ts: int | None = None


@frozen
class KeyQuery:
    """The keys that are wanted, by server and key ID; of a server without key IDs all."""

    server_keys: dict[ServerName, dict[str, KeyCriteria]] = field()


@frozen
class KeyEndpoints:
    """Server keys."""

    ring: KeyRing
    notary: Notary

    @server_operation("getServerKey")
    async def server_key(self) -> JSONObject:
        """This server's keys, signed by itself."""
        return self.ring.publish()

    @server_operation("perspectivesKeyQuery")
    async def perspectives_key_query(
        self, server_name: ServerName, minimum_valid_until_ts: int | None = None
    ) -> JSONObject:
        """One server's keys, signed by us as well."""
        documents = await self.notary.query({server_name: {"": minimum_valid_until_ts}})
        return {"server_keys": [*documents]}

    @server_operation("bulkPerspectivesKeyQuery")
    async def bulk_perspectives_key_query(self, body: KeyQuery) -> JSONObject:
        """Several servers' keys, signed by us as well.  Raises InvalidParameter when there are too many."""
        wanted = {
            server: {key_id: criteria.minimum_valid_until_ts for key_id, criteria in keys.items()}
            for server, keys in body.server_keys.items()
        }
        documents = await self.notary.query(wanted)
        return {"server_keys": [*documents]}
