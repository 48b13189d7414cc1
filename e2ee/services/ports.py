"""What the services of this package need of others."""

from typing import Protocol

from e2ee.core.one_time_keys import Wanted
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID


class RemoteKeys(Protocol):
    """
    Keys of users of other servers, as those answer.

    All of it raises PeerUnreachable, PeerFault.  Spec: server-server-api#end-to-end-encryption
    """

    async def query(self, server: ServerName, wanted: dict[UserID, list[DeviceID]]) -> JSONObject:
        """Device and cross-signing keys of users of *server*; no device IDs: of all devices."""

    async def claim(self, server: ServerName, wanted: Wanted) -> JSONObject:
        """One-time keys of devices of users of *server*."""

    async def user_devices(self, server: ServerName, user_id: UserID) -> JSONObject:
        """All devices of a user of *server*, with the number of the update that they are as of."""
