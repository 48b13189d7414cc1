"""Tests of invites by address and of bindings, on whole servers with an identity server on a socket."""

from typing import Any

from twisted.trial.unittest import TestCase

from federation.core.request_signing import Request, sign_request
from federation.http.server.third_party_invites import ServerThirdPartyEndpoints
from federation.services.access import Access
from federation.services.exchanges import RemoteExchanges
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.third_party_invites import KIND
from homeserver.http.identity_servers import HTTPIdentityServers
from homeserver.http.operation import endpoints_of
from homeserver.services.identity.bindings import IdentityBindings
from homeserver.services.identity.exchanging import Exchanging
from homeserver.services.identity.inviting import AddressInviting, Invitee
from homeserver.services.identity.ports import IdentityServer
from homeserver.services.ports import Binding
from homeserver.services.refusals import Forbidden, IdentityRefusal, NotInRoom, Unreachable
from tests.federation.servers import ALICE, BOB, DAVE, ERIN, FederatedServer, Federation
from tests.identity_server import TOKEN, IdentityServerOfTests, local_client

ADDRESS = "carl@example.org"


class Identified:
    """What a server builds for identity servers."""

    def __init__(self, server: FederatedServer, client: Any) -> None:
        def sign(destination: str, method: str, path: str, content: bytes) -> str:
            return sign_request(Request(server.name, ServerName(destination), method, path, content), server.key)

        servers = HTTPIdentityServers(client, sign, "http")
        known, live_rooms, inviting = server.known, server.live_rooms, server.inviting
        self.bindings = IdentityBindings(server.database, servers)
        self.addresses = AddressInviting(servers, known, live_rooms, server.timeline, inviting)
        self.exchanging = Exchanging(
            server.name, server.database, known, live_rooms, inviting, servers, RemoteExchanges(server.peers)
        )
        endpoints = ServerThirdPartyEndpoints(self.exchanging, live_rooms, Access(known))
        for binding, endpoint in endpoints_of(endpoints):
            server.site.edge.router._add(binding, endpoint)  # type: ignore[attr-defined]


class ThirdPartyCase(Federation, TestCase):
    """one.example and two.example, a room of @alice, and an identity server."""

    room_id: RoomID

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.identity = IdentityServerOfTests()
        self.addCleanup(self.identity.port.stopListening)
        client = local_client()
        self.addCleanup(client.agent._pool.closeCachedConnections)  # type: ignore[attr-defined]
        self.at_one, self.at_two = Identified(self.one, client), Identified(self.two, client)
        self.room_id = await self.one.create(ALICE, name="The room", preset="private_chat")

    async def invite(self, address: str = ADDRESS, token: str = TOKEN, **more: Any) -> None:
        invitee = Invitee(IdentityServer(self.identity.name, token), "email", address)
        await self.at_one.addresses.invite(more.pop("sender", ALICE), self.room_id, invitee, **more)

    async def pending(self) -> list[str]:
        """The tokens of the room's invites by address."""
        return [key for kind, key in await self.one.state(self.room_id) if kind == KIND]


class InvitingTests(ThirdPartyCase):
    async def test_who_is_known_is_invited(self) -> None:
        """As a user of whatever server; the address is not told unhashed, and capitals in it do not count."""
        self.identity.bound["email", ADDRESS] = str(BOB)
        await self.invite("Carl@Example.org")

        self.assertEqual("invite", await self.two.own_membership(BOB, self.room_id))
        self.assertEqual([], await self.pending())

    async def test_who_is_not_known_is_invited_by_the_address(self) -> None:
        """The room holds the key that must sign; the identity server knows what it may write in its mail."""
        await self.invite()
        event_id = (await self.one.state(self.room_id))[KIND, "token0"]
        entry = await self.one.entry(event_id)
        assert entry is not None
        content = entry.event.content
        kept = self.identity.invites[0]

        self.assertEqual(self.identity.public_key, content["public_key"])
        self.assertEqual("c...@e...", content["display_name"])
        self.assertEqual(content["public_key"], content["public_keys"][0]["public_key"])  # type: ignore[index, call-overload]
        self.assertEqual((self.room_id, ALICE, "The room"), (kept["room_id"], kept["sender"], kept["room_name"]))
        self.assertNotIn(ADDRESS, str(entry.event.pdu))

    async def test_a_new_pepper_is_no_end(self) -> None:
        """What was changed in between is asked for again."""
        self.identity.bound["email", ADDRESS] = str(BOB)
        self.identity.peppers_to_come = ["another", "another"]
        await self.invite()

        self.assertEqual("invite", await self.two.own_membership(BOB, self.room_id))

    async def test_a_bad_token_does_not_log_the_client_out(self) -> None:
        """What the identity server says is told, but as no matter of this server's token."""
        with self.assertRaises(IdentityRefusal) as caught:
            await self.invite(token="bad")

        assert caught.exception.body is not None
        self.assertEqual((403, "M_FORBIDDEN"), (caught.exception.status, caught.exception.body["errcode"]))

    async def test_nobody_gets_mail_by_who_may_not_invite(self) -> None:
        """Strangers and members without the power are refused before the identity server is asked."""
        with self.assertRaises(NotInRoom):
            await self.invite(sender=DAVE)
        await self.one.inviting.invite(ALICE, self.room_id, DAVE)
        await self.one.join(DAVE, self.room_id)
        await self.one.set_state(ALICE, self.room_id, "m.room.power_levels", {"invite": 50, "users": {}})
        with self.assertRaises(Forbidden):
            await self.invite(sender=DAVE)

        self.assertEqual([], self.identity.requests)

    async def test_an_identity_server_that_is_away(self) -> None:
        """It is said so."""
        await self.identity.port.stopListening()
        with self.assertRaises(Unreachable):
            await self.invite()


class ExchangingTests(ThirdPartyCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.invite()

    async def onbind(self, server: FederatedServer, body: Any) -> Any:
        return await server.client.put("/_matrix/federation/v1/3pid/onbind", body)

    async def test_a_user_here_is_invited_when_the_address_is_bound(self) -> None:
        """And can join then."""
        answer = await self.onbind(self.one, self.identity.notice(DAVE, ADDRESS))
        invited = await self.one.own_membership(DAVE, self.room_id)
        await self.one.join(DAVE, self.room_id)

        self.assertEqual((200, "invite"), (answer.status, invited))
        self.assertEqual("join", await self.one.membership(self.room_id, DAVE))

    async def test_a_user_of_another_server_is_invited(self) -> None:
        """That server asks the one whose user has invited; its user joins, and both rooms agree."""
        answer = await self.onbind(self.two, self.identity.notice(BOB, ADDRESS))
        invited = await self.two.own_membership(BOB, self.room_id)
        await self.two.join(BOB, self.room_id)
        await self.settle(self.room_id)

        self.assertEqual((200, "invite"), (answer.status, invited))
        self.assertEqual("join", await self.one.membership(self.room_id, BOB))

    async def test_an_invite_stays_good_when_who_invited_has_left(self) -> None:
        """The rules ask for the proof, and not for the presence of the inviting user."""
        await self.one.inviting.invite(ALICE, self.room_id, DAVE)
        await self.one.join(DAVE, self.room_id)
        await self.one.departing.leave(ALICE, self.room_id)
        await self.onbind(self.two, self.identity.notice(BOB, ADDRESS))

        self.assertEqual("invite", await self.two.own_membership(BOB, self.room_id))

    async def test_bad_proofs(self) -> None:
        """Of another user, by another key, of no such invite, or by a key that was revoked: nobody is invited."""
        good = self.identity.notice(ERIN, ADDRESS)
        stories: list[tuple[str, Any, int]] = [
            ("another user's", {"mxid": str(BOB)}, 400),
            ("no such invite", {"token": "token1"}, 403),
            ("not signed", {"signatures": {}}, 403),
            ("not by the key", {"signatures": {"x": {"ed25519:0": "A" * 86}}}, 403),
        ]
        for name, change, status in stories:
            with self.subTest(name):
                signed = {**good["invites"][0]["signed"], **change}
                answer = await self.ask(signed)
                self.assertEqual(status, answer.status, answer.body)
        self.identity.revoked = True
        revoked = await self.ask(good["invites"][0]["signed"])

        self.assertEqual(403, revoked.status)
        self.assertIsNone(await self.one.membership(self.room_id, ERIN))

    async def ask(self, signed: Any, **more: Any) -> Any:
        """What one.example answers two.example."""
        invite = {"display_name": "x", "signed": signed}
        body = {
            "type": "m.room.member",
            "room_id": self.room_id,
            "sender": ALICE,
            "state_key": ERIN,
            "content": {"membership": "invite", "third_party_invite": invite},
            **more,
        }
        path = f"/_matrix/federation/v1/exchange_third_party_invite/{self.room_id}"
        return await self.two.request(self.one, "PUT", path, body)

    async def test_bad_requests(self) -> None:
        """Each is refused with the spec's error, and of users of other servers nobody speaks."""
        signed = self.identity.proof(ERIN, "token0")
        for more in (
            {"type": "m.room.message"},
            {"room_id": "!another:one.example"},
            {"sender": "nobody"},
            {"state_key": str(BOB)},
            {"content": {"membership": "join"}},
            {"content": 5},
        ):
            with self.subTest(more=more):
                self.assertEqual(400, (await self.ask(signed, **more)).status)
        other_sender = await self.ask(signed, sender=str(DAVE))
        theirs = await self.ask(self.identity.proof(DAVE, "token0"), state_key=str(DAVE))
        for body in ({}, {"medium": "email", "address": "x", "mxid": BOB, "invites": [{}]}, {"invites": 5}):
            self.assertEqual(400, (await self.onbind(self.two, body)).status)
        nobody = await self.onbind(self.two, {"medium": "email", "address": "x", "mxid": "@x:two.example"})

        self.assertEqual((403, 403, 404), (other_sender.status, theirs.status, nobody.status))

    async def test_who_brings_the_proof_along_joins(self) -> None:
        """A client that has had the proof signed may hand it over with the join."""
        signed = {**self.identity.proof(BOB, "token0"), "sender": str(ALICE)}
        # The sender is outside the signature here: it is not what was signed.
        with self.assertRaises(Forbidden):
            await self.at_two.exchanging.accept(BOB, self.room_id, signed)
        with self.assertRaises(Forbidden):
            await self.at_two.exchanging.accept(ERIN, self.room_id, signed)
        whole = self.identity.proof_with_sender(BOB, "token0", ALICE)
        await self.at_two.exchanging.accept(BOB, self.room_id, whole)
        await self.two.join(BOB, self.room_id)

        self.assertEqual("join", await self.one.membership(self.room_id, BOB))


class BindingTests(ThirdPartyCase):
    async def bind(self) -> None:
        self.identity.sessions["sid"] = ("email", ADDRESS)
        await self.at_one.bindings.bind(ALICE, Binding(self.identity.name, TOKEN, "sid", "secret"))

    async def test_what_was_bound_is_unbound_by_our_signature(self) -> None:
        """The server remembers who was told, and asks there; a second time there is nothing to ask."""
        await self.bind()
        bound = dict(self.identity.bound)
        first = await self.at_one.bindings.unbind(ALICE, "email", ADDRESS, None)
        second = await self.at_one.bindings.unbind(ALICE, "email", ADDRESS, None)

        self.assertEqual({("email", ADDRESS): ALICE}, bound)
        self.assertEqual((True, False), (first, second))
        self.assertEqual({}, self.identity.bound)

    async def test_an_ended_account_is_unbound(self) -> None:
        """From all that were told; who was told nothing is unbound already."""
        await self.bind()

        self.assertTrue(await self.at_one.bindings.unbind_all(ALICE, None))
        self.assertTrue(await self.at_one.bindings.unbind_all(ALICE, None))
        self.assertEqual({}, self.identity.bound)

    async def test_an_identity_server_that_is_away_stays_bound(self) -> None:
        """It is said so, and asked again the next time."""
        await self.bind()
        self.identity.is_down = True

        self.assertFalse(await self.at_one.bindings.unbind_all(ALICE, None))
        self.assertFalse(await self.at_one.bindings.unbind(ALICE, "email", ADDRESS, None))

    async def test_a_refusal_is_told(self) -> None:
        """With the identity server's own error."""
        with self.assertRaises(IdentityRefusal) as caught:
            await self.at_one.bindings.bind(ALICE, Binding(self.identity.name, TOKEN, "no", "secret"))

        assert caught.exception.body is not None
        self.assertEqual((404, "M_NO_VALID_SESSION"), (caught.exception.status, caught.exception.body["errcode"]))
        self.assertFalse(await self.at_one.bindings.unbind(ALICE, "email", ADDRESS, None))
