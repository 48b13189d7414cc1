"""Tests of homeserver/store/rooms.py, memberships.py, room_aliases.py and room_summaries.py."""

from attrs import evolve

from homeserver.core.identifiers import EventID, RoomAlias, RoomID, ServerName, UserID
from homeserver.core.log import ALIASES, Position
from homeserver.store import memberships, room_aliases, room_summaries, rooms
from homeserver.store.room_summaries import RoomSummary
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one"), UserID("@bob:one")
ROOM = RoomID("!room:one")


@each_database
class RoomsTests(TransactionCase):
    """A room is known by its ID and its number, and moves on by one writer at a time."""

    def test_a_new_room_is_empty(self) -> None:
        """Nothing is in it, and nobody of this server takes part yet."""
        nid = rooms.insert_room(self.tx, ROOM, "12", ALICE)
        room = rooms.by_id(self.read, ROOM)

        assert room is not None
        self.assertEqual(
            (nid, "12", 0, (), False, False),
            (room.nid, room.version, room.generation, room.forward_extremities, room.joined, room.is_public),
        )
        self.assertEqual(room, rooms.by_nid(self.read, nid))
        self.assertEqual({nid: room}, rooms.by_nids(self.read, [nid, nid + 1]))
        self.assertEqual({ROOM: room}, rooms.by_ids(self.read, [ROOM, RoomID("!no:one")]))
        self.assertIsNone(rooms.by_id(self.read, RoomID("!no:one")))

    def test_who_comes_second_is_refused(self) -> None:
        """A room moves on from the generation that was seen, and from no other."""
        nid = rooms.insert_room(self.tx, ROOM, "12", ALICE)

        self.assertTrue(rooms.advance(self.tx, nid, 0, (EventID("$a"), EventID("$b"))))
        self.assertFalse(rooms.advance(self.tx, nid, 0, (EventID("$c"),)))
        room = rooms.by_nid(self.read, nid)
        assert room is not None
        self.assertEqual((1, ("$a", "$b")), (room.generation, room.forward_extremities))

    def test_what_is_set_is_read(self) -> None:
        """Each of the things that are said of a room by itself."""
        nid = rooms.insert_room(self.tx, ROOM, None, None)
        rooms.set_version(self.tx, nid, "10", BOB)
        rooms.set_joined(self.tx, nid, True)
        rooms.set_public(self.tx, nid, True)
        rooms.set_blocked(self.tx, nid, True)
        room = rooms.by_nid(self.read, nid)

        assert room is not None
        self.assertEqual(
            ("10", BOB, True, True, True),
            (room.version, room.creator, room.joined, room.is_public, room.blocked),
        )
        self.assertEqual([room], rooms.joined(self.read))


@each_database
class MembershipsTests(TransactionCase):
    """What local users are to rooms."""

    def put(self, room_nid: int, user_id: UserID, membership: str, position: int) -> None:
        memberships.replace(
            self.tx,
            user_id=user_id,
            room_nid=room_nid,
            membership=membership,
            position=Position(position),
            event_nid=None,
            sender=BOB,
            stripped_state=[{"type": "m.room.name"}] if membership == "invite" else None,
        )

    def test_the_newest_counts(self) -> None:
        """A user is one thing to a room at a time, and keeps the stripped state of an invite only."""
        nid = rooms.insert_room(self.tx, ROOM, "12", ALICE)
        self.put(nid, ALICE, "invite", 1)
        invited = memberships.of_user(self.read, ALICE)
        self.put(nid, ALICE, "join", 2)
        self.put(nid, BOB, "leave", 3)

        self.assertEqual([[{"type": "m.room.name"}]], [row.stripped_state for row in invited])
        (row,) = memberships.of_user(self.read, ALICE)
        self.assertEqual(
            (ROOM, nid, "join", 2, None), (row.room_id, row.room_nid, row.membership, row.position, row.stripped_state)
        )
        self.assertEqual([ALICE], memberships.joined(self.read, nid))
        self.assertEqual(2, len(memberships.of_room(self.read, nid)))
        self.assertEqual([row], memberships.of_user_in(self.read, ALICE, [nid, nid + 1]))
        self.assertEqual([row], memberships.of_users(self.read, nid, [ALICE]))
        self.assertEqual(1, memberships.joined_count(self.read, ALICE))

    def test_only_what_was_left_is_forgotten(self) -> None:
        """Whoever is in a room cannot forget it, and who comes back remembers."""
        nid = rooms.insert_room(self.tx, ROOM, "12", ALICE)
        self.put(nid, ALICE, "join", 1)
        self.assertFalse(memberships.forget(self.tx, ALICE, nid))
        self.put(nid, ALICE, "leave", 2)
        self.assertTrue(memberships.forget(self.tx, ALICE, nid))
        self.assertEqual([True], [row.forgotten for row in memberships.of_user(self.read, ALICE)])
        self.put(nid, ALICE, "invite", 3)
        self.assertEqual([False], [row.forgotten for row in memberships.of_user(self.read, ALICE)])


@each_database
class AliasesTests(TransactionCase):
    """An alias points to one room."""

    def test_the_first_one_has_it(self) -> None:
        """A taken alias stays where it points until it is given up."""
        alias, other = RoomAlias("#a:one"), RoomID("!other:one")
        servers = (ServerName("one"), ServerName("two"))
        self.assertTrue(room_aliases.insert_new(self.tx, alias, ROOM, servers, ALICE))
        self.assertFalse(room_aliases.insert_new(self.tx, alias, other, (), BOB))

        found = room_aliases.by_alias(self.read, alias)
        assert found is not None
        self.assertEqual((ROOM, servers, ALICE), (found.room_id, found.servers, found.creator))
        self.assertEqual([found], room_aliases.of_room(self.read, ROOM))
        self.assertEqual(1, room_aliases.move(self.tx, ROOM, other, servers))
        self.assertEqual([], room_aliases.of_room(self.read, ROOM))
        self.assertTrue(room_aliases.delete(self.tx, alias))
        self.assertFalse(room_aliases.delete(self.tx, alias))
        # Made, moved from and to, deleted: whoever follows the log is told of each.
        told = [entry.subject for entry in self.tx.entries if entry.kind == ALIASES]
        self.assertEqual([ROOM, ROOM, other, other], told)


@each_database
class SummariesTests(TransactionCase):
    """The directory is walked from the fullest room to the emptiest, and back."""

    def setUp(self) -> None:
        super().setUp()
        self.summaries = [self.put(f"Room {number}", members=10 * (1 + number // 2)) for number in range(7)]
        hidden = self.put("Room hidden", members=500)
        rooms.set_public(self.tx, hidden.room_nid, False)

    def put(self, name: str, *, members: int) -> RoomSummary:
        room_id = RoomID(f"!{name}:one")
        nid = rooms.insert_room(self.tx, room_id, "12", ALICE)
        rooms.set_public(self.tx, nid, True)
        summary = RoomSummary(
            room_nid=nid,
            room_id=room_id,
            name=name,
            topic="100%",
            canonical_alias=None,
            avatar_url=None,
            room_type=None,
            join_rule="public",
            encryption=None,
            guest_can_join=True,
            world_readable=False,
            joined_members=members,
        )
        room_summaries.replace(self.tx, summary)
        return summary

    def test_pages_hold_every_room_once(self) -> None:
        """Whatever the page's size, forward and backward, and with as many rooms of one size as there are."""
        expected = sorted(self.summaries, key=lambda s: (s.joined_members, s.room_nid), reverse=True)
        seen: list[RoomSummary] = []
        place = None
        while page := room_summaries.public(self.read, term=None, after=place, limit=2):
            seen += page
            place = (page[-1].joined_members, page[-1].room_nid)
        back = room_summaries.public(self.read, term=None, after=place, limit=3, backward=True)

        self.assertEqual(expected, seen)
        self.assertEqual(expected[-4:-1], back)
        self.assertEqual(7, room_summaries.public_count(self.read))

    def test_a_term_is_found_as_it_is(self) -> None:
        """Letters in any case; what means something to the database means itself."""

        def names(term: str) -> list[str | None]:
            return [s.name for s in room_summaries.public(self.read, term=term, after=None, limit=20)]

        self.assertEqual(["Room 3"], names("rOOm 3"))
        self.assertEqual(7, len(names("100%")))
        self.assertEqual([], names("1%0"))
        self.assertEqual([], names("room_3"))

    def test_a_summary_is_replaced(self) -> None:
        """The newest is shown."""
        newer = evolve(self.summaries[0], topic=None, joined_members=3)
        room_summaries.replace(self.tx, newer)

        self.assertEqual({newer.room_nid: newer}, room_summaries.by_nids(self.read, [newer.room_nid]))
