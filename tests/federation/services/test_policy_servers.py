"""Tests of rooms with a policy server, on whole servers."""

from unittest.mock import patch

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from federation.core.paths import POLICY_V1
from federation.http.server.policy import PolicyServerEndpoints
from federation.services.access import Access
from federation.services.policy_servers import PolicyRequests, PolicySigning
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.policy_servers import POLICY_KEY_ID
from homeserver.core.signatures import SigningKey, signatures_by
from homeserver.core.timeline import Status
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.http.operation import endpoints_of
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.policy.rules import PolicyRules
from homeserver.services.refusals import Forbidden, NotRecommended, Refusal
from tests.federation.servers import ALICE, BOB, CAROL, DAVE, FRANK, ONE, THREE, TWO, FederatedServer, Federation

KEY = SigningKey.from_seed(POLICY_KEY_ID, b"p" * 32)
CONTENT: JSONObject = {"via": TWO, "public_keys": {"ed25519": encode_base64(KEY.verify_key)}}


def equip(server: FederatedServer, *, signs: bool = False) -> PolicyRules:
    """The server knows policy servers; *signs*: and is one.  Its rules."""
    requests = PolicyRequests(server.name, server.peers)
    recommendations = Recommendations(server.known, requests)
    server.timeline.recommendations = server.acceptance.recommendations = recommendations
    server.history.recommendations = recommendations
    rules = PolicyRules(server.name, server.known, server.live_rooms)
    server.tail.follow(rules.follow)
    if signs:
        access = Access(server.known)
        requests.own = PolicySigning(server.name, KEY, server.live_rooms, access, rules, recommendations)
        for binding, endpoint in endpoints_of(PolicyServerEndpoints(requests.own)):
            server.site.edge.router._add(binding, endpoint)  # type: ignore[attr-defined]
    server.timeline.member_guards.guards.append(rules)
    return rules


class PolicyServerTests(Federation, TestCase):
    """A room of one.example with users of all three, in which two.example has a say."""

    names = (ONE, TWO, THREE)
    room_id: RoomID
    rules: PolicyRules

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        equip(self.one)
        self.rules = equip(self.two, signs=True)
        self.room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, self.room_id, ONE)
        await self.three.join(CAROL, self.room_id, ONE)
        await self.settle(self.room_id)

    async def enable(self, content: JSONObject = CONTENT) -> None:
        await self.one.set_state(ALICE, self.room_id, "m.room.policy", content)
        await self.settle(self.room_id)

    async def ban(self, entity: str, kind: str = "user") -> EventID:
        """A rule of a list that the policy server heeds."""
        room_id = await self.two.create(BOB)
        self.rules.subscribe(room_id)
        rule: JSONObject = {"entity": entity, "recommendation": "m.ban", "reason": "spam"}
        return await self.two.set_state(BOB, room_id, f"m.policy.rule.{kind}", rule, "rule")

    async def asked(self) -> int:
        return sum(POLICY_V1 in asked.target for asked in self.network.asked)

    async def test_what_is_sent_is_signed(self) -> None:
        """The policy server is asked once, and the others find its signature on the event."""
        await self.enable()
        event_id = await self.one.send(ALICE, self.room_id, "hello")
        await self.settle(self.room_id)
        for server in (self.one, self.two, self.three):
            entry = await server.entry(event_id)
            assert entry is not None
            self.assertIn(POLICY_KEY_ID, signatures_by(entry.event.pdu, TWO))
            self.assertIs(Status.ACCEPTED, entry.status)
        self.assertEqual(1, await self.asked())

    async def test_its_own_users_are_asked_of_nobody(self) -> None:
        """The policy server signs what its users send, without asking itself over the network."""
        await self.enable()
        event_id = await self.two.send(BOB, self.room_id, "hello")
        entry = await self.two.entry(event_id)
        assert entry is not None

        self.assertEqual({POLICY_KEY_ID, self.two.key.key_id}, signatures_by(entry.event.pdu, TWO).keys())
        self.assertEqual(0, await self.asked())

    async def test_what_is_refused_is_not_sent(self) -> None:
        """The client is told what the policy server said, and the room goes on."""
        await self.enable()
        await self.ban(str(ALICE))
        with self.assertRaises(NotRecommended) as caught:
            await self.one.send(ALICE, self.room_id, "spam")
        await self.two.send(BOB, self.room_id, "fine")
        await self.settle(self.room_id)

        self.assertEqual(400, caught.exception.status)
        assert caught.exception.body is not None
        self.assertEqual("M_FORBIDDEN", caught.exception.body["errcode"])
        self.assertEqual(["fine"], await self.one.messages_of(self.room_id))
        self.assertEqual(["fine"], await self.three.messages_of(self.room_id))

    async def test_the_policy_is_set_without_asking(self) -> None:
        """So that a room is never at the mercy of a server that is away or refuses everything."""
        await self.enable()
        await self.ban("@*")
        self.network.cut(ONE, TWO)
        with self.assertRaises(NotRecommended):
            await self.one.send(ALICE, self.room_id, "nobody signs")
        await self.one.set_state(ALICE, self.room_id, "m.room.policy", {})
        await self.one.send(ALICE, self.room_id, "free")

        self.assertEqual(["free"], await self.one.messages_of(self.room_id))

    async def test_what_others_send_unsigned_is_asked_for(self) -> None:
        """three.example knows no policy servers: where the signature is to be had its events show, else they do not."""
        await self.enable()
        fine = await self.three.send(CAROL, self.room_id, "fine")
        await self.settle(self.room_id)
        await self.ban(str(CAROL))
        spam = await self.three.send(CAROL, self.room_id, "spam")
        await self.quiet()

        entries = [await self.one.entry(event_id) for event_id in (fine, spam)]
        self.assertEqual([Status.ACCEPTED, Status.SOFT_FAILED], [entry and entry.status for entry in entries])
        assert entries[0] is not None
        self.assertIn(POLICY_KEY_ID, signatures_by(entries[0].event.pdu, TWO))
        self.assertEqual(["fine"], await self.two.messages_of(self.room_id))

    async def test_a_server_that_is_not_in_the_room_has_no_say(self) -> None:
        """Nor has one whose last user has left; the room is free then."""
        await self.enable({**CONTENT, "via": "four.example"})
        await self.one.send(ALICE, self.room_id, "first")
        await self.enable()
        await self.two.departing.leave(BOB, self.room_id)
        await self.quiet()
        await self.one.send(ALICE, self.room_id, "second")

        self.assertEqual(["first", "second"], await self.one.messages_of(self.room_id))

    async def test_a_wrong_key_lets_nothing_pass(self) -> None:
        """A signature that is not by the room's key counts for nothing."""
        wrong = SigningKey.from_seed(POLICY_KEY_ID, b"q" * 32)
        await self.enable({"via": TWO, "public_keys": {"ed25519": encode_base64(wrong.verify_key)}})
        with self.assertRaises(NotRecommended):
            await self.one.send(ALICE, self.room_id, "hello")

    async def test_joins_through_a_server_are_checked(self) -> None:
        """Somebody whom the policy server refuses does not come in through one.example, which may not know why."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        await self.one.set_state(ALICE, room_id, "m.room.policy", CONTENT)
        await self.quiet()
        await self.ban(str(FRANK))
        with self.assertRaises(Refusal):
            await self.three.join(FRANK, room_id, ONE)

        self.assertIsNone(await self.one.membership(room_id, FRANK))
        await self.three.join(CAROL, room_id, ONE)
        self.assertEqual("join", await self.one.membership(room_id, CAROL))

    async def test_a_join_through_another_server_keeps_its_signature(self) -> None:
        """Whoever has the join from its sender's server needs not ask again."""
        await self.enable()
        room_id = self.room_id
        await self.three.departing.leave(CAROL, room_id)
        await self.quiet()
        await self.three.join(CAROL, room_id, ONE)
        join = (await self.three.state(room_id))["m.room.member", CAROL]
        entry = await self.three.entry(join)
        assert entry is not None

        self.assertEqual({POLICY_KEY_ID}, signatures_by(entry.event.pdu, TWO).keys())

    async def test_history_that_is_fetched_is_checked(self) -> None:
        """What was sent before there was a policy, too; while it does not answer the history waits."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.one.join(DAVE, room_id)
        await self.one.send(ALICE, room_id, "fine")
        await self.one.send(DAVE, room_id, "spam")
        await self.two.join(BOB, room_id, ONE)
        await self.ban(str(DAVE))
        await self.one.set_state(ALICE, room_id, "m.room.policy", CONTENT)
        await self.quiet()
        await self.three.join(CAROL, room_id, ONE)
        await self.quiet()
        equip(self.three)
        newest = (await self.three.timeline_of(room_id))[-1].ordering
        assert newest is not None
        self.network.cut(THREE, TWO)
        waits = await self.three.backfill.backfill(room_id, newest, 100)
        self.network.heal()
        self.network.clock.advance(3_600)
        while await self.three.backfill.backfill(room_id, newest, 100):
            pass

        self.assertFalse(waits)
        self.assertEqual(["fine"], await self.three.messages_of(room_id))

    async def test_many_messages_at_once(self) -> None:
        """While one waits for its signature others do as well, and all of them come into the room in every server."""
        await self.enable()
        await self.one.join(DAVE, self.room_id)
        texts = [f"message {number}" for number in range(12)]
        sent = [
            Deferred.fromCoroutine(self.one.send(ALICE if number % 2 else DAVE, self.room_id, text))
            for number, text in enumerate(texts)
        ]
        await gatherResults(sent)
        await self.settle(self.room_id)

        self.assertCountEqual(texts, await self.one.messages_of(self.room_id))
        self.assertCountEqual(texts, await self.three.messages_of(self.room_id))

    async def test_bad_questions(self) -> None:
        """What is no event, of no such room, altered, or not to be asked of, is not signed."""
        await self.enable()
        room = await self.one.room(self.room_id)
        event = await self.one.composer.compose(room, Draft("m.room.message", ALICE, {"body": "x"}))
        policy = await self.one.composer.compose(room, Draft("m.room.policy", ALICE, {}, ""))
        stories: list[tuple[object, int, str]] = [
            ({}, 400, "M_BAD_JSON"),
            ({**event.pdu, "room_id": "!other:one.example"}, 404, "M_NOT_FOUND"),
            ({**event.pdu, "content": {"body": "y"}}, 400, "M_BAD_JSON"),
            (policy.pdu, 400, "M_BAD_JSON"),
            (event.pdu, 200, ""),
        ]
        for body, status, errcode in stories:
            answer = await self.one.request(self.two, "POST", f"{POLICY_V1}/sign", body)
            self.assertEqual((status, errcode), (answer.status, answer.errcode if status != 200 else ""), answer.body)
        unserved = await self.two.request(self.one, "POST", f"{POLICY_V1}/sign", event.pdu)
        self.assertEqual((404, "M_UNRECOGNIZED"), (unserved.status, unserved.errcode))


class PolicyRoomTests(Federation, TestCase):
    """one.example heeds a list."""

    rules: PolicyRules

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.rules = equip(self.one)
        self.list_id = await self.one.create(ALICE)
        self.rules.subscribe(self.list_id)

    async def rule(self, kind: str, entity: str, **more: object) -> EventID:
        content: JSONObject = {"entity": entity, "recommendation": "m.ban", "reason": "", **more}  # type: ignore[dict-item]
        return await self.one.set_state(ALICE, self.list_id, f"m.policy.rule.{kind}", content, f"rule:{entity}")

    async def test_banned_users_invite_nobody(self) -> None:
        """Nor are they invited; once the rule is taken back they may again."""
        theirs = await self.two.create(BOB)
        ours = await self.one.create(ALICE)
        await self.rule("user", str(BOB))
        with self.assertRaises(Forbidden):
            await self.two.inviting.invite(BOB, theirs, DAVE)
        with self.assertRaises(Forbidden):
            await self.one.inviting.invite(ALICE, ours, BOB)
        await self.rule("user", str(BOB), recommendation="none")
        await self.two.inviting.invite(BOB, theirs, DAVE)

        self.assertEqual("invite", await self.one.own_membership(DAVE, theirs))

    async def test_banned_servers_stay_outside(self) -> None:
        """Their users do not join through this server."""
        ours = await self.one.create(ALICE, preset="public_chat")
        await self.rule("server", "*.example")
        with self.assertRaises(Forbidden):
            await self.two.join(BOB, ours, ONE)

    async def test_banned_rooms_are_not_entered(self) -> None:
        """By no user here, whether invited or not."""
        theirs = await self.two.create(BOB, preset="public_chat")
        await self.rule("room", theirs)
        with self.assertRaises(Forbidden):
            await self.one.join(ALICE, theirs, TWO)
        with self.assertRaises(Forbidden):
            await self.two.inviting.invite(BOB, theirs, DAVE)

    async def test_a_redacted_rule_is_none(self) -> None:
        """It does not ban any more."""
        theirs = await self.two.create(BOB)
        rule = await self.rule("user", str(BOB))
        with self.assertRaises(Forbidden):
            await self.two.inviting.invite(BOB, theirs, DAVE)
        await self.one.timeline.send(self.list_id, Draft("m.room.redaction", ALICE, {"redacts": rule}, redacts=rule))
        await self.two.inviting.invite(BOB, theirs, DAVE)

    async def test_a_list_that_is_deleted_bans_nobody(self) -> None:
        """Whatever was in memory of its rules."""
        theirs = await self.two.create(BOB)
        await self.rule("user", str(BOB))
        with self.assertRaises(Forbidden):
            await self.two.inviting.invite(BOB, theirs, DAVE)
        nid = (await self.one.room(self.list_id)).nid
        with patch.object(LiveRooms, "find", return_value=None):
            self.rules.forget_room(self.list_id, nid)
            reason = await self.rules.against(BOB, theirs)

        self.assertIsNone(reason)

    async def test_leaving_is_never_refused(self) -> None:
        """Who is inside may go."""
        ours = await self.one.create(ALICE, preset="public_chat")
        await self.one.join(DAVE, ours)
        await self.rule("user", str(DAVE))
        await self.one.departing.leave(DAVE, ours)

        self.assertEqual("leave", await self.one.membership(ours, DAVE))
