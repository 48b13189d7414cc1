"""Identity servers: whom an address belongs to."""

from federation.core.request_signing import Request, sign_request
from federation.services.exchanges import RemoteExchanges
from homeserver.core.identifiers import ServerName
from homeserver.http.identity_servers import HTTPIdentityServers
from homeserver.services.identity.bindings import IdentityBindings
from homeserver.services.identity.exchanging import Exchanging
from homeserver.services.identity.inviting import AddressInviting
from scripts.parts.ground import Ground


class Identity:
    """Identity servers: whom an address belongs to."""

    def __init__(self, ground: Ground) -> None:
        base, servers, rooms = ground.base, ground.servers, ground.rooms
        members, sign_in = ground.members, ground.sign_in
        name, keys, database = base.name, base.keys, base.database

        def sign_for(destination: str, method: str, path: str, content: bytes) -> str:
            return sign_request(Request(name, ServerName(destination), method, path, content), keys.current)

        identity_servers = HTTPIdentityServers(servers.outbound, sign_for)
        self.bindings = IdentityBindings(database, identity_servers)
        sign_in.third_party_ids.bindings = sign_in.deactivation.bindings = self.bindings
        self.address_inviting = AddressInviting(
            identity_servers, rooms.known_events, rooms.live_rooms, rooms.timeline, members.inviting
        )
        self.exchanging = Exchanging(
            name,
            database,
            rooms.known_events,
            rooms.live_rooms,
            members.inviting,
            identity_servers,
            RemoteExchanges(servers.peers),
        )
