"""
What others are told of a room as they enter it, and of rooms that they are not in.

Spec: proposals/3706, proposals/4311, proposals/4361
"""

from typing import Any

from twisted.trial.unittest import TestCase

from federation.core.paths import FEDERATION_V2, path_of, target_of
from federation.services.handshakes import refusal_of
from homeserver.core.identifiers import EventID, RoomID
from homeserver.services.ports import PeerFault
from homeserver.services.refusals import Forbidden, Misunderstood
from tests.federation.network import Asked
from tests.federation.servers import ALICE, BOB, CAROL, DAVE, ONE, THREE, TWO, Federation


class EnteringTests(Federation, TestCase):
    """Alice's server has the room; Carol's is in it; Bob's comes in."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def entered(self, room_id: RoomID, **query: str) -> Any:
        """What a server is answered whose user joins."""
        remote = self.two.remote_rooms
        template = await remote.handshakes.make("join", room_id, BOB, [ONE])
        join = remote._sign(template, room_id, BOB, {"membership": "join"})
        target = target_of(path_of(f"{FEDERATION_V2}/send_join", room_id, join.event_id), dict(query))
        return await self.two.request(self.one, "PUT", target, join.pdu)

    async def a_room(self, name: str | None = "Hall") -> RoomID:
        room_id = await self.one.create(ALICE, preset="public_chat", name=name)
        await self.one.join(DAVE, room_id)
        await self.three.join(CAROL, room_id, ONE)
        return room_id

    async def test_members_are_left_out_for_who_asks(self) -> None:
        """But those that others stand on; nothing is told twice, and who else is there is told."""
        room_id = await self.a_room()
        answer = (await self.entered(room_id, omit_members="true")).json
        state = {EventID(event["type"]) for event in answer["state"]}
        members = [event["state_key"] for event in answer["auth_chain"] if event["type"] == "m.room.member"]
        told = [str(event["hashes"]) for event in [*answer["state"], *answer["auth_chain"]]]

        self.assertIs(True, answer["members_omitted"])
        self.assertNotIn("m.room.member", state)
        self.assertLessEqual({"m.room.create", "m.room.power_levels", "m.room.join_rules"}, state)
        self.assertEqual([ALICE], members)
        self.assertEqual({ONE, TWO}, {*answer["event"]["signatures"]})
        self.assertEqual(len(told), len(set(told)))
        self.assertEqual({ONE, THREE}, {*answer["servers_in_room"]})

    async def test_a_room_without_a_name_is_named_after_its_members(self) -> None:
        """Their member events are there for who joins without the others, and each thing is told once."""
        room_id = await self.a_room(name=None)
        answer = (await self.entered(room_id, omit_members="true")).json
        members = {event["state_key"] for event in answer["state"] if event["type"] == "m.room.member"}
        told = [str(event["hashes"]) for event in [*answer["state"], *answer["auth_chain"]]]

        self.assertEqual({ALICE, DAVE, CAROL}, members)
        self.assertEqual(len(told), len(set(told)))

    async def test_all_is_told_to_who_does_not_ask(self) -> None:
        """With the members; an odd wish is refused."""
        room_id = await self.a_room()
        odd = await self.entered(room_id, omit_members="perhaps")
        answer = (await self.entered(room_id)).json
        members = {event["state_key"] for event in answer["state"] if event["type"] == "m.room.member"}
        chain = {event["type"] for event in answer["auth_chain"]}

        # What the join itself stands on is there as well.
        self.assertIn("m.room.join_rules", chain)
        self.assertEqual((400, "M_INVALID_PARAM"), (odd.status, odd.errcode))
        self.assertIs(False, answer["members_omitted"])
        self.assertEqual({ALICE, CAROL, DAVE}, members)
        self.assertEqual({ONE, THREE}, {*answer["servers_in_room"]})

    async def test_nobody_is_invited_to_where_they_cannot_come(self) -> None:
        """A room that does not federate is for its own server's users."""
        room_id = await self.one.create(ALICE, creation_content={"m.federate": False})
        await self.one.inviting.invite(ALICE, room_id, DAVE)
        with self.assertRaises(Forbidden):
            await self.one.inviting.invite(ALICE, room_id, BOB)
        content = {"membership": "invite"}
        with self.assertRaises(Forbidden):
            await self.one.inviting.invite_as(ALICE, room_id, BOB, dict(content))

        self.assertIsNone(await self.one.membership(room_id, BOB))
        self.assertEqual("invite", await self.one.membership(room_id, DAVE))

    async def test_what_is_shown_to_who_knocks_is_checked(self) -> None:
        """What is no event of the room is left out before a client sees it."""
        room_id = await self.one.create(ALICE, initial_state=[])
        await self.one.set_state(ALICE, room_id, "m.room.join_rules", {"join_rule": "knock"})
        await self.one.set_state(ALICE, room_id, "m.room.name", {"name": "true"})

        def forged(asked: Asked, answer: Any) -> Any:
            if "knock_room_state" in answer:
                shown = answer["knock_room_state"]
                name = next(event for event in shown if event["type"] == "m.room.name")
                other = {**name, "type": "m.room.topic", "content": {"topic": "forged"}}
                answer = {"knock_room_state": [*shown, other, {"type": "m.room.avatar", "content": {}}, 7]}
            return answer

        self.network.twist = forged
        await self.two.knock(BOB, room_id, ONE)
        row = (await self.two.memberships.of(BOB)).rows[room_id]
        types = {str(event["type"]) for event in row.stripped_state or ()}

        self.assertLessEqual({"m.room.create", "m.room.name", "m.room.join_rules"}, types)
        self.assertFalse({"m.room.topic", "m.room.avatar"} & types)

    async def test_servers_at_odds(self) -> None:
        """What another server finds wrong with this one's request is nothing that a client could mend."""
        for errcode in ("M_MISSING_PARAM", "M_INVALID_PARAM"):
            refusal = refusal_of(PeerFault(TWO, 400, errcode, {"errcode": errcode, "error": "what?"}))
            self.assertIsInstance(refusal, Misunderstood)
            self.assertEqual("what?", refusal.reason)
