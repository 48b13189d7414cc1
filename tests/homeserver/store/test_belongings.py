"""Tests of what belongs to users: receipts, transactions, unread counts, pushers, cursors, reports."""

from attrs import evolve

from homeserver.core.identifiers import DeviceID, EventID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.timeline import Ordering
from homeserver.store import cursors, pushers, receipts, reports, rooms, transactions, unread
from homeserver.store.connections import is_duplicate
from homeserver.store.pushers import StoredPusher
from homeserver.store.receipts import StoredReceipt
from homeserver.store.reports import Report
from homeserver.store.unread import StoredCount
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one"), UserID("@bob:one")
ROOM = RoomID("!room:one")


@each_database
class ReceiptsTests(TransactionCase):
    """One receipt for each user, type and thread in a room."""

    def test_the_newest_takes_the_place(self) -> None:
        """Another thread's or user's stays; what changed is found by position."""
        nid = rooms.insert_room(self.tx, ROOM, "12", ALICE)
        first = StoredReceipt(nid, ROOM, ALICE, "m.read", "", EventID("$1"), Ordering(10), 1, Position(1))
        threaded = evolve(first, thread_id="main", position=Position(2))
        bobs = evolve(first, user_id=BOB, event_ordering=None, position=Position(3))
        newer = evolve(first, event_id=EventID("$2"), position=Position(4))
        for receipt in (first, threaded, bobs, newer):
            receipts.replace(self.tx, receipt)

        self.assertEqual([threaded, bobs, newer], receipts.between(self.read, [nid], Position(0), Position(9)))
        self.assertEqual([bobs], receipts.between(self.read, [nid, nid + 1], Position(2), Position(3)))
        self.assertEqual([threaded, bobs, newer], receipts.logged(self.read, Position(0), Position(9)))
        self.assertEqual(newer, receipts.by_key(self.read, nid, ALICE, "m.read", ""))
        self.assertEqual([bobs], receipts.of_user(self.read, BOB))
        self.assertEqual({threaded, newer}, set(receipts.of_user_in(self.read, ALICE, [nid])))
        receipts.delete_of_user(self.tx, ALICE)
        self.assertEqual([], receipts.of_user(self.read, ALICE))


@each_database
class TransactionsTests(TransactionCase):
    """A request is done once."""

    def test_the_same_request_has_the_same_answer(self) -> None:
        """Same user, device, endpoint and ID; a difference in any makes another request, however the parts are cut."""
        device = DeviceID("D")
        transactions.insert(self.tx, ALICE, device, "send", "1", "$event", 1)

        self.assertEqual("$event", transactions.answer_to(self.read, ALICE, device, "send", "1"))
        for user, dev, endpoint, txn in (
            (BOB, device, "send", "1"),
            (ALICE, None, "send", "1"),
            (ALICE, device, "redact", "1"),
            (ALICE, device, "send", "2"),
            (ALICE, DeviceID("Ds"), "end", "1"),
        ):
            self.assertIsNone(transactions.answer_to(self.read, user, dev, endpoint, txn))

    def test_a_second_one_fails(self) -> None:
        """Two requests at once: one of them is a duplicate, whatever it would have answered."""
        transactions.insert(self.tx, ALICE, None, "send", "1", "$event", 1)
        transactions.insert(self.tx, ALICE, None, "send", "1", "$other", 1)
        with self.assertRaises(Exception) as caught:
            self.tx.flush()

        self.assertTrue(is_duplicate(caught.exception))

    def test_old_ones_are_forgotten(self) -> None:
        """Those from before the time, and no others."""
        for txn, at_ms in (("old", 5), ("new", 10)):
            transactions.insert(self.tx, ALICE, None, "send", txn, "$event", at_ms)

        self.assertEqual(1, transactions.prune(self.tx, 10))
        self.assertIsNone(transactions.answer_to(self.read, ALICE, None, "send", "old"))
        self.assertIsNotNone(transactions.answer_to(self.read, ALICE, None, "send", "new"))


@each_database
class UnreadTests(TransactionCase):
    """Counts are one row for each user, room and thread."""

    def test_counts_are_replaced_and_deleted(self) -> None:
        """A thread's or a whole room's."""
        main = StoredCount(ALICE, 7, "", Ordering(70), 3, 1)
        thread = evolve(main, thread_id="$root", notify=1)
        for count in (evolve(main, notify=2), main, thread):
            unread.replace(self.tx, count)

        self.assertEqual({main, thread}, set(unread.of_user_in(self.read, ALICE, [7, 8])))
        unread.delete(self.tx, ALICE, 7, "$root")
        self.assertEqual([main], unread.of_user_in(self.read, ALICE, [7]))
        unread.delete(self.tx, ALICE, 7)
        self.assertEqual([], unread.of_user_in(self.read, ALICE, [7]))


@each_database
class PushersTests(TransactionCase):
    """A pusher goes on where it was."""

    def a_pusher(self, user_id: UserID = ALICE) -> StoredPusher:
        return StoredPusher(user_id, "app", "key", DeviceID("D"), "http", "{}", True, Position(5), 1, None)

    def test_setting_it_again_keeps_its_place(self) -> None:
        """The description is the new one, the cursor the old one."""
        pushers.replace(self.tx, self.a_pusher())
        pushers.advance(self.tx, ALICE, "app", "key", Position(9), 123)
        pushers.replace(self.tx, evolve(self.a_pusher(), description='{"a":1}', enabled=False))

        expected = evolve(
            self.a_pusher(), description='{"a":1}', enabled=False, cursor=Position(9), failing_since_ms=123
        )
        self.assertEqual([expected], pushers.of_user(self.read, ALICE))
        self.assertEqual([expected], pushers.of_users(self.read, [ALICE, BOB]))

    def test_pushers_go(self) -> None:
        """By key, by others' having it, by device, by user."""
        for user_id in (ALICE, BOB):
            pushers.replace(self.tx, self.a_pusher(user_id))
        self.assertEqual([BOB], pushers.others_with(self.read, ALICE, "app", "key"))
        self.assertTrue(pushers.delete(self.tx, BOB, "app", "key"))
        self.assertEqual([ALICE], pushers.users(self.read, 9))
        self.assertFalse(pushers.delete(self.tx, BOB, "app", "key"))
        self.assertTrue(pushers.delete(self.tx, ALICE, "app", "key"))
        for remove in (
            lambda: pushers.delete_of_device(self.tx, ALICE, DeviceID("D")),
            lambda: pushers.delete_of_user(self.tx, ALICE),
        ):
            pushers.replace(self.tx, self.a_pusher())
            remove()
            self.assertEqual([], pushers.users(self.read, 9))


@each_database
class CursorsTests(TransactionCase):
    """A consumer has one place, and one worker at a time."""

    def test_the_place_is_kept(self) -> None:
        """Whoever works."""
        self.assertIsNone(cursors.position_of(self.read, "push"))
        cursors.advance(self.tx, "push", Position(4))
        self.assertTrue(cursors.hold(self.tx, "push", "a", 0, 10))
        cursors.advance(self.tx, "push", Position(6))

        self.assertEqual(6, cursors.position_of(self.read, "push"))
        self.assertFalse(cursors.hold(self.tx, "push", "b", 9, 20))

    def test_a_lease_ends(self) -> None:
        """By time, or when it is given back; its holder may prolong it."""
        self.assertTrue(cursors.hold(self.tx, "push", "a", 0, 10))
        self.assertTrue(cursors.hold(self.tx, "push", "a", 5, 20))
        self.assertFalse(cursors.hold(self.tx, "push", "b", 19, 30))
        self.assertTrue(cursors.hold(self.tx, "push", "b", 20, 30))
        cursors.release(self.tx, "push", "a")
        self.assertFalse(cursors.hold(self.tx, "push", "a", 25, 40))
        cursors.release(self.tx, "push", "b")
        self.assertTrue(cursors.hold(self.tx, "push", "a", 25, 40))


@each_database
class ReportsTests(TransactionCase):
    """Reports wait for an administrator, the newest first."""

    def test_pages_of_reports(self) -> None:
        """Each page goes on where the last one ended."""
        made = [Report(ALICE, "room", f"!{number}:one", None, "spam", None, number) for number in range(5)]
        for report in made:
            reports.insert(self.tx, report)
        first = reports.latest(self.read, 2**62, 3)
        second = reports.latest(self.read, min(first), 3)

        self.assertEqual(made[::-1], [*first.values(), *second.values()])
