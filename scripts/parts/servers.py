"""Other servers: finding them, asking them, knowing their keys."""

from federation.http.federation_client import federation_client
from federation.http.key_servers import KeyRequests
from federation.services.destinations import Destinations
from federation.services.key_ring import KeyRing
from federation.services.known_keys import KnownKeys
from federation.services.pdu_checks import PduChecks
from homeserver.http.names import system_names
from homeserver.http.outbound import outbound_client
from scripts.parts.foundation import Foundation, dice


class Servers:
    """Other servers: finding them, asking them, knowing their keys."""

    def __init__(self, base: Foundation) -> None:
        settings, reactor, name = base.settings, base.reactor, base.name
        keys, database = base.keys, base.database

        self.names = names = system_names(reactor)
        base.closing.callback(names.close)
        self.destinations = Destinations(database, reactor, settings.federation.retry, dice)
        self.peers = peers = federation_client(
            name, keys.current, reactor, names, self.destinations, settings.federation, dice
        )
        base.closing.push_async_callback(peers.close)
        known_keys = KnownKeys(
            database,
            reactor,
            KeyRequests(peers),
            settings.federation.trusted_key_servers,
            settings.federation.retry,
            dice,
            settings.federation.keys_cached_max,
        )
        self.ring = KeyRing(name, keys, known_keys, reactor)
        self.checks = PduChecks(self.ring)
        self.outbound = outbound_client(reactor, names, settings.outbound)
        base.closing.push_async_callback(self.outbound.close)
