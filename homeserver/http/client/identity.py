"""
What identity servers are to know of the caller.

Spec: client-server-api#adding-account-administrative-contact-information
"""

from typing import Literal

from attrs import field, frozen

from homeserver.core.mail.addresses import folded_address
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.identity.bindings import IdentityBindings
from homeserver.services.ports import Binding


@frozen
class BindBody:
    """The session with an identity server in which an address was proved."""

    client_secret: str = field(repr=False)
    id_server: str
    id_access_token: str = field(repr=False)
    sid: str


@frozen
class UnbindBody:
    """An address, and the identity server; without it those are meant that were told of the address."""

    medium: Literal["email", "msisdn"]
    address: str
    id_server: str | None = None


@frozen
class Unbound:
    id_server_unbind_result: Literal["success", "no-support"]


@frozen
class IdentityEndpoints:
    """Addresses are bound, and unbound."""

    bindings: IdentityBindings

    @operation("bind3PID")
    async def bind(self, caller: Caller, body: BindBody) -> Empty:
        """The identity server knows the address as the caller's.  Raises IdentityRefusal, Unreachable."""
        binding = Binding(body.id_server, body.id_access_token, body.sid, body.client_secret)
        await self.bindings.bind(caller.user_id, binding)
        return Empty()

    @operation("unbind3pidFromAccount")
    async def unbind(self, caller: Caller, body: UnbindBody) -> Unbound:
        """It does not any more, or cannot be made to forget."""
        address = folded_address(body.medium, body.address)
        done = await self.bindings.unbind(caller.user_id, body.medium, address, body.id_server)
        return Unbound("success" if done else "no-support")
