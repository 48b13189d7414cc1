"""
Whose a proof of identity is.

Spec: server-server-api#openid
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.http.operation import server_operation
from homeserver.services.openid import OpenID


@frozen
class ServerOpenIDEndpoints:
    """Anybody who holds a token may ask."""

    openid: OpenID

    @server_operation("exchangeOpenIdToken")
    async def exchange_openid_token(self, access_token: str) -> JSONObject:
        """The user of a token.  Raises UnknownToken."""
        return {"sub": await self.openid.owner(access_token)}
