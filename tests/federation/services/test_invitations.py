"""Tests of federation/services/invitations.py: users invite others of other servers."""

from typing import Any

from twisted.trial.unittest import TestCase

from homeserver.core.drafts import Draft
from homeserver.core.event_signatures import sign_event
from homeserver.core.pdu import parse_pdu
from homeserver.core.room_creation import InitialState
from homeserver.core.signatures import signatures_by
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.refusals import Forbidden, NotFound, Unreachable
from tests.federation.network import Asked
from tests.federation.servers import ALICE, BOB, CAROL, ERIN, ONE, TWO, Federation

MEMBER = "m.room.member"


KNOCKING = InitialState("m.room.join_rules", {"join_rule": "knock"})


class InvitationTests(Federation, TestCase):
    """Two servers; rooms are at home on the first."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def test_an_invited_user_joins_in_every_version(self) -> None:
        """The invited sees the name of the room, joins it, and is seen in it."""
        for version in ROOM_VERSIONS:
            room_id = await self.one.create(ALICE, version, preset="private_chat", name="Council")
            await self.one.inviting.invite(ALICE, room_id, BOB)

            self.assertEqual("invite", await self.two.own_membership(BOB, room_id))
            row = (await self.two.memberships.of(BOB)).rows[room_id]
            shown = {event["type"]: event["content"] for event in row.stripped_state or ()}
            self.assertEqual({"name": "Council"}, shown["m.room.name"])
            invite = await self.one.entry((await self.one.state(room_id))[MEMBER, BOB])
            assert invite is not None
            self.assertTrue(signatures_by(invite.event.pdu, TWO), "the server of the invited has signed")

            await self.two.join(BOB, room_id)
            await self.settle(room_id)
            self.assertEqual("join", await self.one.membership(room_id, BOB))

    async def test_a_declined_invitation_is_known_to_the_room(self) -> None:
        """In every version the invited who is not coming leaves, without the room being here."""
        for version in ROOM_VERSIONS:
            room_id = await self.one.create(ALICE, version, preset="private_chat")
            await self.one.inviting.invite(ALICE, room_id, BOB)
            await self.two.departing.leave(BOB, room_id)

            self.assertEqual("leave", await self.one.membership(room_id, BOB))
            self.assertEqual("leave", await self.two.own_membership(BOB, room_id))
            self.assertIsNone(await self.two.live_rooms.find(room_id))

    async def test_an_invitation_is_declined_though_nobody_answers(self) -> None:
        """Nobody is kept in an invitation by a server that cannot be reached."""
        room_id = await self.one.create(ALICE, preset="private_chat")
        await self.one.inviting.invite(ALICE, room_id, BOB)
        self.network.cut(ONE, TWO)
        await self.two.departing.leave(BOB, room_id)

        self.assertEqual("leave", await self.two.own_membership(BOB, room_id))

    async def test_a_withdrawn_invitation_ends(self) -> None:
        """Who is kicked or banned before they came is not invited any more, though their server is not in the room."""
        for membership in ("leave", "ban"):
            room_id = await self.one.create(ALICE, preset="private_chat")
            await self.one.inviting.invite(ALICE, room_id, BOB)
            await (self.one.departing.kick if membership == "leave" else self.one.departing.ban)(ALICE, room_id, BOB)
            await self.quiet()

            self.assertEqual(membership, await self.two.own_membership(BOB, room_id))

    async def test_an_invitation_is_ended_by_those_who_know_it_only(self) -> None:
        """A leave that does not cite the invitation changes nothing."""
        room_id = await self.one.create(ALICE, preset="private_chat")
        other = await self.one.create(ALICE, preset="private_chat")
        await self.one.inviting.invite(ALICE, room_id, BOB)
        room = await self.one.room(other)
        kick = await self.one.composer.compose(room, Draft(MEMBER, ALICE, {"membership": "ban"}, BOB))
        forged = parse_pdu({**kick.pdu, "room_id": room_id}, kick.version)
        answer = await self.one.send_pdus(self.two, sign_event(forged, ONE, self.one.key).pdu)

        self.assertEqual({}, answer)
        self.assertEqual("invite", await self.two.own_membership(BOB, room_id))

    async def test_the_invited_server_adds_a_signature_and_nothing_else(self) -> None:
        """What it changes of the event is not taken over; without its signature nobody is invited."""
        room_id = await self.one.create(ALICE, preset="private_chat")

        def twist(asked: Asked, answer: Any) -> Any:
            if "/invite/" in asked.target:
                answer["event"]["content"]["displayname"] = "Mallory"
            return answer

        self.network.twist = twist
        await self.one.inviting.invite(ALICE, room_id, BOB)
        entry = await self.one.entry((await self.one.state(room_id))[MEMBER, BOB])
        assert entry is not None
        self.assertNotIn("displayname", entry.event.content)

        def unsigned(asked: Asked, answer: Any) -> Any:
            if "/invite/" in asked.target:
                answer["event"]["signatures"].pop(TWO)
            return answer

        self.network.twist = unsigned
        with self.assertRaises(Unreachable):
            await self.one.inviting.invite(ALICE, room_id, ERIN)
        self.assertIsNone(await self.one.membership(room_id, ERIN))

    async def test_an_old_server_is_invited_by_the_first_version_of_the_operation(self) -> None:
        """As the rooms that such a server can be in are of version 1 or 2, no others are tried that way."""
        self.network.unknown = "/v2/invite/"
        for version in ("1", "2"):
            room_id = await self.one.create(ALICE, version, preset="private_chat")
            await self.one.inviting.invite(ALICE, room_id, BOB)
            self.assertEqual("invite", await self.two.own_membership(BOB, room_id), version)
            self.assertEqual("invite", await self.one.membership(room_id, BOB), version)
        room_id = await self.one.create(ALICE, "3", preset="private_chat")
        with self.assertRaises(NotFound):
            await self.one.inviting.invite(ALICE, room_id, BOB)

    async def test_invitations_of_nobody(self) -> None:
        """Who has no account here is not found; who is in the room is not invited again."""
        room_id = await self.one.create(ALICE, preset="private_chat")
        with self.assertRaises(NotFound):
            await self.one.inviting.invite(ALICE, room_id, BOB.replace("bob", "nobody"))  # type: ignore[arg-type]
        await self.one.inviting.invite(ALICE, room_id, BOB)
        await self.two.join(BOB, room_id)
        with self.assertRaises(Forbidden):
            await self.one.inviting.invite(ALICE, room_id, BOB)

    async def test_false_invitations_are_invalid(self) -> None:
        """No server signs what is no invitation of its user by a user of the server that asks."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        room = await self.one.room(room_id)
        create = await self.one.entry(room.state["m.room.create", ""])
        assert create is not None
        shown: list[Any] = [create.event.pdu]
        invite = await self.one.composer.compose(room, Draft(MEMBER, ALICE, {"membership": "invite"}, ERIN))
        topic = await self.one.composer.compose(room, Draft("m.room.topic", ALICE, {"topic": "x"}, ""))
        foreign = await self.one.composer.compose(room, Draft(MEMBER, ALICE, {"membership": "invite"}, CAROL))

        async def asked(event: Any, shown: list[Any] = shown, version: str = "12", **changes: Any) -> Any:
            body = {"event": {**event.pdu, **changes}, "room_version": version, "invite_room_state": shown}
            target = f"/_matrix/federation/v2/invite/{room_id}/{event.event_id}"
            response = await self.one.request(self.two, "PUT", target, body)
            return response.status, response.errcode

        invalid = (400, "M_INVALID_PARAM")
        self.assertEqual(invalid, await asked(topic))
        self.assertEqual(invalid, await asked(foreign))
        self.assertEqual(invalid, await asked(invite, signatures={}))
        self.assertEqual(invalid, await asked(invite, []))
        self.assertEqual(invalid, await asked(invite, [{"type": "m.room.create", "content": {}}]))
        self.assertEqual((400, "M_INCOMPATIBLE_ROOM_VERSION"), await asked(invite, version="99"))
        self.assertEqual((200, None), await asked(invite))

    async def test_an_invitation_to_a_room_that_is_here(self) -> None:
        """Where another user of the server is in the room the invited joins without a handshake."""
        room_id = await self.one.create(ALICE, preset="private_chat")
        for user_id in (BOB, ERIN):
            await self.one.inviting.invite(ALICE, room_id, user_id)
            await self.settle(room_id) if user_id == ERIN else None
            await self.two.join(user_id, room_id)
        await self.settle(room_id)

        self.assertEqual(1, sum("send_join" in asked.target for asked in self.network.asked))
        self.assertEqual("join", await self.one.membership(room_id, ERIN))
