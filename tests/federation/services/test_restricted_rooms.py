"""Tests of rooms that the members of another room may join, between servers."""

from typing import Any

from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.room_creation import InitialState
from homeserver.core.signatures import signatures_by
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.refusals import Forbidden
from tests.federation.servers import ALICE, BOB, CAROL, ERIN, ONE, THREE, TWO, Federation
from tests.federation.services.test_remote_rooms import MEMBER


class RestrictedRooms(Federation, TestCase):
    """Three servers; who is in the guild's hall may join the guild's rooms."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def restricted(self, hall: str, version: str = "12") -> Any:
        rule: JSONObject = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": hall}]}
        rules = InitialState("m.room.join_rules", rule)
        return await self.one.create(ALICE, version, preset="private_chat", initial_state=[rules])

    async def test_members_of_the_hall_come_in(self) -> None:
        """In every version that knows it, vouched for by the server that lets them in."""
        for version in [id for id, each in ROOM_VERSIONS.items() if "restricted" in each.auth.restricted]:
            hall = await self.one.create(ALICE, version, preset="public_chat")
            room_id = await self.restricted(hall, version)
            with self.assertRaises(Forbidden):
                await self.two.join(BOB, room_id, ONE)
            await self.two.join(BOB, hall, ONE)
            await self.settle(hall, self.one, self.two)
            await self.two.join(BOB, room_id, ONE)
            await self.settle(room_id, self.one, self.two)

            join = await self.two.entry((await self.two.state(room_id))[MEMBER, BOB])
            assert join is not None
            self.assertEqual(ALICE, join.event.content["join_authorised_via_users_server"])
            self.assertTrue(signatures_by(join.event.pdu, ONE))

    async def test_a_third_server_takes_such_a_join(self) -> None:
        """The signatures of both servers reach everybody in the room."""
        hall = await self.one.create(ALICE, preset="public_chat")
        room_id = await self.restricted(hall)
        for server, user_id in ((self.two, BOB), (self.three, CAROL)):
            await server.join(user_id, hall, ONE)
            await self.quiet()
            await server.join(user_id, room_id, ONE)
            await self.quiet()

        self.assertEqual("join", await self.two.membership(room_id, CAROL))

    async def test_a_user_of_a_server_that_is_in_the_room_asks_elsewhere(self) -> None:
        """Where nobody of the own server may let the user in, a server whose users may does."""
        hall = await self.one.create(ALICE, preset="public_chat")
        rule: JSONObject = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": hall}]}
        room_id = await self.one.create(
            ALICE,
            "10",
            preset="private_chat",
            initial_state=[InitialState("m.room.join_rules", rule)],
            power_level_content_override={"invite": 50},
        )
        for user_id in (BOB, ERIN):
            await self.two.join(user_id, hall, ONE)
        await self.settle(hall, self.one, self.two)
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id, self.one, self.two)
        await self.two.join(ERIN, room_id)
        await self.settle(room_id, self.one, self.two)

        join = await self.one.entry((await self.one.state(room_id))[MEMBER, ERIN])
        assert join is not None
        self.assertEqual(ALICE, join.event.content["join_authorised_via_users_server"])

    async def test_a_server_that_cannot_tell_says_so(self) -> None:
        """It answers M_UNABLE_TO_AUTHORISE_JOIN, or M_UNABLE_TO_GRANT_JOIN where none of its users may invite."""
        hall = await self.one.create(ALICE, preset="public_chat")
        room_id = await self.restricted(hall)
        await self.one.inviting.invite(ALICE, room_id, BOB)
        await self.two.join(BOB, room_id)
        await self.settle(room_id, self.one, self.two)
        target = f"/_matrix/federation/v1/make_join/{room_id}/{CAROL}?ver=12"
        response = await self.three.request(self.two, "GET", target)
        self.assertEqual((400, "M_UNABLE_TO_AUTHORISE_JOIN"), (response.status, response.errcode))

        await self.two.join(BOB, hall, ONE)
        await self.three.join(CAROL, hall, ONE)
        await self.quiet()
        levels: JSONObject = {"users": {}, "invite": 50}
        await self.one.set_state(ALICE, room_id, "m.room.power_levels", levels)
        await self.settle(room_id, self.one, self.two)
        response = await self.three.request(self.two, "GET", target)
        self.assertEqual((400, "M_UNABLE_TO_GRANT_JOIN"), (response.status, response.errcode))

        # The user who asks both comes in.
        await self.three.join(CAROL, room_id, TWO, ONE)
        self.assertEqual("join", await self.one.membership(room_id, CAROL))
