"""
What application services alone may ask.

Spec: application-service-api#client-server-api-extensions
"""

from typing import Final, Literal

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.appservices.networks import Networks
from homeserver.services.appservices.pinging import Pinging
from homeserver.services.callers import Caller

NAME_LENGTH_MAX: Final = 255


@frozen
class PingBody:
    """What the ping is called."""

    transaction_id: str | None = None


@frozen
class NetworkVisibilityBody:
    """Whether the room is to be in the directory of the network."""

    visibility: Literal["public", "private"]


@frozen
class AppserviceEndpoints:
    """Pings, and the directories of networks."""

    pinging: Pinging
    networks: Networks

    @operation("pingAppservice")
    async def ping_appservice(self, caller: Caller, appservice_id: str, body: PingBody) -> JSONObject:
        """The application service was reached.  Raises Forbidden, URLNotSet, PingFailed."""
        return {"duration_ms": await self.pinging.ping(caller, appservice_id, body.transaction_id)}

    @operation("updateAppserviceRoomDirectoryVisibility")
    async def set_network_visibility(
        self, caller: Caller, network_id: str, room_id: RoomID, body: NetworkVisibilityBody
    ) -> Empty:
        """The directory shows the room under the network, or not.  Raises NotFound."""
        if len(network_id) > NAME_LENGTH_MAX or "\0" in network_id:
            raise Malformed("This is no name of a network.", "networkId", "M_INVALID_PARAM")
        await self.networks.set_published(caller, network_id, room_id, body.visibility == "public")
        return Empty()
