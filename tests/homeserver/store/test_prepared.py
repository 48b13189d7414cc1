"""Tests of homeserver/store/prepared.py."""

from sqlalchemy import bindparam, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store import memberships
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, insert_new, upsert
from homeserver.store.schema.accounts import filters
from homeserver.store.schema.users import users
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one"), UserID("@bob:one")
ROWS = [(user, number, f"{user} {number}") for user in (ALICE, BOB) for number in range(5)]


@each_database
class PreparedTests(TransactionCase):
    """A statement means the same on both databases, whatever stands in it."""

    def setUp(self) -> None:
        super().setUp()
        insertion = Insertion(filters)
        for row in ROWS:
            self.tx.insert(insertion, row)

    def test_lists_that_are_written_out(self) -> None:
        """Constants, lists of constants and variables stand beside each other, in any order."""
        statement = Prepared(
            select(filters.c.filter_id)
            .where(
                filters.c.filter_id.in_([4, 1, 3]),
                filters.c.user_id == bindparam("user"),
                filters.c.filter_id != 1,
                filters.c.filter.not_in(["a", bindparam("b")]),
            )
            .order_by(filters.c.filter_id)
            .limit(5)
        )

        self.assertEqual([(3,), (4,)], statement.all(self.read, user=ALICE, b="c"))
        self.assertEqual([(4,)], statement.all(self.read, user=ALICE, b="@alice:one 3"))

    def test_lists_of_any_length(self) -> None:
        """Each row that is asked for comes once, however often and among however many it is asked for."""
        statement = PreparedIn(
            lambda numbers: select(filters.c.filter_id).where(
                filters.c.user_id == bindparam("user"), filters.c.filter_id.in_(numbers)
            )
        )

        for count in (0, 1, 2, 3, 4, 5, 511, 512, 513, 2000):
            found = statement.all(self.read, [*range(count), *range(count)], user=BOB)
            self.assertEqual([(n,) for n in range(min(count, 5))], sorted(found))

    def test_lists_of_odd_values(self) -> None:
        """A value of a list is what it is, whatever it has in it."""
        odd = [UserID(text) for text in ("@a,b", '@"', "@\\", "@{}", "@NULL", "NULL", "@ \0 \x1a", "@é%s'", "")]
        for user in odd:
            self.tx.insert(Insertion(filters), (user, 1, user))
        statement = PreparedIn(
            lambda users: select(filters.c.user_id, filters.c.filter).where(filters.c.user_id.in_(users))
        )

        for _ in range(6):
            self.assertEqual({(user, user) for user in odd}, set(statement.all(self.read, odd)))
        self.assertEqual([], statement.all(self.read, ["@nobody\0"]))

    def test_a_missing_variable_is_an_error(self) -> None:
        """Nothing is taken for a value that was not given."""
        statement = Prepared(select(filters.c.filter).where(filters.c.user_id == bindparam("user")))
        with self.assertRaises(KeyError):
            statement.all(self.read)

    def test_upsert_and_insert_new(self) -> None:
        """The one replaces what it says, the other leaves what is there."""
        self.assertEqual(0, self.tx.run(insert_new(filters), user_id=ALICE, filter_id=1, filter="new"))
        self.assertEqual(1, self.tx.run(insert_new(filters), user_id=ALICE, filter_id=9, filter="new"))
        self.assertEqual(1, self.tx.run(upsert(filters), user_id=ALICE, filter_id=1, filter="newer"))
        text = Prepared(
            select(filters.c.filter).where(filters.c.user_id == ALICE, filters.c.filter_id == bindparam("n"))
        )

        self.assertEqual(["newer", "new"], [text.scalar(self.read, n=n) for n in (1, 9)])

    def test_types_in_and_out(self) -> None:
        """Truth is truth and not a number, and strings may hold what databases do not like."""
        odd = UserID("@\0 \x1a \x1a0 \x1a1 ' % %s : ? é \U0001f600")
        insertion = Insertion(users)
        flags = (False, True, False, False, True, False, False)
        row = (odd, None, 2**53, *flags, None, None)
        insertion.run(self.tx.connection, [row])
        found = Prepared(select(*users.c).where(users.c.user_id == bindparam("user"))).all(self.read, user=odd)

        self.assertEqual([row], found)
        self.assertIs(True, found[0][4])
        self.assertEqual([], memberships.of_user(self.read, odd))

    def test_statements_see_gathered_rows(self) -> None:
        """A statement on the table of rows that were only gathered finds them; their positions are those of the log."""
        position = self.tx.log("filters", ALICE)
        self.tx.insert(Insertion(filters), (ALICE, position + 100, "gathered"))
        changed = self.tx.run(upsert(filters), user_id=ALICE, filter_id=position + 100, filter="changed")

        self.assertEqual(1, changed)
        self.assertEqual(Position(position), self.tx.position)
