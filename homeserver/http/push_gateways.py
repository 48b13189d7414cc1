"""Push gateways over HTTP.  Spec: push-gateway-api"""

import orjson
from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed
from homeserver.http.exchange import OutboundRequest, encode_url
from homeserver.http.outbound import OutboundClient, fault_of

_HEADERS = {"content-type": "application/json"}


@define(eq=False)
class HTTPPushGateways:
    """Tells gateways."""

    client: OutboundClient

    async def notify(self, url: str, notification: JSONObject) -> JSON:
        """What the gateway answered; None when that is no JSON.  Raises PeerUnreachable, PeerFault."""
        body = orjson.dumps({"notification": notification})
        response = await self.client.request(OutboundRequest("POST", encode_url(url), _HEADERS, body))
        if not 200 <= response.status < 300:
            raise fault_of(url, response)
        try:
            return response.json()
        except Malformed:
            # It has taken the push; sent again, it would alert the user again.
            return None
