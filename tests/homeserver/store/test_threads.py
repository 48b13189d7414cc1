"""Tests of homeserver/store/threads.py."""

from typing import Any

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.relations import Relation
from homeserver.core.timeline import Ordering
from homeserver.store import relations, threads
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one"), UserID("@bob:one")
ROOT, OTHER = EventID("$root"), EventID("$other")
ROOM = 7


@each_database
class ThreadsTests(TransactionCase):
    """Threads are found by the replies to their roots."""

    def relate(self, nid: int, to: EventID, rel_type: str, sender: UserID = ALICE) -> None:
        relations.insert(self.tx, ROOM, nid, Ordering(10 * nid), "m.room.message", sender, Relation(rel_type, to))

    def test_threads(self) -> None:
        """Threads are listed by their newest reply, with how many they have."""
        for nid, (root, sender) in enumerate(((ROOT, ALICE), (OTHER, ALICE), (ROOT, BOB)), 1):
            self.relate(nid, root, "m.thread", sender)
        self.relate(8, OTHER, "m.reference")

        end = Ordering(1_000)

        def page(
            before: int = end, upto: Ordering = end, limit: int = 9, **more: int
        ) -> tuple[list[EventID], int | None]:
            found = threads.page(self.read, ROOM, Ordering(before), upto, limit, **more)
            return [thread.root for thread in found.threads], found.place

        self.assertEqual(([ROOT, OTHER], None), page())
        self.assertEqual(([ROOT], 30), page(limit=1))
        self.assertEqual(([OTHER], 20), page(30, limit=1))
        self.assertEqual(([], None), page(20))
        # As it was before the last reply.
        self.assertEqual(([OTHER, ROOT], None), page(upto=Ordering(25), before=26))
        # No more than so much is looked at.
        self.assertEqual(([ROOT], 30), page(replies_max=1))
        summaries = threads.summaries_of(self.read, ROOM, [ROOT, EventID("$no")])
        assert summaries is not None
        self.assertEqual(summaries, threads.summaries_of(self.read, ROOM, [ROOT], 100))
        self.assertIsNone(threads.summaries_of(self.read, ROOM, [ROOT], 1))
        self.assertEqual([(ROOT, 2, 3)], [(t.root, t.count, t.latest_nid) for t in summaries.values()])
        self.assertEqual({ROOT}, threads.answered_by(self.read, [ROOT, OTHER], BOB))


class ThreadCostTests(TransactionCase):
    """What SQLite makes of the questions, which chooses its way by the values asked for."""

    def test_a_thread_costs_its_own_replies(self) -> None:
        """However many others there are in the room."""
        reply, other = Relation("m.thread", ROOT), Relation("m.thread", OTHER)
        for nid in range(1, 3_001):
            relations.insert(self.tx, ROOM, nid, Ordering(nid), "m.room.message", ALICE, reply if nid <= 3 else other)
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        driver: Any = self.read.connection.driver_connection
        driver.set_progress_handler(count, 10)
        children = relations.children(self.read, ROOM, ROOT, rel_type="m.thread", limit=5)
        summaries = threads.summaries_of(self.read, ROOM, [ROOT])
        driver.set_progress_handler(None, 0)

        self.assertEqual([3, 2, 1], [child.event_nid for child in children])
        self.assertEqual([3], [thread.count for thread in (summaries or {}).values()])
        self.assertLess(steps, 100)
