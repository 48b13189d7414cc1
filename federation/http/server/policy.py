"""
This server as a policy server; one that is none does not have this endpoint.

Spec: server-server-api#post_matrixpolicyv1sign
"""

from attrs import frozen

from federation.services.policy_servers import PolicySigning
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.http.operation import server_operation


@frozen
class PolicyServerEndpoints:
    """Signatures that recommend events."""

    signing: PolicySigning

    @server_operation("askPolicyServerToSign")
    async def sign(self, origin: ServerName, body: JSONObject) -> JSONObject:
        """This server's signature of an event.  Raises Malformed, NotFound, Forbidden, NotRecommended."""
        return await self.signing.answer(origin, body)
