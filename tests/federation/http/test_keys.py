"""Tests of federation/http/keys.py and authenticator.py."""

import json
from typing import Any

from attrs import frozen
from twisted.internet.task import Clock

from federation.core.key_validity import DAY_MS, parse_server_keys, publish_keys
from federation.core.request_signing import Request, sign_request
from federation.http.authenticator import ServerAuthenticator
from federation.http.keys import KeyEndpoints
from federation.services.destinations import Destinations
from federation.services.key_ring import KeyRing
from federation.services.known_keys import KnownKeys
from federation.services.notary import Notary
from federation.services.settings import RetrySettings
from federation.services.signing_key import OwnKeys
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.identifiers import ServerName
from homeserver.core.signatures import is_signed_by
from homeserver.http.operation import server_operation
from homeserver.http.rows import Authentication
from homeserver.services.clock import now_ms
from tests.builders import START_MS, signing_key
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase
from tests.federation.services.test_key_ring import World

ONE, TWO, THREE = ServerName("one.example"), ServerName("two.example"), ServerName("three.example")


@frozen
class Echo:
    """Answers who asked."""

    @server_operation("sendTransaction")
    async def send_transaction(self, origin: ServerName, txn_id: str, body: JSONObject) -> JSONObject:
        """The sender, where a PDU's error would be."""
        return {"pdus": {"$x": {"error": origin}}}

    @server_operation("getEventAuth")
    async def event_auth(self, origin: ServerName, room_id: str, event_id: str) -> JSONObject:
        """Nothing."""
        return {"auth_chain": []}


class FederationHttpCase(DatabaseCase):
    """A site of one.example."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.clock.advance(START_MS / 1000)
        self.world = World()
        retry = RetrySettings(1, 8)
        self.destinations = Destinations(self.database, self.clock, retry, lambda: 0.5)
        known = KnownKeys(self.database, self.clock, self.world, (), retry, lambda: 0.5)
        ring = KeyRing(ONE, OwnKeys(signing_key(ONE), {}), known, self.clock)
        site = a_site(
            KeyEndpoints(ring, Notary(ring, self.database)),
            Echo(),
            authenticators={Authentication.SERVER_SIGNATURE: ServerAuthenticator(ring, self.destinations)},
        )
        self.client = Client(site)
        self.world.documents[TWO] = publish_keys(TWO, signing_key(TWO), {}, START_MS + DAY_MS)

    async def send(self, body: bytes = b'{"a":1}', **changes: Any) -> Response:
        """A signed transaction of two.example; *changes* make it another than what was signed."""
        target = "/_matrix/federation/v1/send/t1"
        signed = Request(
            changes.get("origin", TWO),
            changes.get("destination", ONE),
            changes.get("method", "PUT"),
            changes.get("target", target),
            encode_canonical(json.loads(changes.get("content", body))),
        )
        header = changes.get("header", sign_request(signed, signing_key(TWO)))
        return await self.client.request("PUT", target, body, headers={"Authorization": header} if header else {})


class KeyEndpointTests(FederationHttpCase):
    """Keys over HTTP."""

    async def test_our_keys_are_published(self) -> None:
        """Signed by themselves, and good for longer than an hour."""
        response = await self.client.get("/_matrix/key/v2/server")
        keys = parse_server_keys(response.json, now_ms(self.clock))

        self.assertEqual((200, ONE), (response.status, keys.server_name))
        self.assertEqual(signing_key(ONE).verify_key, keys.keys["ed25519:test"].octets)
        self.assertGreater(keys.valid_until_ms, START_MS + 3_600_000)

    async def test_one_servers_keys_are_handed_on(self) -> None:
        """With our signature; an empty list for a server that nobody knows."""
        response = await self.client.get(f"/_matrix/key/v2/query/{TWO}", minimum_valid_until_ts=START_MS)
        [document] = response.json["server_keys"]
        self.assertTrue(is_signed_by(document, ONE, "ed25519:test", signing_key(ONE).verify_key))

        unknown = await self.client.get(f"/_matrix/key/v2/query/{THREE}")
        self.assertEqual({"server_keys": []}, unknown.json)

    async def test_several_servers_keys_are_handed_on(self) -> None:
        """Those that there are."""
        wanted = {TWO: {"ed25519:test": {"minimum_valid_until_ts": START_MS}}, THREE: {}, ONE: {"ed25519:test": {}}}
        response = await self.client.post("/_matrix/key/v2/query", {"server_keys": wanted})

        self.assertEqual({TWO, ONE}, {document["server_name"] for document in response.json["server_keys"]})

    async def test_bad_queries_are_refused(self) -> None:
        """With 400, whatever is wrong."""
        for body in (b"", b"x", b"[]", b"{}", b'{"server_keys":3}', b'{"server_keys":{"a b":{}}}'):
            with self.subTest(body=body):
                self.assertEqual(400, (await self.client.post("/_matrix/key/v2/query", body)).status)
        criteria: list[Any] = [[], {"k": 3}, {"k": {"minimum_valid_until_ts": "x"}}]
        for wrong in criteria:
            query = {"server_keys": {TWO: wrong}}
            self.assertEqual(400, (await self.client.post("/_matrix/key/v2/query", query)).status)
        many: Any = {"server_keys": {f"s{number}.example": {} for number in range(101)}}
        self.assertEqual(400, (await self.client.post("/_matrix/key/v2/query", many)).status)
        self.assertEqual(400, (await self.client.get("/_matrix/key/v2/query/a b")).status)


class AuthenticatorTests(FederationHttpCase):
    """Which server a request speaks for."""

    async def test_a_signed_request_passes(self) -> None:
        """Also when its body is not in canonical form, and when it has none."""
        # The last as the reference library writes small numbers, which rooms of old versions may hold.
        for body in (b'{"a":1}', b' { "b" : 2, "a":1.0e0, "\\u0061a": "\\u00e9" } ', b"{}", b'{"a":0.00001,"b":1e-7}'):
            response = await self.send(body)
            with self.subTest(body=body):
                self.assertEqual((200, TWO), (response.status, response.json["pdus"]["$x"]["error"]))
        target = "/_matrix/federation/v1/event_auth/!r:x/$e"
        header = sign_request(Request(TWO, ONE, "GET", target), signing_key(TWO))
        bare = await self.client.request("GET", target, headers={"Authorization": header})
        self.assertEqual(200, bare.status)

    async def test_a_request_that_is_not_signed_is_refused(self) -> None:
        """401 M_UNAUTHORIZED, whatever is wrong: missing, malformed, for another request, server or body."""
        for changes in (
            {"header": ""},
            {"header": "Bearer abc"},
            {"header": "X-Matrix origin=two.example"},
            {"method": "POST"},
            {"target": "/_matrix/federation/v1/send/t2"},
            {"content": b'{"a":2}'},
            {"destination": THREE},
            {"origin": THREE},
            {"origin": ONE},
        ):
            response = await self.send(**changes)
            with self.subTest(changes=changes):
                self.assertEqual((401, "M_UNAUTHORIZED"), (response.status, response.errcode))

    async def test_a_body_that_is_no_json_is_refused(self) -> None:
        """As such."""
        response = await self.send(b"{", content=b"{}")

        self.assertEqual((400, "M_NOT_JSON"), (response.status, response.errcode))

    async def test_a_server_that_speaks_may_be_tried_again(self) -> None:
        """But not one that only pretends to speak."""
        for _ in range(5):
            await self.destinations.failed(TWO)
            self.clock.advance(8)
        await self.destinations.failed(TWO)
        self.clock.advance(2)
        await self.send(content=b'{"a":2}')
        self.assertFalse(self.destinations.may_try(TWO))
        await self.send()
        self.assertTrue(self.destinations.may_try(TWO))
