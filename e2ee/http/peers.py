"""
Other servers are asked for keys of their users.

Spec: server-server-api#end-to-end-encryption
"""

from attrs import frozen

from e2ee.core.one_time_keys import Wanted
from federation.core.paths import FEDERATION_V1, path_of
from federation.services.ports import Peers
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID


@frozen(eq=False)
class PeersKeys:
    """The ``RemoteKeys`` that other servers answer."""

    peers: Peers

    async def query(self, server: ServerName, wanted: dict[UserID, list[DeviceID]]) -> JSONObject:
        """Device and cross-signing keys.  Raises PeerUnreachable, PeerFault."""
        path = path_of(FEDERATION_V1, "user", "keys", "query")
        return await self.peers.send(server, "POST", path, {"device_keys": wanted})

    async def claim(self, server: ServerName, wanted: Wanted) -> JSONObject:
        """One-time keys.  Raises PeerUnreachable, PeerFault."""
        path = path_of(FEDERATION_V1, "user", "keys", "claim")
        return await self.peers.send(server, "POST", path, {"one_time_keys": wanted})

    async def user_devices(self, server: ServerName, user_id: UserID) -> JSONObject:
        """All devices of a user.  Raises PeerUnreachable, PeerFault."""
        return await self.peers.fetch(server, path_of(FEDERATION_V1, "user", "devices", user_id))
