"""Tests of homeserver.services.inheriting where a room of another server takes the place of one of its."""

from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.services.account_data import write_account_data
from homeserver.services.inheriting import Inheriting
from homeserver.store import account_data
from tests.federation.servers import ALICE, BOB, ONE, TWO, Federation

TAGS = '{"tags":{"m.favourite":{}}}'


class InheritingAcrossServersTests(Federation, TestCase):
    names = (ONE, TWO)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        for way_in in (self.two.timeline, self.two.acceptance, self.two.arrival):
            way_in.companions.append(Inheriting(TWO))
        self.old = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, self.old, ONE)
        await self.two.database.write(write_account_data, BOB, self.old, "m.tag", TAGS)
        content = {"predecessor": {"room_id": self.old}}
        self.new = await self.one.create(ALICE, preset="public_chat", creation_content=content)

    async def end(self) -> None:
        content: JSONObject = {"body": "moved", "replacement_room": self.new}
        await self.one.set_state(ALICE, self.old, "m.room.tombstone", content)
        await self.settle(self.old, self.one, self.two)

    async def tags(self, room_id: RoomID) -> str | None:
        return await self.two.database.read(account_data.content, BOB, room_id, "m.tag")

    async def test_who_joins_through_another_server(self) -> None:
        """The first of this server to come into the new room finds their settings there."""
        await self.end()
        self.assertIsNone(await self.tags(self.new))
        await self.two.join(BOB, self.new, ONE)

        self.assertEqual(TAGS, await self.tags(self.new))

    async def test_who_was_there_first(self) -> None:
        """Who is in the new room before the old one ends has them when it does."""
        await self.two.join(BOB, self.new, ONE)
        self.assertIsNone(await self.tags(self.new))
        await self.end()

        self.assertEqual(TAGS, await self.tags(self.new))
