"""What is new in rooms, and what users have seen of it: all that a sync is made of."""

from homeserver.services.clock import now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.presence import PresenceBoard
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.read_markers import ReadMarkers
from homeserver.services.receipts import Receipts
from homeserver.services.recent_events import RecentEvents
from homeserver.services.state_moves import StateMoves
from homeserver.services.summaries import Summaries
from homeserver.services.sync.forks import Forks
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.states import States
from homeserver.services.sync.timelines import Timelines
from homeserver.services.threads import Threads
from homeserver.services.typing import Typing
from homeserver.services.unread import UnreadCounts
from homeserver.services.unread_keeping import UnreadKeeping
from homeserver.services.wakeups import Wakeups
from scripts.parts.foundation import Foundation
from scripts.parts.members import Members
from scripts.parts.reading import Reading
from scripts.parts.rooms import Rooms
from scripts.parts.users import Users


class News:
    """What is new in rooms, and what users have seen of it: all that a sync is made of."""

    def __init__(self, base: Foundation, rooms: Rooms, members: Members, reading: Reading, users: Users) -> None:
        settings, reactor, name = base.settings, base.reactor, base.name
        database, tail = base.database, base.tail
        memberships = members.memberships
        known_events = rooms.known_events
        client_events = reading.client_events

        self.serial = serial = EphemeralSerial.starting_at(now_ms(reactor))
        self.wakeups = wakeups = Wakeups(reactor, memberships)
        self.recent = recent = RecentEvents(database, tail, known_events)
        self.typing = Typing(reactor, serial, memberships, wakeups, known_events)
        tail.follow(self.typing.follow)
        self.presence = PresenceBoard(database, name, reactor, serial, memberships, wakeups, settings.presence)
        base.closing.callback(self.presence.stop)
        users.profiles.listeners.append(self.presence.profile_changed)
        self.threads = threads = Threads(known_events)
        self.receipts = Receipts(database, reactor, known_events, memberships, threads)
        self.read_markers = ReadMarkers(database, memberships, self.receipts)
        self.state_moves = state_moves = StateMoves(known_events, database.head)
        tail.follow(state_moves.follow)
        self.summaries = summaries = Summaries(database, state_moves)
        self.pushed = pushed = PushedEvents(database, known_events, threads, summaries, state_moves)
        keeping = UnreadKeeping(database, reactor)
        self.unread = UnreadCounts(
            database, known_events, recent, threads, pushed, users.push_rules, reading.ignored, keeping
        )
        self.sent_members = SentMembers(settings.sync)
        self.timelines = Timelines(recent, reading.visible, Forks(name, database), client_events, reading.aggregations)
        self.states = States(database, known_events, client_events, self.sent_members)
        rooms.forgetting.rooms += (rooms.resolution, client_events, self.typing, summaries, pushed, keeping)
        rooms.forgetting.histories += (recent, self.timelines, self.unread)
