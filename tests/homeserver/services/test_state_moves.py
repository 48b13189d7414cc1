"""Tests of homeserver/services/state_moves.py."""

from homeserver.core.identifiers import RoomID
from homeserver.core.log import EVENT, MEMBERSHIP, RECEIPT, REMOTE_MEMBERSHIP, STATE, LogEntry, Position
from homeserver.services.state_moves import StateMoves
from tests.databases import DatabaseCase
from tests.rooms import room_services

ROOM, OTHER = RoomID("!room:example.org"), RoomID("!other:example.org")


def entry(position: int, kind: str, room_id: RoomID) -> LogEntry:
    return LogEntry(Position(position), kind, room_id, None)


class StateMovesTests(DatabaseCase):
    """Nothing that may have changed is taken for unchanged."""

    def setUp(self) -> None:
        super().setUp()
        self.moves = StateMoves(room_services(self.database).known, Position(10), rooms_max=2)

    def may_have_moved(self, room_id: RoomID, *after: int) -> list[bool]:
        return [self.moves.may_have_moved(room_id, Position(position)) for position in after]

    def test_before_it_began_nothing_is_known(self) -> None:
        """A room may have moved at any position before; since then it has not."""
        self.assertEqual([True, False, False], self.may_have_moved(ROOM, 9, 10, 20))

    def test_moves_are_told_from_the_rest(self) -> None:
        """A change of the state moves its room alone; what is no event moves nothing."""
        self.moves.follow([entry(11, RECEIPT, OTHER), entry(12, STATE, ROOM)])

        self.assertEqual([True, False], self.may_have_moved(ROOM, 11, 12))
        self.assertEqual([False], self.may_have_moved(OTHER, 10))

    def test_an_event_that_is_not_in_memory_may_be_state(self) -> None:
        """Another process wrote it: who knows."""
        self.moves.follow([entry(11, EVENT, ROOM)])

        self.assertEqual([True, False], self.may_have_moved(ROOM, 10, 11))

    def test_who_came_from_other_servers(self) -> None:
        """An event of our own users moves nobody else; one of others', and what resolution changes, may."""
        changes = [
            entry(11, EVENT, ROOM),
            LogEntry(Position(12), MEMBERSHIP, "@alice:example.org", 7),
            LogEntry(Position(13), REMOTE_MEMBERSHIP, "@bob:elsewhere.org", 7),
            entry(14, STATE, OTHER),
        ]

        told = []
        for each in changes:
            self.moves.follow([each])
            told.append((self._others_moved(ROOM, 7), self._others_moved(OTHER, 8)))

        self.assertEqual([(False, False), (False, False), (True, False), (True, True)], told)
        self.assertFalse(self.moves.servers_may_have_moved(ROOM, 7, Position(13)))
        self.assertTrue(self.moves.servers_may_have_moved(ROOM, 7, Position(9)))

    def _others_moved(self, room_id: RoomID, room_nid: int) -> bool:
        return self.moves.servers_may_have_moved(room_id, room_nid, Position(10))

    def test_rooms_that_are_forgotten_may_have_moved(self) -> None:
        """Up to where the last of the forgotten did, any room may have."""
        for position in (11, 12, 13):
            self.moves.follow([entry(position, STATE, RoomID(f"!{position}:example.org"))])

        self.assertEqual([True, False], self.may_have_moved(RoomID("!11:example.org"), 10, 11))
        self.assertEqual([True, False], self.may_have_moved(RoomID("!13:example.org"), 12, 13))
