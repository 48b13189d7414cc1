"""Events in memory are what the store has of them."""

from typing import cast
from unittest import TestCase

from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.log import EVENT, LogEntry, Position
from homeserver.core.timeline import Ordering, Status, TimelineEvent
from homeserver.services.known_events import KnownEvents
from homeserver.store.database import Database

OUTLIER, PLACED = 5, 7


class _Event:
    """As much of an event as memory looks at."""

    is_state = False
    room_id = RoomID("!r:x")

    def __init__(self, event_id: str) -> None:
        self.event_id = EventID(event_id)


class PlacingTests(TestCase):
    """Two events are in memory, one of them with a place."""

    def setUp(self) -> None:
        self.known = KnownEvents(cast(Database, None))
        self.outlier = TimelineEvent(cast(Event, _Event("$outlier")), OUTLIER, None, Status.OUTLIER)
        self.placed = TimelineEvent(cast(Event, _Event("$placed")), PLACED, Ordering(PLACED))
        for event in (self.outlier, self.placed):
            self.known.remember(event)

    def test_what_another_process_placed_is_read_afresh(self) -> None:
        """The log names the event by its number; what had its place already stays in memory."""
        self.known.follow([LogEntry(Position(9), EVENT, "!r:x", ref) for ref in (OUTLIER, PLACED, None)])

        self.assertIsNone(self.known.cached(EventID("$outlier")))
        self.assertIs(self.placed, self.known.cached(EventID("$placed")))

    def test_what_this_process_places_is_known_so(self) -> None:
        """At once, and when it is written; not when that fails."""
        accepted = TimelineEvent(self.outlier.event, OUTLIER, None)
        self.known.expect(accepted)
        during = self.known.cached(EventID("$outlier"))
        accepted.ordering = Ordering(9)
        self.known.follow([LogEntry(Position(9), EVENT, "!r:x", OUTLIER)])
        after = self.known.cached(EventID("$outlier"))
        self.known.disappoint(EventID("$outlier"))

        self.assertIs(accepted, during)
        self.assertIs(accepted, after)
        self.assertIsNone(self.known.cached(EventID("$outlier")))
