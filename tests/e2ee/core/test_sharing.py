"""Tests of e2ee/core/sharing.py."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from e2ee.core.sharing import Move, Sharing, Stay, settled, sharing_of, stay_of
from homeserver.core.log import Position


def moves(*each: tuple[int, int, bool]) -> list[Move]:
    return [Move(Position(position), room, joined) for position, room, joined in each]


def stay(*each: tuple[int, int, bool]) -> Stay:
    """Over the span (10, 20]."""
    return stay_of(moves(*each), Position(10), Position(20))


HOME = stay((1, 7, True))


class SharingTests(TestCase):
    def test_who_stays_shares_all_the_time(self) -> None:
        """Nothing begins, nothing ends."""
        self.assertEqual(settled(frozenset({7})), HOME)
        self.assertIs(Sharing.SAME, sharing_of(HOME, HOME))

    def test_a_join_begins_it_and_a_leave_ends_it(self) -> None:
        """Positions up to the end of the span count, later ones do not."""
        self.assertIs(Sharing.BEGUN, sharing_of(HOME, stay((20, 7, True))))
        self.assertIs(Sharing.ENDED, sharing_of(HOME, stay((1, 7, True), (15, 7, False))))
        self.assertIs(Sharing.SAME, sharing_of(HOME, stay((21, 7, True))))

    def test_who_went_and_came_back_begins_anew(self) -> None:
        """In between changes went unheard."""
        self.assertIs(Sharing.BEGUN, sharing_of(HOME, stay((1, 7, True), (12, 7, False), (13, 7, True))))

    def test_another_room_that_was_shared_all_along_is_enough(self) -> None:
        """Then no change went unheard."""
        both = stay((1, 7, True), (1, 8, True))

        self.assertIs(Sharing.SAME, sharing_of(both, stay((1, 8, True), (12, 7, True))))
        self.assertIs(Sharing.SAME, sharing_of(both, stay((1, 8, True), (1, 7, True), (12, 7, False))))

    def test_saying_again_that_one_is_in_moves_nobody(self) -> None:
        """A new name is a member event too."""
        self.assertEqual(HOME, stay((1, 7, True), (15, 7, True)))

    @given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 3), st.booleans()), max_size=12))
    def test_ends_agree_with_a_replay(self, each: list[tuple[int, int, bool]]) -> None:
        """The rooms at both ends are those that the moves leave a user in; throughout is within both."""
        ordered = sorted(each, key=lambda move: move[0])
        found = stay(*ordered)

        for rooms, until in ((found.before, 10), (found.after, 20)):
            last = {room: joined for position, room, joined in ordered if position <= until}
            self.assertEqual({room for room, joined in last.items() if joined}, rooms)
        self.assertLessEqual(found.throughout, found.before & found.after)
