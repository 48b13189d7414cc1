"""Users are let into calls: of their own server, and of servers that share the room."""

from typing import Any

from attrs import define, field
from joserfc import jwt
from joserfc.jwk import OctKey
from twisted.trial.unittest import TestCase

from federation.http.authenticator import ServerAuthenticator
from federation.http.server.livekit import ServerLiveKitEndpoints
from federation.services.remote_clusters import RemoteClusters
from homeserver.core.identifiers import DeviceID
from homeserver.core.livekit import identity_of
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.livekit import LiveKitEndpoints
from homeserver.http.rows import Authentication
from homeserver.services.callers import Caller
from homeserver.services.livekit.service import LiveKit
from homeserver.services.livekit.settings import LiveKitSettings
from tests.client import Client, Pending, Response, Tokens, a_site
from tests.federation.servers import ALICE, BOB, CAROL, ONE, THREE, TWO, FederatedServer, Federation

SECRET = "a secret of thirty-two characters"
CLIENT = "/_matrix/client/v1/rtc/livekit/get_token"
UNSTABLE = "/_matrix/client/unstable/io.element.msc4195/rtc/livekit/get_token"
SERVER = "/_matrix/federation/v1/rtc/livekit/get_token"
MEMBER = {"id": "xyz", "claimed_device_id": "PHONE"}


@define(eq=False)
class Doors(Client):
    """What other servers ask of a server; *calls* answers what is about calls."""

    calls: Client = field(kw_only=True)

    def start(self, method: str, path: str, *arguments: Any, **more: Any) -> Pending:
        if "/rtc/livekit/" in path:
            return self.calls.start(method, path, *arguments, **more)
        return super().start(method, path, *arguments, **more)


class AdmissionTests(Federation, TestCase):
    """Servers one and two have a cluster each; three has none."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.doors = {server.name: self.equip(server) for server in (self.one, self.two, self.three)}
        self.room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, self.room_id, ONE)

    def equip(self, server: FederatedServer) -> Client:
        """A client of the server's own user, at a site that has the endpoints; other servers meet them too."""
        has_cluster = server.name != THREE
        settings = LiveKitSettings(f"wss://rtc.{server.name}", "key", SECRET) if has_cluster else None
        livekit = LiveKit(
            server.name,
            settings,
            server.clock,
            server.memberships,
            server.live_rooms,
            RemoteClusters(server.peers),
            server.key.sign,
        )
        own = {ONE: ALICE, TWO: BOB, THREE: CAROL}[server.name]
        signed = ServerAuthenticator(server.ring, server.destinations)
        authenticators = {
            **token_authenticators(Tokens({"me": Caller(own, DeviceID("PHONE"))})),
            Authentication.SERVER_SIGNATURE: signed,
        }
        site = a_site(LiveKitEndpoints(livekit), ServerLiveKitEndpoints(livekit), authenticators=authenticators)
        server.client = Doors(server.site, calls=Client(site))
        return Client(site, "me")

    def ask(self, door: Client, path: str = CLIENT, **more: Any) -> Any:
        body = {"room_id": self.room_id, "slot_id": "m.call#ROOM", "member": MEMBER, **more}
        return door.post(path, body)

    def read(self, response: Response) -> dict[str, Any]:
        self.assertEqual(200, response.status, response.body)
        token = jwt.decode(response.json["jwt"], OctKey.import_key(SECRET), algorithms=["HS256"])
        return token.claims

    async def test_members_speak_on_their_own_server(self) -> None:
        """In one LiveKit room for each slot, which tells nobody which room and who it is."""
        alice = self.doors[ONE]
        answer = await self.ask(alice)
        claims, video = self.read(answer), self.read(answer)["video"]
        named = await self.ask(alice, UNSTABLE, server_name=ONE, url="wss://rtc.one.example/", member={"id": "xyz"})
        other = self.read(await self.ask(alice, slot_id="m.call#OTHER"))

        self.assertEqual("wss://rtc.one.example", answer.json["url"])
        self.assertEqual(("key", identity_of(ALICE, "PHONE", "xyz")), (claims["iss"], claims["sub"]))
        self.assertEqual(int(self.one.clock.seconds()) + 3600, claims["exp"])
        self.assertEqual([True] * 4, [video[n] for n in ("roomJoin", "roomCreate", "canPublish", "canSubscribe")])
        self.assertEqual(claims, self.read(named))
        self.assertNotEqual(video["room"], other["video"]["room"])
        self.assertNotIn("one.example", str(claims))

    async def test_members_listen_on_other_servers(self) -> None:
        """To those who speak there: in the same LiveKit room, without a voice."""
        speaker = self.read(await self.ask(self.doors[ONE]))
        answer = await self.ask(self.doors[TWO], server_name=ONE)
        listener = self.read(answer)

        self.assertEqual("wss://rtc.one.example", answer.json["url"])
        self.assertEqual(identity_of(BOB, "PHONE", "xyz"), listener["sub"])
        self.assertEqual(speaker["video"]["room"], listener["video"]["room"])
        video = listener["video"]
        self.assertEqual(
            [True, False, False, True], [video[n] for n in ("roomJoin", "roomCreate", "canPublish", "canSubscribe")]
        )

    async def test_servers_ask_without_a_name(self) -> None:
        """As the text has it: then the participant is named by the server."""
        body = {"room_id": self.room_id, "slot_id": "s", "member": MEMBER}
        named = await self.two.request(self.one, "POST", SERVER, body)
        self.assertEqual(identity_of(TWO, "PHONE", "xyz"), self.read(named)["sub"])

        for user_id in (CAROL, ALICE):
            strange = await self.two.request(self.one, "POST", SERVER, {**body, "user_id": user_id})
            self.assert_refused(401, "M_UNAUTHORIZED", strange)

    async def test_others_are_not_let_in(self) -> None:
        """And are not told why."""
        nowhere = {"room_id": "!nowhere:one.example"}
        for refused in (
            self.ask(self.doors[THREE]),
            self.ask(self.doors[ONE], **nowhere),
            self.ask(self.doors[TWO], server_name=THREE),
            self.three.request(self.one, "POST", SERVER, {"room_id": self.room_id, "slot_id": "s", "member": MEMBER}),
            self.two.request(self.one, "POST", SERVER, {**nowhere, "slot_id": "s", "member": MEMBER}),
        ):
            response = await refused
            self.assert_refused(401, "M_UNAUTHORIZED", response)
            self.assertEqual("You may not have this.", response.json["error"])

    async def test_what_there_is_not(self) -> None:
        """A server without a cluster, an address that is another's, a server that does not answer, half a question."""
        await self.three.join(CAROL, self.room_id, ONE)
        await self.settle(self.room_id)
        self.assert_refused(404, "M_NOT_FOUND", await self.ask(self.doors[THREE]))
        self.assert_refused(404, "M_NOT_FOUND", await self.ask(self.doors[TWO], server_name=THREE))
        self.assert_refused(400, "M_INVALID_PARAM", await self.ask(self.doors[ONE], url="wss://elsewhere.example"))
        self.assertEqual(400, (await self.ask(self.doors[ONE], member={})).status)
        self.network.cut(ONE, TWO)
        self.assert_refused(404, "M_NOT_FOUND", await self.ask(self.doors[TWO], server_name=ONE))

    async def test_answers_that_are_none(self) -> None:
        """What another server makes up does not reach clients."""
        for url, jwt_ in (("https://evil.example", "x"), ("wss://rtc.one.example", 5)):
            self.network.twist = lambda asked, answer, url=url, jwt_=jwt_: {"url": url, "jwt": jwt_}
            self.assertEqual(502, (await self.ask(self.doors[TWO], server_name=ONE)).status)

    def assert_refused(self, status: int, errcode: str, response: Response) -> None:
        self.assertEqual((status, errcode), (response.status, response.errcode), response.body)
