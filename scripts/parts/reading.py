"""Rooms: what each may read of them."""

from federation.services.remote_directory import RemoteDirectory
from federation.services.remote_spaces import RemoteSpaces
from homeserver.services.aggregations import Aggregations
from homeserver.services.client_events import ClientEvents
from homeserver.services.directory import Directory
from homeserver.services.erased_users import ErasedUsers
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.messages import Messages
from homeserver.services.relating import Relating
from homeserver.services.relation_kinds import RelationKinds
from homeserver.services.room_outlines import RoomOutlines
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_views import RoomViews
from homeserver.services.search.indexing import SearchIndexing
from homeserver.services.search.service import Search
from homeserver.services.shown_events import ShownEvents
from homeserver.services.spaces import Spaces
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.services.visible_history import VisibleHistory
from scripts.parts.foundation import Foundation, opaque_id
from scripts.parts.members import Members
from scripts.parts.replicas import Replicas
from scripts.parts.rooms import Rooms
from scripts.parts.servers import Servers


class Reading:
    """Rooms: what each may read of them."""

    def __init__(self, base: Foundation, servers: Servers, rooms: Rooms, replicas: Replicas, members: Members) -> None:
        settings, reactor, name = base.settings, base.reactor, base.name
        database, tail = base.database, base.tail
        known_events = rooms.known_events
        memberships = members.memberships

        self.erased = erased = ErasedUsers(database)
        tail.follow(erased.follow)
        self.visible = VisibleHistory(database, known_events, erased)
        self.views = views = RoomViews(database, tail, known_events, memberships, self.visible)
        self.client_events = client_events = ClientEvents(database, known_events)
        self.ignored = ignored = IgnoredUsers(database)
        relation_kinds = RelationKinds(database, known_events)
        threads = ThreadSummaries(database, known_events)
        rooms.forgetting.histories += [relation_kinds, threads]
        for reader in (client_events, ignored, relation_kinds, threads):
            tail.follow(reader.follow)
        self.aggregations = aggregations = Aggregations(
            database, known_events, views, client_events, ignored, relation_kinds, threads
        )
        self.shown = shown = ShownEvents(reactor, client_events, aggregations)
        self.room_reading = room_reading = RoomReading(database, known_events, views, rooms.room_states, shown)
        self.messages = messages = Messages(
            database, known_events, views, room_reading, shown, ignored, replicas.backfill
        )
        self.relating = Relating(database, known_events, views, messages, shown, ignored)
        self.search_indexing = search_indexing = SearchIndexing(database, reactor, opaque_id(), settings.search)
        tail.follow(search_indexing.follow)
        self.search = Search(
            reactor,
            database,
            search_indexing,
            known_events,
            memberships,
            views,
            messages,
            room_reading,
            shown,
            aggregations,
            ignored,
        )
        self.directory = Directory(name, database, RemoteDirectory(servers.peers))
        self.outlines = RoomOutlines(database, known_events, memberships)
        self.spaces = Spaces(
            name, reactor, memberships, self.outlines, members.aliases, RemoteSpaces(servers.peers, reactor)
        )
