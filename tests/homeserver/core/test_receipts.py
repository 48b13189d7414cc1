"""Tests of homeserver.core.receipts and .unread."""

from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import Position
from homeserver.core.malformed import Malformed
from homeserver.core.receipts import Receipt, parse_thread_id, read_up_to, receipt_events
from homeserver.core.timeline import Ordering
from homeserver.core.unread import Count, Tally, Unread

receipts = st.builds(
    Receipt,
    st.sampled_from([UserID("@a:x"), UserID("@b:x")]),
    st.sampled_from(["m.read", "m.read.private"]),
    st.sampled_from([EventID("$1"), EventID("$2")]),
    st.sampled_from(["", "main", "$1"]),
    st.integers(0, 9),
)
marks = st.lists(st.tuples(st.sampled_from(["", "main", "$t"]), st.integers(0, 20).map(Ordering)), max_size=5)


class ReceiptEventsTests(TestCase):
    @given(st.lists(receipts, unique_by=lambda each: (each.user_id, each.type, each.thread_id)))
    def test_nothing_is_lost(self, told: list[Receipt]) -> None:
        """Every receipt is in one of the events, as it is, and no event could be spared."""
        events: Any = receipt_events(told)

        found = {
            (user_id, type_, event_id, value.get("thread_id", ""), value["ts"])
            for event in events
            for event_id, types in event["content"].items()
            for type_, users in types.items()
            for user_id, value in users.items()
        }
        self.assertEqual({(r.user_id, r.type, r.event_id, r.thread_id, r.ts) for r in told}, found)
        places = [(r.event_id, r.type, r.user_id) for r in told]
        self.assertEqual(max((places.count(place) for place in places), default=0), len(events))

    def test_thread_ids(self) -> None:
        """``main`` or an event ID."""
        self.assertEqual(["main", "$x"], [parse_thread_id("main"), parse_thread_id("$x")])
        for bad in ("", "other", None, 5, "$" + "x" * 300):
            with self.assertRaises(Malformed):
                parse_thread_id(bad)


class ReadUpToTests(TestCase):
    @given(marks, st.sampled_from(["main", "$t"]), st.integers(0, 25).map(Ordering))
    def test_the_one_furthest_ahead_counts(
        self, said: list[tuple[str, Ordering]], thread: str, ordering: Ordering
    ) -> None:
        """An event is read when any receipt of the room or of its thread is at it or past it."""
        read = read_up_to(said, Ordering(3))

        expected = ordering <= 3 or any(mark >= ordering for name, mark in said if name in ("", thread))
        self.assertEqual(expected, read.covers(thread, ordering))
        self.assertEqual(expected, ordering <= read.of(thread))


class TallyTests(TestCase):
    def test_reading_on(self) -> None:
        """Threads that are read through are counted no more; a thread read in part is counted anew."""
        before = read_up_to([], Ordering(0))
        tally = Tally(frozenset(), before, Position(1), Ordering(10), {"main": Count(3, 1), "$t": Count(2, 0)})
        through = [("main", Ordering(10))]
        partly = [("main", Ordering(5))]

        kept = tally.reread(frozenset(through), read_up_to(through, Ordering(0)), Position(1))
        anew = tally.reread(frozenset(partly), read_up_to(partly, Ordering(0)), Position(1))

        self.assertEqual(({"$t": Count(2, 0)}, 10), (kept.counts, kept.upto))
        self.assertEqual(({}, 0), (anew.counts, anew.upto))

    def test_what_clients_are_told(self) -> None:
        """All together, or the main timeline and each thread apart."""
        unread = Unread({"main": Count(3, 1), "$t": Count(2, 0)})

        self.assertEqual({"notification_count": 5, "highlight_count": 1}, unread.to_json(False)["unread_notifications"])
        self.assertEqual(
            {
                "unread_notifications": {"notification_count": 3, "highlight_count": 1},
                "unread_thread_notifications": {"$t": {"notification_count": 2, "highlight_count": 0}},
            },
            unread.to_json(True),
        )
