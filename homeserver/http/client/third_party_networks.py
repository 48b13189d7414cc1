"""
Networks that application services bridge to.

Spec: client-server-api#third-party-networks
"""

from collections.abc import Mapping

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomAlias, UserID
from homeserver.core.malformed import Malformed
from homeserver.http.operation import operation
from homeserver.services.appservices.networks import Networks

# What a request holds that is no field of a network.
_OTHERS = frozenset({"access_token", "user_id", "device_id", "org.matrix.msc3202.device_id"})
FIELD_LENGTH_MAX = 1_000


@frozen
class ThirdPartyNetworkEndpoints:
    """Protocols, and who and what is where."""

    networks: Networks

    @operation("getProtocols")
    async def protocols(self) -> JSONObject:
        """All protocols."""
        return await self.networks.protocols()

    @operation("getProtocolMetadata")
    async def protocol(self, protocol: str) -> JSONObject:
        """One protocol.  Raises NotFound."""
        return await self.networks.protocol(protocol)

    @operation("queryLocationByProtocol")
    async def locations(self, protocol: str, fields: Mapping[str, str]) -> object:
        """The rooms that lead to a place of a network.  Raises NotFound."""
        return await self.networks.locations(protocol, _own(fields))

    @operation("queryUserByProtocol")
    async def users(self, protocol: str, fields: Mapping[str, str]) -> object:
        """The users who stand for somebody of a network.  Raises NotFound."""
        return await self.networks.users(protocol, _own(fields))

    @operation("queryLocationByAlias")
    async def locations_of(self, alias: RoomAlias) -> object:
        """The places of networks that an alias leads to.  Raises NotFound."""
        return await self.networks.locations_of(alias)

    @operation("queryUserByID")
    async def users_of(self, userid: UserID) -> object:
        """Whom of a network a user stands for.  Raises NotFound."""
        return await self.networks.users_of(userid)


def _own(fields: Mapping[str, str]) -> dict[str, str]:
    """Those that are a network's."""
    own = {name: value for name, value in fields.items() if name not in _OTHERS}
    if any(len(name) + len(value) > FIELD_LENGTH_MAX for name, value in own.items()):
        raise Malformed("A field is too long.", code="M_INVALID_PARAM")
    return own
