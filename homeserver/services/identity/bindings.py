"""
What identity servers are told of users' addresses.

Spec: client-server-api#adding-account-administrative-contact-information
"""

import structlog
from attrs import define

from homeserver.core.identifiers import UserID, parse_server_name
from homeserver.core.malformed import Malformed
from homeserver.services.identity.ports import IdentityServer, IdentityServers
from homeserver.services.identity.refusing import relayed
from homeserver.services.ports import Binding, PeerFault, PeerUnreachable
from homeserver.services.refusals import Unreachable
from homeserver.store import bound_addresses
from homeserver.store.bound_addresses import BoundAddress
from homeserver.store.database import Database

log = structlog.get_logger(__name__)


@define(eq=False)
class IdentityBindings:
    """Tells, remembers what was told, and takes it back.  Implements ``ports.Bindings``."""

    database: Database
    servers: IdentityServers

    async def bind(self, user_id: UserID, binding: Binding) -> None:
        """
        The identity server knows the address that the session there has proved as the user's.

        Raises IdentityRefusal as that server says, Unreachable, Malformed.
        """
        server = IdentityServer(str(parse_server_name(binding.id_server)), binding.id_access_token)
        try:
            medium, address = await self.servers.bind(server, binding.sid, binding.client_secret, user_id)
        except PeerFault as fault:
            raise relayed(fault) from fault
        except PeerUnreachable as unreachable:
            raise Unreachable(f"The identity server {server.name} cannot be reached.") from unreachable
        await self.database.write(bound_addresses.keep, user_id, BoundAddress(medium, address, server.name))

    async def unbind(self, user_id: UserID, medium: str, address: str, id_server: str | None) -> bool:
        """
        Whether the identity server does not say any more that the address is the user's.

        *id_server* None: each that was told; False where none is known, or one does not do it.
        """
        known = await self.database.read(bound_addresses.of_user, user_id)
        if id_server is None:
            wanted = [bound for bound in known if (bound.medium, bound.address) == (medium, address)]
        else:
            wanted = [BoundAddress(medium, address, id_server)]
        return bool(wanted) and all([await self._unbind(user_id, bound) for bound in wanted])

    async def unbind_all(self, user_id: UserID, id_server: str | None) -> bool:
        """Whether no identity server, or not *id_server*, says of any address any more that it is the user's."""
        known = await self.database.read(bound_addresses.of_user, user_id)
        wanted = [bound for bound in known if id_server in {None, bound.id_server}]
        return all([await self._unbind(user_id, bound) for bound in wanted])

    async def _unbind(self, user_id: UserID, bound: BoundAddress) -> bool:
        try:
            await self.servers.unbind(bound.id_server, user_id, bound.medium, bound.address)
        except (PeerFault, PeerUnreachable, Malformed) as error:
            log.info("an address stays bound", server=bound.id_server, reason=str(error))
            return False
        await self.database.write(bound_addresses.delete_one, user_id, bound)
        return True
