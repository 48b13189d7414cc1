"""Application services: who they are, and asking them for what only they can make."""

from attrs import evolve

from conf.appservices import read_registrations
from homeserver.http.appservices import HTTPAppservices
from homeserver.http.outbound import outbound_client
from homeserver.services.appservices.queries import Queries
from homeserver.services.appservices.roster import Roster
from scripts.parts.foundation import Foundation
from scripts.parts.servers import Servers


class Appservices:
    """Application services: who they are, and asking them for what only they can make."""

    def __init__(self, base: Foundation, servers: Servers) -> None:
        settings, reactor, name, database = base.settings, base.reactor, base.name, base.database

        self.roster = roster = Roster(read_registrations(settings.appservices, name), database, reactor)
        database.subscribe(roster.follow)
        # Where they are an administrator has said: that may well be this machine.
        appservice_client = outbound_client(
            reactor, servers.names, evolve(settings.outbound, allow_private_addresses=True)
        )
        base.closing.push_async_callback(appservice_client.close)
        self.requests = HTTPAppservices(appservice_client, settings.appservice_traffic)
        self.queries = Queries(roster, self.requests, reactor)
