"""Tests of what becomes of a room while its servers do not reach each other, and after."""

from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from tests.federation.servers import (
    ALICE,
    BOB,
    CAROL,
    ONE,
    THREE,
    TWO,
    Federation,
)
from tests.waiting import until


class ThreeServers(Federation, TestCase):
    """Forks among three, and what becomes of them."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def shared_room(self, version: str) -> RoomID:
        room_id = await self.one.create(
            ALICE, version, preset="public_chat", power_level_content_override={"state_default": 0, "events": {}}
        )
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id, self.one, self.two)
        await self.three.join(CAROL, room_id, ONE)
        await self.settle(room_id)
        return room_id

    async def test_forks_heal(self) -> None:
        """Three servers change the same state while none reaches another; then all hold the same."""
        for version in ("1", "2", "10", "12"):
            room_id = await self.shared_room(version)
            for one, other in ((ONE, TWO), (TWO, THREE), (ONE, THREE)):
                self.network.cut(one, other)
            for server, user_id in ((self.one, ALICE), (self.two, BOB), (self.three, CAROL)):
                await server.set_state(user_id, room_id, "m.room.topic", {"topic": f"of {user_id}"})
                await server.send(user_id, room_id, "anyone there?")
                await server.set_state(user_id, room_id, "m.test", {"by": user_id}, user_id)
            self.network.heal()
            for server, user_id in ((self.one, ALICE), (self.two, BOB), (self.three, CAROL)):
                await server.send(user_id, room_id, "here I am")
            await self.settle(room_id)

            state = await self.one.state(room_id)
            for user_id in (ALICE, BOB, CAROL):
                self.assertIn(("m.test", user_id), state)
            self.assertEqual(6, len(await self.two.messages_of(room_id)))

    async def test_power_taken_while_apart(self) -> None:
        """Who loses the power to set the topic, and sets it before knowing, does not have the last word anywhere."""
        for version in ("2", "12"):
            room_id = await self.shared_room(version)
            self.network.cut(ONE, TWO)
            self.network.cut(TWO, THREE)
            levels: JSONObject = (
                {"users": {ALICE: 100}, "state_default": 50} if version == "2" else {"state_default": 50}
            )
            await self.one.set_state(ALICE, room_id, "m.room.power_levels", levels)
            await self.two.set_state(BOB, room_id, "m.room.topic", {"topic": "still mine"})
            self.network.heal()
            await self.one.send(ALICE, room_id, "again")
            await self.two.send(BOB, room_id, "again")
            await self.settle(room_id)

            self.assertNotIn(("m.room.topic", ""), await self.three.state(room_id))

    async def test_what_one_server_was_not_sent_it_asks_for(self) -> None:
        """A server that was cut off from one of two others gets what it missed through the third."""
        room_id = await self.shared_room("12")
        self.network.cut(ONE, THREE)
        await self.one.send(ALICE, room_id, "for all")

        async def has_it() -> bool:
            return await self.two.messages_of(room_id) == ["for all"]

        await until(has_it, "one of two has it")
        await self.two.send(BOB, room_id, "an answer")

        async def has_both() -> bool:
            return await self.three.messages_of(room_id) == ["for all", "an answer"]

        await until(has_both, "the other has both")
