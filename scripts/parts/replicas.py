"""Rooms: what other servers have of them."""

from federation.services.access import Access
from federation.services.ancestry import Ancestry
from federation.services.backfill import Backfill
from federation.services.entering import Entering
from federation.services.handshakes import Handshakes
from federation.services.policy_servers import PolicySigning
from federation.services.remote_rooms import RemoteRooms
from homeserver.services.arrival import Arrival
from homeserver.services.history import History
from homeserver.services.outliers import Outliers
from homeserver.services.policy.rules import PolicyRules
from scripts.parts.foundation import Foundation, opaque_id, own_keys
from scripts.parts.rooms import Rooms
from scripts.parts.servers import Servers

POLICY_KEY_FILE = "policy.key"


class Replicas:
    """Rooms: what other servers have of them."""

    def __init__(self, base: Foundation, servers: Servers, rooms: Rooms) -> None:
        settings, reactor = base.settings, base.reactor
        name, keys = base.name, base.keys
        database, tail = base.database, base.tail
        known_events, live_rooms = rooms.known_events, rooms.live_rooms
        peers, checks = servers.peers, servers.checks

        outliers = Outliers(database, known_events)
        self.arrival = Arrival(name, database, known_events, live_rooms)
        self.history = History(
            database,
            known_events,
            live_rooms,
            rooms.room_states,
            rooms.redactions,
            recommendations=rooms.recommendations,
        )
        self.ancestry = ancestry = Ancestry(peers, checks, known_events, outliers)
        handshakes = Handshakes(name, keys.current, peers, checks, opaque_id)
        self.access = Access(known_events)
        self.policy_rules = policy_rules = PolicyRules(name, known_events, live_rooms)
        tail.follow(policy_rules.follow)
        rooms.forgetting.rooms.append(policy_rules)
        rooms.timeline.member_guards.guards.append(policy_rules)
        if settings.policy.serves_rooms:
            policy_key = own_keys(settings.data_dir, POLICY_KEY_FILE, "policy_server").current
            rooms.policy_requests.own = PolicySigning(
                name, policy_key, live_rooms, self.access, policy_rules, rooms.recommendations
            )
        self.entering = Entering(reactor)
        self.remote_rooms = RemoteRooms(
            name,
            reactor,
            database,
            peers,
            checks,
            handshakes,
            ancestry,
            self.arrival,
            rooms.acceptance,
            live_rooms,
            self.entering,
        )
        self.backfill = Backfill(name, peers, checks, ancestry, self.history, known_events, live_rooms)
