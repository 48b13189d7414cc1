"""
Which server a request speaks for.

Spec: server-server-api#request-authentication
"""

import orjson
from attrs import frozen

from federation.core.request_signing import (
    RequestSignature,
    as_reference,
    may_be_signed_otherwise,
    parse_authorization,
    signed_request,
)
from federation.services.destinations import Destinations
from federation.services.key_ring import KeyRing
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.verdicts import Denied, Verdict
from homeserver.http.incoming import Incoming
from homeserver.services.clock import now_ms
from homeserver.services.refusals import BadSignature


@frozen(eq=False)
class ServerAuthenticator:
    """Requests signed by servers."""

    ring: KeyRing
    destinations: Destinations

    async def authenticate(self, incoming: Incoming) -> ServerName:
        """The server that signed the request.  Raises BadSignature; Malformed when the body is no JSON."""
        signature = self._signature(incoming)
        content = incoming.json() if incoming.body() else None
        try:
            verdict = await self._verdict(incoming, signature, content)
            if isinstance(verdict, Denied) and may_be_signed_otherwise(incoming.body()):
                verdict = await self._verdict(incoming, signature, as_reference(content))
        except Malformed as malformed:
            # A body without a canonical form cannot have been signed.
            raise BadSignature(malformed.reason) from malformed
        if isinstance(verdict, Denied):
            raise BadSignature(f"{signature.origin} has not signed this request: {verdict.rule}.")
        self.destinations.heard_from(signature.origin)
        return signature.origin

    async def _verdict(
        self, incoming: Incoming, signature: RequestSignature, content: JSON | orjson.Fragment
    ) -> Verdict:
        target = incoming.uri.decode("ascii", "replace")
        signed = signed_request(signature, incoming.method, target, self.ring.server_name, content)
        return await self.ring.verify_json_object(signature.origin, signed, now_ms(self.ring.clock))

    def _signature(self, incoming: Incoming) -> RequestSignature:
        headers = incoming.headers(b"authorization")
        if not headers:
            raise BadSignature("This request must be signed by a server: it has no Authorization header.")
        try:
            signature = parse_authorization(headers[0])
        except Malformed as malformed:
            raise BadSignature(malformed.reason) from malformed
        if signature.destination is not None and signature.destination != self.ring.server_name:
            raise BadSignature(f"This request is meant for {signature.destination}; this is {self.ring.server_name}.")
        if signature.origin == self.ring.server_name:
            raise BadSignature("This request claims to come from this server itself.")
        return signature
