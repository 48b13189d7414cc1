"""
What this server, and the caller on it, can do.

Spec: client-server-api#capabilities-negotiation
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.capabilities import Capabilities


@frozen
class CapabilityEndpoints:
    """Capabilities."""

    capabilities: Capabilities

    @operation("getCapabilities")
    async def show_capabilities(self, caller: Caller) -> JSONObject:
        """The capabilities of the server, as they are for the caller."""
        return {"capabilities": self.capabilities.of(caller)}
