"""Tests of homeserver/store/events.py."""

from attrs import evolve

from homeserver.core.identifiers import DeviceID, EventID, UserID
from homeserver.core.timeline import Status
from homeserver.store import events
from homeserver.store.connections import is_duplicate
from homeserver.store.events import StoredEvent
from tests.databases import TransactionCase, each_database

ALICE = UserID("@alice:example.org")
ROOM = 7


def an_event(nid: int, *, ordering: int | None = 0, room_nid: int = ROOM, state_key: str | None = None) -> StoredEvent:
    """A message, or an event of state; without *ordering* it stands where it was stored."""
    return StoredEvent(
        nid=nid,
        event_id=EventID(f"$event{nid}"),
        room_nid=room_nid,
        ordering=nid << 20 if ordering == 0 else ordering,
        type="m.room.message",
        state_key=state_key,
        sender=ALICE,
        depth=nid,
        origin_server_ts=1_000 * nid,
        pdu=b'{"a":"\\u0000"}',
    )


@each_database
class EventsTests(TransactionCase):
    """Events are found by what they are called and where they stand."""

    def insert(self, *rows: StoredEvent) -> None:
        for row in rows:
            events.insert(self.tx, row)

    def test_what_was_stored_is_found_whole(self) -> None:
        """Every field comes back as it was."""
        whole = evolve(
            an_event(3, state_key="\0 \x1a \x1a0"),
            status=Status.SOFT_FAILED,
            reason="knock.membership",
            redacted_by=EventID("$other"),
            device_id=DeviceID("DEVICE"),
            txn_id="1",
        )
        bare = an_event(4, ordering=None)
        self.insert(whole, bare)

        self.assertEqual(whole, events.by_id(self.read, whole.event_id))
        self.assertEqual(bare, events.by_nid(self.read, 4))
        self.assertIsNone(events.by_id(self.read, EventID("$none")))

    def test_many_are_found_at_once(self) -> None:
        """However many are asked for, each that is there is found once."""
        rows = [an_event(nid) for nid in range(1, 1200)]
        self.insert(*rows)
        nids = [*range(1190, 1300), *range(1, 1190), 5, 5]

        self.assertEqual({row.nid: row for row in rows}, events.by_nids(self.read, nids))
        self.assertEqual(
            {row.event_id: row for row in rows[:3]}, events.by_ids(self.read, [r.event_id for r in rows[:3]])
        )
        self.assertEqual({}, events.by_ids(self.read, []))
        self.assertEqual({EventID("$event9"): 9}, events.nids_of(self.read, [EventID("$event9"), EventID("$none")]))
        self.assertEqual({9: EventID("$event9")}, events.ids_of(self.read, [9, 5000]))

    def test_an_event_is_stored_once(self) -> None:
        """A second one of the same ID is a duplicate."""
        self.insert(an_event(1))
        events.insert(self.tx, evolve(an_event(1), nid=2))
        with self.assertRaises(Exception) as caught:
            self.tx.flush()

        self.assertTrue(is_duplicate(caught.exception))

    def test_pages_of_a_timeline(self) -> None:
        """Ranges leave out their beginning and hold their end, one room's alone, and what has no place is in none."""
        self.insert(*(an_event(nid, ordering=10 * nid) for nid in range(1, 9)))
        self.insert(an_event(20, ordering=None), an_event(21, ordering=45, room_nid=ROOM + 1))

        self.assertEqual([3, 4, 5], [e.nid for e in events.between(self.read, ROOM, 20, 50, 9)])
        self.assertEqual([3, 4], [e.nid for e in events.between(self.read, ROOM, 20, 50, 2)])
        self.assertEqual([5, 4, 3], [e.nid for e in events.latest(self.read, ROOM, 20, 50, 9)])
        self.assertEqual([8, 7], [e.nid for e in events.latest(self.read, ROOM, -1, 2**62, 2)])
        self.assertEqual((10, 80), events.ends(self.read, ROOM))
        self.assertIsNone(events.ends(self.read, ROOM + 9))

    def test_the_nearest_in_time(self) -> None:
        """Forward: at or after; backward: at or before."""
        self.insert(*(an_event(nid) for nid in (1, 2, 4)), an_event(3, ordering=None))

        def nearest(ts: int, *, forward: bool) -> int | None:
            found = events.near_in_time(self.read, ROOM, ts, forward=forward, limit=1)
            return found[0].nid if found else None

        self.assertEqual([1, 2, 4, None], [nearest(ts, forward=True) for ts in (0, 2000, 2001, 4001)])
        self.assertEqual([None, 2, 2, 4], [nearest(ts, forward=False) for ts in (999, 2000, 3999, 9000)])

    def test_an_outlier_takes_its_place(self) -> None:
        """It is in the timeline from then on, and accepted."""
        self.insert(evolve(an_event(1, ordering=None), status=Status.OUTLIER))
        events.place(self.tx, 1, 55, Status.ACCEPTED)

        self.assertEqual([1], [e.nid for e in events.between(self.read, ROOM, 0, 100, 9)])
        self.assertEqual({EventID("$event1"): Status.ACCEPTED}, events.statuses_of(self.read, [EventID("$event1")]))

    def test_a_redacted_event_keeps_what_is_left(self) -> None:
        """What was said is nowhere in the store any more."""
        self.insert(an_event(1))
        events.redact(self.tx, 1, EventID("$redaction"), b"{}")

        found = events.by_nid(self.read, 1)
        assert found is not None
        self.assertEqual((b"{}", "$redaction"), (found.pdu, found.redacted_by))
