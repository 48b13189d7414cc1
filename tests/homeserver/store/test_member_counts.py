"""Tests of homeserver/store/member_counts.py."""

import random

from homeserver.core.identifiers import EventID
from homeserver.core.log import EVENT
from homeserver.core.timeline import ordering_at
from homeserver.store import events, member_counts, state
from homeserver.store.events import StoredEvent
from homeserver.store.member_counts import MemberCounts
from tests.builders import ALICE
from tests.databases import TransactionCase, each_database

ROOM = 7
HEROES = 3


@each_database
class MemberCountsTests(TransactionCase):
    def move(self, name: str, membership: str | None) -> int:
        """A member is something else, or nothing any more; at the position that is answered."""
        position = self.tx.log(EVENT, "!r:one")
        if membership is not None:
            row = StoredEvent(
                position,
                EventID(f"${position}"),
                ROOM,
                ordering_at(position),
                "m.room.member",
                name,
                ALICE,
                1,
                1,
                b"{}",
            )
            events.insert(self.tx, row)
        nid = None if membership is None else position
        state.change(self.tx, ROOM, position, ("m.room.member", name), nid, membership=membership)
        return position

    def test_counting_on_and_counting_afresh(self) -> None:
        """Whoever comes and goes, what is counted on from before is what is counted as a whole."""
        chance = random.Random(3)
        names = [f"@{number}:one" for number in range(20)]
        memberships = ["join", "join", "join", "invite", "leave", "ban", None]
        counts, at, afresh = MemberCounts(0, 0, (), ()), self.tx.position, 0
        for _ in range(120):
            for _ in range(chance.randint(1, 3)):
                upto = self.move(chance.choice(names), chance.choice(memberships))
            whole = member_counts.member_counts(self.read, ROOM, upto, HEROES)  # type: ignore[arg-type]
            assert whole is not None
            on = member_counts.counted_on(self.read, ROOM, counts, at, upto, HEROES)  # type: ignore[arg-type]
            afresh += on is None
            self.assertEqual(whole, whole if on is None else on)
            counts, at = whole, upto  # type: ignore[assignment]

        self.assertGreater(110, afresh)

    def test_too_many_are_left_to_others(self) -> None:
        """Where there is more to count than was allowed, the answer is None."""
        first, *_ = [self.move(f"@{number}:one", "join") for number in range(5)]
        end = self.tx.position
        counts = member_counts.member_counts(self.read, ROOM, end, HEROES, 5)

        self.assertEqual(MemberCounts(5, 0, ("@0:one", "@1:one", "@2:one"), (), 5), counts)  # type: ignore[arg-type]
        self.assertIsNone(member_counts.member_counts(self.read, ROOM, end, HEROES, 4))
        self.patch(member_counts, "MOVED_MAX", 3)
        assert counts is not None
        self.assertIsNone(member_counts.counted_on(self.read, ROOM, counts, first, end, HEROES))  # type: ignore[arg-type]
