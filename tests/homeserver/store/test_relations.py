"""Tests of homeserver/store/relations.py and waiting_redactions.py."""

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.relations import Relation
from homeserver.core.timeline import Ordering
from homeserver.store import relations, waiting_redactions
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one"), UserID("@bob:one")
ROOT, OTHER = EventID("$root"), EventID("$other")
ROOM = 7


@each_database
class RelationsTests(TransactionCase):
    """Events are found by what they refer to."""

    def relate(self, nid: int, to: EventID, rel_type: str, *, sender: UserID = ALICE, key: str | None = None) -> None:
        relations.insert(self.tx, ROOM, nid, Ordering(10 * nid), "m.room.message", sender, Relation(rel_type, to, key))

    def test_children_in_order(self) -> None:
        """Of all types or one, forward and backward, within bounds that are not part of the answer."""
        for nid, rel_type in enumerate(("m.thread", "m.reference", "m.thread", "m.thread"), 1):
            self.relate(nid, ROOT, rel_type)
        self.relate(9, OTHER, "m.thread")

        def nids(**options: object) -> list[int]:
            found = relations.children(self.read, ROOM, ROOT, **{"limit": 9, **options})  # type: ignore[arg-type]
            return [child.event_nid for child in found]

        self.assertEqual([4, 3, 2, 1], nids())
        self.assertEqual([1, 2, 3, 4], nids(backward=False))
        self.assertEqual([4, 3, 1], nids(rel_type="m.thread"))
        self.assertEqual([4], nids(rel_type="m.thread", limit=1))
        self.assertEqual([], nids(event_type="m.reaction"))
        self.assertEqual([3, 2], nids(after=10, before=40))
        relations.forget(self.tx, 4)
        self.assertEqual([3, 2, 1], nids())
        self.assertIsNone(relations.of_event(self.read, 4))

    def test_the_last_edits_of_their_author(self) -> None:
        """No more than so many, as of a place in the timeline; what others say instead crowds out none."""
        for nid, sender in enumerate((ALICE, ALICE, BOB, BOB, ALICE), 1):
            self.relate(nid, ROOT, "m.replace", sender=sender)
        self.relate(6, ROOT, "m.thread")
        self.relate(7, OTHER, "m.replace", sender=BOB)

        def nids(upto: int, limit: int) -> list[list[int]]:
            authors = {ROOT: ALICE, OTHER: BOB}
            found = relations.edits(self.read, ROOM, authors, Ordering(upto), limit)
            return [[child.event_nid for child in found[parent]] for parent in authors]

        self.assertEqual([[5, 2, 1], [7]], nids(100, 9))
        self.assertEqual([[5, 2], [7]], nids(100, 2))
        self.assertEqual([[2], []], nids(40, 1))

    def test_the_same_annotation_is_found(self) -> None:
        """Same sender, target, type and key."""
        self.relate(1, ROOT, "m.annotation", key="👍")

        self.assertEqual(1, relations.annotation(self.read, ROOT, "m.room.message", ALICE, "👍"))
        self.assertIsNone(relations.annotation(self.read, ROOT, "m.room.message", BOB, "👍"))
        self.assertIsNone(relations.annotation(self.read, ROOT, "m.room.message", ALICE, "👎"))

    def test_redactions_wait(self) -> None:
        """All that wait for an event are found when it comes."""
        for redaction in ("$r1", "$r2", "$r1"):
            waiting_redactions.insert(self.tx, ROOT, EventID(redaction))

        self.assertEqual({ROOT: ["$r1", "$r2"]}, waiting_redactions.of_events(self.read, [ROOT, OTHER]))
        waiting_redactions.remove(self.tx, ROOT, EventID("$r1"))
        self.assertEqual({ROOT: ["$r2"]}, waiting_redactions.of_events(self.read, [ROOT]))
