"""The whole server with an identity server, policy rooms, its own policy server, and guests."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor, ssl
from twisted.trial.unittest import TestCase

from conf.reading import parse_settings
from homeserver.http.request import EdgeSite
from scripts.certificates import make_authority
from scripts.serve import Server, start
from tests.client import Client, Response
from tests.identity_server import TOKEN, IdentityServerOfTests

QUICK = {"passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8}, "listeners": [{"port": 0}]}
V3 = "/_matrix/client/v3"


class WholeServerCase(TestCase):
    server: Server

    async def begin(self, **more: object) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.settings = parse_settings({**QUICK, **more}, self.folder)
        await self.start()

    async def start(self) -> None:
        self.server = await start(self.settings, reactor)
        self.addCleanup(self.server.stop)
        self.stranger = Client(EdgeSite(self.server.edge, self.server.settings.http, reactor))

    async def user(self, name: str) -> Client:
        account = {"username": name, "password": "a good one", "auth": {"type": "m.login.dummy"}}
        return self.stranger.signed_in((await self.ok(self.stranger.post(f"{V3}/register", account)))["access_token"])

    async def ok(self, answer: Any) -> Any:
        response: Response = await answer
        self.assertEqual(200, response.status, response.body)
        return response.json


class IdentityTests(WholeServerCase):
    async def setUp(self) -> None:  # type: ignore[override]
        outbound = {"verify_tls": False, "allow_private_addresses": True}
        await self.begin(outbound=outbound)
        issued = make_authority(self.folder).issue("localhost")
        context = ssl.DefaultOpenSSLContextFactory(str(issued.private_key), str(issued.certificate))
        self.identity = IdentityServerOfTests(tls=context)
        self.addCleanup(self.identity.port.stopListening)
        self.alice, self.bob = await self.user("alice"), await self.user("bob")

    def invitee(self, address: str = "bob@example.org", **more: Any) -> Any:
        named = {"id_server": self.identity.name, "id_access_token": TOKEN, "medium": "email", "address": address}
        return {**named, **more}

    async def test_an_invite_by_address_is_taken_up(self) -> None:
        """By createRoom and by /invite; once the address is bound its owner is invited to both, and joins."""
        body = {"invite_3pid": [self.invitee()]}
        rooms = [(await self.ok(self.alice.post(f"{V3}/createRoom", each)))["room_id"] for each in (body, {})]
        await self.ok(self.alice.post(f"{V3}/rooms/{rooms[1]}/invite", self.invitee()))
        state = await self.ok(self.alice.get(f"{V3}/rooms/{rooms[0]}/state"))
        notice = self.identity.notice("@bob:localhost", "bob@example.org")
        await self.ok(self.stranger.put("/_matrix/federation/v1/3pid/onbind", notice))
        invited = (await self.ok(self.bob.get(f"{V3}/sync")))["rooms"]["invite"]
        for room_id in rooms:
            await self.ok(self.bob.post(f"{V3}/join/{room_id}", {}))

        self.assertIn("m.room.third_party_invite", [event["type"] for event in state])
        self.assertEqual(set(rooms), set(invited))

    async def test_the_proof_comes_with_the_join(self) -> None:
        """Once: afterwards the user is in the room."""
        room_id = (await self.ok(self.alice.post(f"{V3}/createRoom", {"invite_3pid": [self.invitee()]})))["room_id"]
        signed = self.identity.proof_with_sender("@bob:localhost", "token0", "@alice:localhost")
        for _ in range(2):
            await self.ok(self.bob.post(f"{V3}/rooms/{room_id}/join", {"third_party_signed": signed}))

    async def test_bad_invites(self) -> None:
        """Each with the spec's error, and none makes a room."""
        room_id = (await self.ok(self.alice.post(f"{V3}/createRoom", {})))["room_id"]
        stories: list[tuple[Any, int, str]] = [
            ({}, 400, "M_MISSING_PARAM"),
            (self.invitee(id_access_token=None), 400, "M_MISSING_PARAM"),
            (self.invitee(id_server="no server/x"), 400, "M_INVALID_PARAM"),
            (self.invitee(medium=5), 400, "M_BAD_JSON"),
            (self.invitee(id_access_token="bad"), 403, "M_FORBIDDEN"),
            (self.invitee(id_server="127.0.0.1:1"), 404, "M_NOT_FOUND"),
        ]
        for body, status, errcode in stories:
            with self.subTest(body=body):
                answer = await self.alice.post(f"{V3}/rooms/{room_id}/invite", body)
                self.assertEqual((status, errcode), (answer.status, answer.errcode), answer.body)
        created = await self.alice.post(f"{V3}/createRoom", {"invite_3pid": [{"medium": "email"}]})
        self.assertEqual((400, "M_MISSING_PARAM"), (created.status, created.errcode))

    async def test_an_address_is_bound_and_unbound(self) -> None:
        """By this server's signature, also when the account ends."""
        path = f"{V3}/account/3pid"
        self.identity.sessions["sid"] = ("email", "bob@example.org")
        proved = {"sid": "sid", "client_secret": "secret", "id_server": self.identity.name, "id_access_token": TOKEN}
        await self.ok(self.bob.post(f"{path}/bind", proved))
        bound = dict(self.identity.bound)
        # The server of these tests believes in the keys of its builders, this one has a key of its own.
        refused = await self.ok(self.bob.post(f"{path}/unbind", {"medium": "email", "address": "bob@example.org"}))
        self.identity.keys["localhost"] = await self.published_key()
        done = await self.ok(self.bob.post(f"{path}/unbind", {"medium": "email", "address": "Bob@example.org"}))
        nothing = await self.ok(self.bob.post(f"{path}/unbind", {"medium": "email", "address": "bob@example.org"}))
        results = [answer["id_server_unbind_result"] for answer in (refused, done, nothing)]
        await self.ok(self.bob.post(f"{path}/bind", proved))
        auth = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": "bob"},
            "password": "a good one",
        }
        ended = await self.ok(self.bob.post(f"{V3}/account/deactivate", {"auth": auth}))

        self.assertEqual({("email", "bob@example.org"): "@bob:localhost"}, bound)
        self.assertEqual(["no-support", "success", "no-support"], results)
        self.assertEqual(("success", {}), (ended["id_server_unbind_result"], self.identity.bound))

    async def published_key(self) -> str:
        keys = await self.ok(self.stranger.get("/_matrix/key/v2/server"))
        return str(next(iter(keys["verify_keys"].values()))["key"])


class PolicyTests(WholeServerCase):
    async def test_this_server_as_a_policy_server(self) -> None:
        """Its key is told, rooms that name it are looked after, and its lists count there."""
        await self.begin(policy={"serves_rooms": True, "lists": ["#bans:localhost"]}, registration={"enabled": True})
        alice, mallory = await self.user("alice"), await self.user("mallory")
        key = await self.ok(self.stranger.get("/.well-known/matrix/policy_server"))
        banned = {
            "type": "m.policy.rule.user",
            "state_key": "x",
            "content": {"entity": "@mallory:*", "recommendation": "m.ban", "reason": "spam"},
        }
        bans = {"room_alias_name": "bans", "preset": "public_chat", "initial_state": [banned]}
        await self.ok(alice.post(f"{V3}/createRoom", bans))
        room_id = (await self.ok(alice.post(f"{V3}/createRoom", {"preset": "public_chat"})))["room_id"]
        await self.ok(mallory.post(f"{V3}/join/{room_id}", {}))
        policy = {"via": "localhost", **key}
        await self.ok(alice.put(f"{V3}/rooms/{room_id}/state/m.room.policy", policy))
        await self.ok(mallory.put(f"{V3}/rooms/{room_id}/send/m.room.message/1", {"body": "x", "msgtype": "m.text"}))
        tokens = [str(client.token) for client in (alice, mallory)]
        # Lists are joined at the start.
        await self.server.stop()
        await self.start()
        alice, mallory = [self.stranger.signed_in(token) for token in tokens]
        for number in range(2, 100):
            path = f"{V3}/rooms/{room_id}/send/m.room.message/{number}"
            refused = await mallory.put(path, {"body": "x", "msgtype": "m.text"})
            if refused.status != 200:
                break
        await self.ok(alice.put(f"{V3}/rooms/{room_id}/send/m.room.message/1", {"body": "x", "msgtype": "m.text"}))
        other = (await self.ok(alice.post(f"{V3}/createRoom", {"preset": "public_chat"})))["room_id"]
        outside = await mallory.post(f"{V3}/join/{other}", {})

        self.assertEqual((400, "M_FORBIDDEN"), (refused.status, refused.errcode))
        self.assertEqual((403, "M_FORBIDDEN"), (outside.status, outside.errcode))

    async def test_a_server_that_is_none_says_so(self) -> None:
        """There is no key to be had."""
        await self.begin()
        answer = await self.stranger.get("/.well-known/matrix/policy_server")

        self.assertEqual((404, "M_NOT_FOUND"), (answer.status, answer.errcode))
