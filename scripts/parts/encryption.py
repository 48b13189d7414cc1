"""End-to-end encryption: keys, and messages between devices."""

from e2ee.http.peers import PeersKeys
from e2ee.services.announcements import Announcements
from e2ee.services.device_lists import DeviceLists
from e2ee.services.key_counts import KeyCounts
from e2ee.services.key_queries import KeyQueries
from e2ee.services.moves import Moves
from e2ee.services.one_time_keys import OneTimeKeys
from e2ee.services.remote_lists import RemoteLists
from e2ee.services.to_device import ToDevice
from scripts.parts.foundation import Foundation, opaque_id
from scripts.parts.members import Members
from scripts.parts.servers import Servers


class Encryption:
    """End-to-end encryption: keys, and messages between devices."""

    def __init__(self, base: Foundation, servers: Servers, members: Members) -> None:
        reactor, name, database, tail = base.reactor, base.name, base.database, base.tail

        remote_keys = PeersKeys(servers.peers)
        self.remote_lists = RemoteLists(database, reactor, remote_keys)
        self.key_queries = KeyQueries(name, database, reactor, self.remote_lists)
        self.one_time_keys = OneTimeKeys(name, database, reactor, remote_keys)
        self.key_counts = KeyCounts(database, tail)
        moves = Moves(database, tail)
        self.device_lists = DeviceLists(database, tail, members.memberships, moves)
        self.to_device = ToDevice(name, database, reactor, tail, opaque_id)
        self.announcements = Announcements(name, database, tail, reactor)
        for keeper in (self.key_counts, moves, self.to_device, self.announcements):
            tail.follow(keeper.follow)
