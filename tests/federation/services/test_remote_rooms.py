"""Tests of federation/services/remote_rooms.py, residence.py and invitations.py: users come and go between servers."""

from twisted.trial.unittest import TestCase

from homeserver.core.versions import ROOM_VERSIONS
from tests.federation.servers import ALICE, BOB, ONE, TWO, Federation


class ComingAndGoing(Federation, TestCase):
    """Two servers; rooms are at home on the first."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def test_join_and_talk_in_every_version(self) -> None:
        """A user of another server joins; what both say reaches both; both hold the same state; the user leaves."""
        for version in ROOM_VERSIONS:
            room_id = await self.one.create(ALICE, version, preset="public_chat")
            await self.one.send(ALICE, room_id, "before")
            await self.two.join(BOB, room_id, ONE)
            await self.one.send(ALICE, room_id, "welcome")
            await self.settle(room_id)
            await self.two.send(BOB, room_id, "well met")
            await self.settle(room_id)

            self.assertEqual("join", await self.one.membership(room_id, BOB))
            self.assertEqual(["before", "welcome", "well met"], await self.one.messages_of(room_id))
            self.assertEqual(["welcome", "well met"], await self.two.messages_of(room_id))

            await self.two.departing.leave(BOB, room_id)
            await self.quiet()
            self.assertEqual("leave", await self.one.membership(room_id, BOB))
            self.assertNotIn(TWO, (await self.one.room(room_id)).servers)
