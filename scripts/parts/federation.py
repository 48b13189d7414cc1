"""Other servers: what they send, what they ask, and what they are told."""

from e2ee.services.edus import EncryptionEdus
from federation.services.distribution import Distribution
from federation.services.ephemeral import EphemeralReceiver, EphemeralSender
from federation.services.inbox import Inbox
from federation.services.invitations import Invitations
from federation.services.lane import Surroundings
from federation.services.outbox import Outbox
from federation.services.outgoing_pdus import OutgoingPdus
from federation.services.residence import Residence
from federation.services.room_queries import RoomQueries
from federation.services.room_servers import RoomServers
from scripts.parts.foundation import dice, opaque_id
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


class Federation:
    """Other servers: what they send, what they ask, and what they are told."""

    def __init__(self, ground: Ground, proposals: Proposal) -> None:
        base, servers, appservices, rooms = ground.base, ground.servers, ground.appservices, ground.rooms
        replicas, members, encryption, news = ground.replicas, ground.members, ground.encryption, ground.news
        settings, reactor = base.settings, base.reactor
        name, keys = base.name, base.keys
        database, tail = base.database, base.tail
        live_rooms, known_events = rooms.live_rooms, rooms.known_events
        access = replicas.access
        checks = servers.checks

        ephemeral = EphemeralReceiver(reactor, live_rooms, access, news.typing, news.receipts, news.presence)
        receivers = {
            **ephemeral.receivers(),
            **EncryptionEdus(encryption.remote_lists, encryption.to_device).receivers(),
        }
        self.invitations = Invitations(
            name, keys.current, database, checks, live_rooms, access, rooms.timeline.member_guards, appservices.queries
        )
        self.inbox = Inbox(
            checks,
            replicas.ancestry,
            rooms.acceptance,
            known_events,
            live_rooms,
            access,
            replicas.entering,
            self.invitations,
            receivers,
        )
        self.residence = Residence(
            name,
            keys.current,
            checks,
            access,
            rooms.composer,
            rooms.acceptance,
            known_events,
            live_rooms,
            rooms.room_states,
            members.joining,
            members.inviting,
            news.summaries,
        )
        self.room_queries = RoomQueries(
            name, database, known_events, live_rooms, rooms.room_states, access, self.residence, ground.reading.erased
        )
        distribution = Distribution(name, database, known_events, live_rooms, news.state_moves, tail)
        surroundings = Surroundings(
            name,
            database,
            reactor,
            servers.peers,
            servers.destinations,
            distribution,
            OutgoingPdus(distribution),
            settings.federation,
            opaque_id,
            dice,
            proposals.skipped,
        )
        self.outbox = outbox = Outbox(surroundings, distribution)
        tail.follow(outbox.follow)
        room_servers = RoomServers(database, live_rooms, reactor)
        tail.follow(room_servers.follow)
        ephemeral_sender = EphemeralSender(reactor, room_servers, outbox)
        news.typing.listeners.append(ephemeral_sender.send_typing)
        news.presence.listeners.append(ephemeral_sender.send_presence)
