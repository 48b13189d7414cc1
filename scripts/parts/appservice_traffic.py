"""Application services: what they are told, and what they tell of their networks."""

from e2ee.services.appservices import EncryptionForAppservices
from homeserver.services.appservices.gathering import Shown
from homeserver.services.appservices.networks import Networks
from homeserver.services.appservices.queue import Surroundings as AppserviceSurroundings
from homeserver.services.appservices.traffic import Ephemerals, Traffic
from scripts.parts.foundation import dice, opaque_id
from scripts.parts.ground import Ground


class AppserviceTraffic:
    """Application services: what they are told, and what they tell of their networks."""

    def __init__(self, ground: Ground) -> None:
        base, appservices, rooms = ground.base, ground.appservices, ground.rooms
        members, reading, news = ground.members, ground.reading, ground.news
        settings, reactor, database, tail = base.settings, base.reactor, base.database, base.tail

        self.traffic = traffic = Traffic(
            appservices.roster.registrations,
            AppserviceSurroundings(
                database,
                reactor,
                appservices.requests,
                EncryptionForAppservices(database),
                settings.appservice_traffic,
                opaque_id(),
                dice,
            ),
            Shown(database, tail, rooms.known_events, reading.client_events, reactor),
            members.memberships,
            Ephemerals(news.typing, news.presence, news.serial),
        )
        if traffic.queues:
            tail.follow(traffic.follow)
        self.networks = Networks(appservices.roster, appservices.requests, database, reactor)
