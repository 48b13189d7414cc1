"""Tests of homeserver.services.erased_users."""

from homeserver.core.identifiers import UserID
from homeserver.services.erased_users import ErasedUsers
from homeserver.store import users
from homeserver.store.users import NewAccount
from homeserver.store.write import Write
from tests.databases import DatabaseCase, each_database

ERASED = [UserID(f"@erased{number}:example.org") for number in range(3)]
STAYING = [UserID(f"@staying{number}:example.org") for number in range(3)]


def _erase(tx: Write) -> None:
    for user_id in ERASED:
        users.insert_new(tx, NewAccount(user_id, None, 0))
        users.deactivate(tx, user_id, erase=True)


@each_database
class ErasedUsersTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        await self.database.write(_erase)

    async def test_the_bound_hides_nobody(self) -> None:
        """Who is dropped from memory for the sake of those looked up with them is told as erased all the same."""
        erased = ErasedUsers(self.database, users_max=1)
        for asked in (ERASED[:1], [*ERASED, *STAYING], [ERASED[0], STAYING[0]], [ERASED[0], *STAYING]):
            self.assertEqual({*ERASED} & {*asked}, await erased.among(asked))
            self.assertLessEqual(len(erased._known), 1)
