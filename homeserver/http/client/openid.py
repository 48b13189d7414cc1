"""
Proofs of who one is.

Spec: client-server-api#openid
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.openid import OpenID, OpenIDToken


@frozen
class OpenIDEndpoints:
    """Tokens for other services."""

    openid: OpenID

    @operation("requestOpenIdToken")
    async def request_openid_token(self, caller: Caller, user_id: UserID, body: JSONObject) -> OpenIDToken:
        """A token that tells who the caller is.  Raises Forbidden."""
        return await self.openid.give(caller, user_id)
