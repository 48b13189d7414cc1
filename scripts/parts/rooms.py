"""Rooms: what is in them, and how events get in."""

from federation.services.policy_servers import PolicyRequests
from homeserver.core.identifiers import RoomID
from homeserver.services.acceptance import Acceptance
from homeserver.services.composing import Composer
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.redactions import Redactions
from homeserver.services.resolution import Resolution
from homeserver.services.room_removal.closed_rooms import ClosedRooms
from homeserver.services.room_removal.forgetting import Forgetting
from homeserver.services.room_states import RoomStates
from homeserver.services.timeline import Timeline
from scripts.parts.foundation import Foundation, opaque_id
from scripts.parts.servers import Servers


class Rooms:
    """Rooms: what is in them, and how events get in."""

    def __init__(self, base: Foundation, servers: Servers) -> None:
        reactor, name, keys = base.reactor, base.name, base.keys
        database, tail = base.database, base.tail

        self.known_events = known_events = KnownEvents(database)
        tail.follow(known_events.follow)
        self.live_rooms = live_rooms = LiveRooms(database)
        # What is in memory of rooms goes with them; whatever is made below and keeps something of rooms says so here.
        self.forgetting = Forgetting([live_rooms, known_events], [known_events])
        tail.follow(self.forgetting.follow)
        self.closed_rooms = closed_rooms = ClosedRooms(database, reactor)
        tail.follow(closed_rooms.follow)
        live_rooms.gates.append(closed_rooms.require_open)
        self.composer = Composer(name, keys.current, known_events, reactor, opaque_id)
        self.resolution = Resolution(known_events)
        self.room_states = room_states = RoomStates(database, known_events, self.resolution)
        self.redactions = redactions = Redactions(database, known_events, room_states)
        self.timeline = Timeline(
            database, known_events, live_rooms, self.composer, redactions, lambda: RoomID(f"!{opaque_id()}:{name}")
        )
        self.policy_requests = PolicyRequests(name, servers.peers)
        self.recommendations = recommendations = Recommendations(known_events, self.policy_requests)
        self.timeline.recommendations = recommendations
        self.acceptance = Acceptance(name, database, known_events, live_rooms, room_states, redactions)
        self.acceptance.recommendations = recommendations
