"""What concerns an application service by the names of rooms, as these come and go."""

from homeserver.core.appservices.namespaces import Namespace, Namespaces
from homeserver.core.appservices.registration import Registration
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID
from homeserver.core.log import FORGOTTEN, Position
from homeserver.services.appservices.interest import Interest
from homeserver.store import room_aliases, rooms
from homeserver.store.write import Write
from tests.databases import DatabaseCase, each_database

ALICE = UserID("@alice:one.example")
ONE, OTHER = RoomID("!one:one.example"), RoomID("!other:one.example")
TEA, COFFEE = RoomAlias("#tea:one.example"), RoomAlias("#coffee:one.example")
SERVICE = Registration(
    id="irc",
    url="http://irc.example",
    as_token="as",
    hs_token="hs",
    sender=UserID("@irc:one.example"),
    namespaces=Namespaces(aliases=(Namespace("#tea.*", exclusive=True),)),
)


@each_database
class NameTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.interest = Interest(SERVICE, self.database)
        self.database.subscribe(self.interest.follow)
        for room_id in (ONE, OTHER):
            await self.database.write(rooms.insert_room, room_id, "12", ALICE)

    async def held(self) -> list[RoomID]:
        return [room_id for room_id in (ONE, OTHER) if await self.interest.holds(room_id, Position(1))]

    async def test_an_alias_is_noticed_at_once(self) -> None:
        """When it is made, when it moves to another room, and when it is no more; others' aliases are nothing to it."""
        self.assertEqual([], await self.held())
        await self.database.write(room_aliases.insert_new, COFFEE, ONE, [], ALICE)
        self.assertEqual([], await self.held())
        await self.database.write(room_aliases.insert_new, TEA, ONE, [], ALICE)
        self.assertEqual([ONE], await self.held())
        await self.database.write(room_aliases.move, ONE, OTHER, [ServerName("one.example")])
        self.assertEqual([OTHER], await self.held())
        await self.database.write(room_aliases.delete, TEA)
        self.assertEqual([], await self.held())

    async def test_a_deleted_room_is_another_when_it_comes_back(self) -> None:
        """Nothing is remembered of what it was."""
        await self.database.write(room_aliases.insert_new, TEA, ONE, [], ALICE)
        before = await self.interest.room(ONE)
        assert before is not None

        def forget(tx: Write) -> None:
            tx.log(FORGOTTEN, ONE, before.nid)

        await self.database.write(forget)
        after = await self.interest.room(ONE)

        self.assertIsNot(before, after)
        self.assertIsNotNone(after)
