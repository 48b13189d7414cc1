"""
Tests of federation/services/remote_rooms.py, handshakes.py, residence.py and entering.py.

Users come and go between servers.
"""

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.event_signatures import sign_event
from homeserver.core.pdu import parse_pdu
from homeserver.core.room_creation import InitialState
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.ports import PeerFault
from homeserver.services.refusals import Forbidden, IncompatibleVersion, NotFound, Refusal, Unreachable
from tests.federation.network import Asked
from tests.federation.servers import ALICE, BOB, CAROL, DAVE, ERIN, ONE, TWO, Federation
from tests.waiting import until

MEMBER = "m.room.member"


KNOCKING = InitialState("m.room.join_rules", {"join_rule": "knock"})


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

    async def test_knocking_in_every_version_that_knows_it(self) -> None:
        """Who knocks is known to the room, sees what it shows, and is let in; or takes the knock back."""
        for version in [id for id, each in ROOM_VERSIONS.items() if each.auth.knockable]:
            room_id = await self.one.create(ALICE, version, preset="private_chat", initial_state=[KNOCKING])
            await self.two.knock(BOB, room_id, ONE)

            self.assertEqual("knock", await self.one.membership(room_id, BOB))
            self.assertEqual("knock", await self.two.own_membership(BOB, room_id))
            await self.two.departing.leave(BOB, room_id)
            self.assertEqual("leave", await self.one.membership(room_id, BOB), version)

            await self.two.knock(BOB, room_id, ONE)
            await self.one.inviting.invite(ALICE, room_id, BOB)
            self.assertEqual("invite", await self.two.own_membership(BOB, room_id))
            await self.two.join(BOB, room_id)
            self.assertEqual("join", await self.one.membership(room_id, BOB))

    async def test_rooms_without_knocking_refuse_it(self) -> None:
        """Until v6 nobody knocks."""
        room_id = await self.one.create(ALICE, "6", preset="private_chat")
        with self.assertRaises(Refusal):
            await self.two.knock(BOB, room_id, ONE)

    async def test_who_may_not_join_is_told_so(self) -> None:
        """The uninvited and the banned are forbidden; nobody joins what is not there."""
        private = await self.one.create(ALICE, preset="private_chat")
        with self.assertRaises(Forbidden):
            await self.two.join(BOB, private, ONE)
        public = await self.one.create(ALICE, preset="public_chat")
        await self.one.departing.ban(ALICE, public, BOB)
        with self.assertRaises(Forbidden):
            await self.two.join(BOB, public, ONE)
        with self.assertRaises(NotFound):
            await self.two.join(BOB, public.replace("!", "!no"), ONE)  # type: ignore[arg-type]
        self.network.cut(ONE, TWO)
        with self.assertRaises(Refusal):
            await self.two.join(BOB, public, ONE)

    async def test_a_version_that_the_joining_server_does_not_know(self) -> None:
        """make_join answers M_INCOMPATIBLE_ROOM_VERSION and the version; the user is told."""
        room_id = await self.one.create(ALICE, "9", preset="public_chat")
        path = f"/_matrix/federation/v1/make_join/{room_id}/{BOB}"
        response = await self.two.request(self.one, "GET", f"{path}?ver=1&ver=10")
        self.assertEqual(400, response.status)
        self.assertEqual("M_INCOMPATIBLE_ROOM_VERSION", response.errcode)
        self.assertEqual("9", response.json["room_version"])
        # Who says nothing knows version 1 alone.
        self.assertEqual(400, (await self.two.request(self.one, "GET", path)).status)

        def from_the_future(asked: Asked, answer: Any) -> Any:
            return {**answer, "room_version": "99"} if "make_join" in asked.target else answer

        self.network.twist = from_the_future
        with self.assertRaises(IncompatibleVersion) as told:
            await self.two.join(BOB, room_id, ONE)
        self.assertEqual("99", told.exception.room_version)

        # A server that offers what we do not know says so itself.
        self.network.fault = PeerFault(ONE, 400, "M_INCOMPATIBLE_ROOM_VERSION", {"room_version": "98"})
        with self.assertRaises(IncompatibleVersion) as refused:
            await self.two.knock(BOB, room_id, ONE)
        self.assertEqual("98", refused.exception.room_version)

    async def test_a_denied_server_gets_no_form(self) -> None:
        """Servers that the room's ACL denies neither join, leave nor knock."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.one.set_state(ALICE, room_id, "m.room.server_acl", {"allow": ["*"], "deny": ["two.*"]})
        for kind in ("join?ver=12", "leave", "knock?ver=12"):
            name, _, query = kind.partition("?")
            target = f"/_matrix/federation/v1/make_{name}/{room_id}/{BOB}" + (f"?{query}" if query else "")
            response = await self.two.request(self.one, "GET", target)

            self.assertEqual((403, "M_FORBIDDEN"), (response.status, response.errcode), kind)

    async def test_servers_speak_for_their_own_users(self) -> None:
        """Nobody gets a form for, or sends, a membership of another server's user."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        response = await self.two.request(self.one, "GET", f"/_matrix/federation/v1/make_join/{room_id}/{CAROL}?ver=12")
        self.assertEqual(403, response.status)

    async def form(self, room_id: str, kind: str = "join") -> JSONObject:
        """A form for bob."""
        target = f"/_matrix/federation/v1/make_{kind}/{room_id}/{BOB}?ver=12"
        response = await self.two.request(self.one, "GET", target)
        self.assertEqual(200, response.status, response.body)
        form: JSONObject = response.json["event"]
        return form

    async def sent(self, room_id: str, **changes: Any) -> tuple[int, str | None]:
        """What send_join says to bob's completed form with *changes*, signed by his server."""
        form = await self.form(room_id)
        del form["origin"]
        pdu = {**form, "hashes": {"sha256": ""}, "signatures": {}, **changes}
        event = sign_event(parse_pdu(pdu, ROOM_VERSIONS["12"]), TWO, self.two.key)
        target = f"/_matrix/federation/v2/send_join/{room_id}/{event.event_id}"
        response = await self.two.request(self.one, "PUT", target, event.pdu)
        return response.status, response.errcode

    async def test_joins_that_are_none_are_invalid(self) -> None:
        """Another type, membership, sender or state key, and events without a signature, are M_INVALID_PARAM."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        invalid = (400, "M_INVALID_PARAM")
        self.assertEqual(invalid, await self.sent(room_id, type="m.room.topic"))
        self.assertEqual(invalid, await self.sent(room_id, content={"membership": "leave"}))
        self.assertEqual(invalid, await self.sent(room_id, sender=ALICE, state_key=ALICE))
        self.assertEqual(invalid, await self.sent(room_id, state_key=CAROL))
        form = await self.form(room_id)
        unsigned = parse_pdu({**form, "hashes": {"sha256": ""}, "signatures": {}}, ROOM_VERSIONS["12"])
        target = f"/_matrix/federation/v2/send_join/{room_id}/{unsigned.event_id}"
        response = await self.two.request(self.one, "PUT", target, unsigned.pdu)
        self.assertEqual(invalid, (response.status, response.errcode))
        self.assertIsNone(await self.one.membership(room_id, BOB))

    async def test_a_join_without_a_place_is_refused(self) -> None:
        """A join that follows unknown events, or none, is not let in."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        status, _ = await self.sent(room_id, prev_events=["$" + "A" * 43])
        self.assertEqual(400, status)
        status, errcode = await self.sent(room_id, prev_events=[])
        self.assertEqual((403, "M_FORBIDDEN"), (status, errcode))
        self.assertIsNone(await self.one.membership(room_id, BOB))

    async def test_a_form_for_anything_else_is_discarded(self) -> None:
        """What make_join answers must be what was asked for."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        for name, value in (
            ("type", "m.room.topic"), ("sender", "@erin:two.example"), ("state_key", "@erin:two.example"),
            ("room_id", "!other:one.example"), ("content", {"membership": "leave"}), ("content", None),
        ):  # fmt: skip

            def other(asked: Asked, answer: Any, name: str = name, value: Any = value) -> Any:
                if "make_join" in asked.target:
                    answer["event"][name] = value
                return answer

            self.network.twist = other
            with self.assertRaises(Refusal):
                await self.two.join(BOB, room_id, ONE)
        self.assertFalse([asked for asked in self.network.asked if "send_join" in asked.target])

    async def test_a_tampered_state_is_not_believed(self) -> None:
        """A state without a beginning, with a forged event, or in which the user may not join, lets nobody in."""
        room_id = await self.one.create(ALICE, "10", preset="public_chat", name="True")
        genuine: list[Any] = []

        def without_create(answer: Any) -> None:
            answer["state"] = [event for event in answer["state"] if event["type"] != "m.room.create"]

        def forged_create(answer: Any) -> None:
            for event in answer["state"]:
                if event["type"] == "m.room.create":
                    event["sender"] = "@mallory:one.example"

        def without_rules(answer: Any) -> None:
            answer["state"] = [event for event in answer["state"] if event["type"] != "m.room.join_rules"]

        def of_another_room(answer: Any) -> None:
            answer["state"] = [{**event, "room_id": "!other:one.example"} for event in answer["state"]]

        def no_lists(answer: Any) -> None:
            answer["state"], answer["auth_chain"] = {}, None

        for tamper in (without_rules, without_create, forged_create, of_another_room, no_lists):

            def twist(asked: Asked, answer: Any, tamper: Any = tamper) -> Any:
                if "send_join" in asked.target:
                    genuine.append(answer)
                    tamper(answer)
                return answer

            self.network.twist = twist
            with self.assertRaises(Unreachable, msg=tamper.__name__):
                await self.two.join(BOB, room_id, ONE)
            self.assertIsNone(await self.two.live_rooms.find(room_id))
        self.assertEqual(5, len(genuine))

    async def test_what_was_altered_in_the_state_is_redacted(self) -> None:
        """A name that is not what its sender signed is not shown."""
        room_id = await self.one.create(ALICE, "10", preset="public_chat", name="True")

        def twist(asked: Asked, answer: Any) -> Any:
            for event in answer.get("state", ()):
                if event["type"] == "m.room.name":
                    event["content"] = {"name": "False"}
            return answer

        self.network.twist = twist
        await self.two.join(BOB, room_id, ONE)
        entry = await self.two.entry((await self.two.state(room_id))["m.room.name", ""])

        assert entry is not None
        self.assertEqual({}, entry.event.content)

    async def test_two_users_who_join_at_once(self) -> None:
        """Both are in the room on both servers, and the room arrived once."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await gatherResults([Deferred.fromCoroutine(self.two.join(user_id, room_id, ONE)) for user_id in (BOB, ERIN)])
        await self.one.send(ALICE, room_id, "welcome both")
        await self.settle(room_id)

        for server in (self.one, self.two):
            self.assertEqual({ALICE, BOB, ERIN}, (await server.room(room_id)).joined)

    async def test_what_happens_while_the_room_arrives_is_not_lost(self) -> None:
        """Events that come before the answer to the join are in the room."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        held: Deferred[None] = Deferred()
        ask = self.network.ask

        async def slow(origin: Any, destination: Any, method: str, path: str, query: Any, body: object) -> JSONObject:
            answer = await ask(origin, destination, method, path, query, body)
            if "send_join" in path:
                await held
            return answer

        self.network.ask = slow  # type: ignore[method-assign]
        joining = Deferred.fromCoroutine(self.two.join(BOB, room_id, ONE))

        async def is_in() -> bool:
            return TWO in (await self.one.room(room_id)).servers

        await until(is_in, "the join is taken")
        await self.one.send(ALICE, room_id, "are you there?")

        async def is_sent() -> bool:
            return any("/send/" in asked.target for asked in self.network.asked)

        await until(is_sent, "it is on its way")
        held.callback(None)
        await joining
        await self.settle(room_id)

        self.assertEqual(["are you there?"], await self.two.messages_of(room_id))

    async def test_coming_back_later(self) -> None:
        """The last user of a server leaves and comes back: the state and the members are those of the room then."""
        room_id = await self.one.create(ALICE, preset="public_chat", name="Before")
        await self.two.join(BOB, room_id, ONE)
        await self.one.send(ALICE, room_id, "first")
        await self.settle(room_id)
        await self.two.departing.leave(BOB, room_id)
        await self.quiet()
        await self.one.set_state(ALICE, room_id, "m.room.name", {"name": "After"})
        await self.one.join(DAVE, room_id)
        await self.one.send(ALICE, room_id, "missed")
        await self.two.join(BOB, room_id, ONE)
        await self.one.send(ALICE, room_id, "second")
        await self.settle(room_id)

        self.assertEqual({ALICE, BOB, DAVE}, (await self.two.room(room_id)).joined)
        name = await self.two.entry((await self.two.state(room_id))["m.room.name", ""])
        assert name is not None
        self.assertEqual({"name": "After"}, name.event.content)
        self.assertEqual(["first", "second"], await self.two.messages_of(room_id))
        newest = (await self.two.timeline_of(room_id))[-1]
        assert newest.ordering is not None
        while await self.two.backfill.backfill(room_id, newest.ordering, 10):
            pass
        self.assertEqual(["first", "missed", "second"], await self.two.messages_of(room_id))

    async def test_coming_back_at_once(self) -> None:
        """When nothing has happened meanwhile there is no gap in what the server knows."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        newest = (await self.two.timeline_of(room_id))[-1]
        assert newest.ordering is not None
        while await self.two.backfill.backfill(room_id, newest.ordering, 10):
            pass
        await self.two.departing.leave(BOB, room_id)
        await self.quiet()
        await self.two.join(BOB, room_id, ONE)

        newest = (await self.two.timeline_of(room_id))[-1]
        assert newest.ordering is not None
        self.assertFalse(await self.two.backfill.backfill(room_id, newest.ordering, 10))

    async def test_a_kicked_server_knows(self) -> None:
        """Whose last user is kicked is sent that, and takes part no more; who is banned does not come back."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id)
        await self.one.departing.ban(ALICE, room_id, BOB)
        await self.quiet()

        self.assertEqual("ban", await self.two.own_membership(BOB, room_id))
        with self.assertRaises(Forbidden):
            await self.two.join(BOB, room_id, ONE)
        await self.one.departing.unban(ALICE, room_id, BOB)
        await self.two.join(BOB, room_id, ONE)
        self.assertEqual("join", await self.one.membership(room_id, BOB))
