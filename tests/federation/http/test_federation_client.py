"""Tests of federation/http/federation_client.py: over TLS, on sockets of this machine."""

import json
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from federation.core.paths import FEDERATION_V1, path_of
from federation.core.request_signing import parse_authorization, signed_request
from federation.http.federation_client import FederationClient, FederationRequest, federation_client
from federation.http.key_servers import KeyRequests
from federation.services.destinations import Destinations
from federation.services.settings import FederationSettings, RetrySettings
from homeserver.core.addresses import SrvRecord
from homeserver.core.identifiers import ServerName
from homeserver.core.signatures import is_signed_by
from homeserver.services.ports import PeerFault, PeerUnreachable
from scripts.certificates import make_authority
from tests.builders import signing_key
from tests.databases import DatabaseCase

ONE = ServerName("one.example")
sockets: Any = reactor


class Names:
    """Every name is this machine, and has no services."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        return ()


class Peer(Resource):
    """Another server: checks the signature of each request, and answers as *answer* says."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answer: Callable[[Any], Any] = lambda request: b"{}"
        self.name = ServerName("")
        self.requests: list[tuple[str, str, Any]] = []
        self.signed: list[bool] = []
        self.connections: set[Any] = set()

    def render(self, request: Any) -> Any:
        body = request.content.read()
        content = json.loads(body) if body else None
        method, target = request.method.decode(), request.uri.decode()
        self.requests.append((method, target, content))
        self.connections.add(request.transport)
        header = request.getHeader("authorization")
        if header is not None:
            signature = parse_authorization(header)
            signed = signed_request(signature, method, target, self.name, content)
            self.signed.append(is_signed_by(signed, ONE, "ed25519:test", signing_key(ONE).verify_key))
            self.signed[-1] &= signature.destination == self.name
        request.setHeader("content-type", "application/json")
        return self.answer(request)


def started(coroutine: Coroutine[Any, Any, Any]) -> "Deferred[Any]":
    """*coroutine*, on its way."""
    return Deferred.fromCoroutine(coroutine)


class FederationClientTests(DatabaseCase):
    """Requests to another server."""

    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority = make_authority(folder)
        self.peer = Peer()
        self.peer.name = self.server = ServerName(f"127.0.0.1:{self.listen('127.0.0.1')}")
        self.federation = FederationSettings(
            ca_file=self.authority.certificate,
            allow_private_addresses=True,
            retry=RetrySettings(60, 60),
            request_timeout_seconds=5,
        )
        self.client = self.make_client()

    def listen(self, host: str) -> int:
        """The port on which the peer answers from now on, with a certificate for *host*."""
        return self._listen(host, 0)

    def _listen(self, host: str, number: int) -> int:
        issued = self.authority.issue(host)
        context = ssl.DefaultOpenSSLContextFactory(str(issued.private_key), str(issued.certificate))
        site: Any = Site(self.peer, timeout=None)
        self.port = sockets.listenSSL(number, site, context, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        return int(self.port.getHost().port)

    def make_client(self, **changes: Any) -> FederationClient:
        settings = evolve(self.federation, **changes)
        self.destinations = Destinations(self.database, sockets, settings.retry, lambda: 0.5)
        client = federation_client(ONE, signing_key(ONE), reactor, Names(), self.destinations, settings, lambda: 0.0)
        self.addCleanup(client.close)
        return client

    async def test_requests_are_signed_as_they_are_sent(self) -> None:
        """Whatever is in path, query and body arrives unchanged, and the receiver finds the signature good."""
        self.peer.answer = lambda request: b'{"answer":1}'
        path = path_of(FEDERATION_V1 + "/make_join", "!a/b?c:d", "@ü ser;x:one")
        answers = [
            await self.client.fetch(self.server, path, {"ver": ["1", "2"], "at": "a&b=c é"}),
            await self.client.send(self.server, "PUT", path, {"ü": [1, None, {"a": "\u2028"}]}),
            await self.client.send(self.server, "POST", path, {}),
        ]

        self.assertEqual([{"answer": 1}] * 3, answers)
        self.assertEqual([True] * 3, self.peer.signed)
        self.assertEqual({"ü": [1, None, {"a": "\u2028"}]}, self.peer.requests[1][2])
        self.assertEqual({}, self.peer.requests[2][2])
        self.assertEqual(1, len(self.peer.connections))

    async def test_names_are_found_by_discovery(self) -> None:
        """A name with a port leads to that port, and its certificate is for the name."""
        name = ServerName(f"peer.example:{self.listen('peer.example')}")
        self.peer.name = name

        self.assertEqual({}, await self.client.fetch(name, "/x"))
        self.assertEqual([True], self.peer.signed)
        wrong = ServerName(f"other.example:{self.port.getHost().port}")
        await self.assertFailure(started(self.client.fetch(wrong, "/x")), PeerUnreachable)
        self.assertEqual(1, len(self.peer.requests))

    async def test_faults_are_told_from_silence(self) -> None:
        """An error response has a status and a code; no JSON is a fault, too; the first versions' arrays are read."""

        def answering(status: int, body: bytes) -> Callable[[Any], bytes]:
            def answer(request: Any) -> bytes:
                request.setResponseCode(status)
                return body

            return answer

        for status, body, errcode in (
            (403, b'{"errcode":"M_FORBIDDEN"}', "M_FORBIDDEN"),
            (500, b"<html>", ""),
            (200, b"<html>", "M_NOT_JSON"),
            (200, b"[]", "M_BAD_JSON"),
        ):
            self.peer.answer = answering(status, body)
            fault = await self.assertFailure(started(self.client.fetch(self.server, "/x")), PeerFault)
            self.assertEqual((status, errcode), (fault.status, fault.errcode))
        self.peer.answer = answering(200, b'[200,{"a":1}]')
        self.assertEqual({"a": 1}, await self.client.send(self.server, "PUT", "/x", {}))
        self.assertTrue(self.destinations.may_try(self.server))

    async def test_a_closed_connection_is_no_failure(self) -> None:
        """The peer may close a kept connection at any moment: the request goes again, on a new one."""
        await self.client.fetch(self.server, "/x")
        closing = iter([True, False])

        def close_once(request: Any) -> Any:
            if next(closing):
                request.transport.abortConnection()
                return NOT_DONE_YET
            return b'{"second":1}'

        self.peer.answer = close_once
        self.assertEqual({"second": 1}, await self.client.send(self.server, "PUT", "/x", {}))
        self.assertEqual(2, len(self.peer.connections))

    async def test_a_silent_server_is_not_asked_again_at_once(self) -> None:
        """Until it may be tried; who insists asks all the same, and an answer ends the wait."""
        number = self.port.getHost().port
        await self.port.stopListening()
        await self.assertFailure(started(self.client.fetch(self.server, "/x")), PeerUnreachable)
        self.assertFalse(self.destinations.may_try(self.server))
        self._listen("127.0.0.1", number)

        error = await self.assertFailure(started(self.client.fetch(self.server, "/x")), PeerUnreachable)
        self.assertIn("lately", error.reason)
        self.assertEqual([], self.peer.requests)
        self.assertEqual({}, await self.client.fetch(self.server, "/x", insist=True))
        self.assertEqual({}, await self.client.fetch(self.server, "/x"))

    async def test_a_proxy_without_its_server_counts_as_silence(self) -> None:
        """502, 503 and 504 are a fault, and the server is left alone for a while."""

        def answer(request: Any) -> bytes:
            request.setResponseCode(502)
            return b""

        self.peer.answer = answer
        await self.assertFailure(started(self.client.fetch(self.server, "/x")), PeerFault)
        self.assertFalse(self.destinations.may_try(self.server))

    async def test_private_addresses_need_a_setting(self) -> None:
        """Without it no connection is made."""
        client = self.make_client(allow_private_addresses=False)
        error = await self.assertFailure(started(client.fetch(self.server, "/x")), PeerUnreachable)

        self.assertIn("private", error.reason)
        self.assertEqual([], self.peer.requests)

    async def test_an_authority_that_is_not_named_is_not_trusted(self) -> None:
        """The system's authorities do not know the test's."""
        client = self.make_client(ca_file=None)
        await self.assertFailure(started(client.fetch(self.server, "/x")), PeerUnreachable)

        self.assertEqual([], self.peer.requests)

    async def test_requests_at_once_are_bounded(self) -> None:
        """More wait for those under way."""
        client = self.make_client(requests_per_destination_max=2)
        held: list[Any] = []
        reached: Deferred[None] = Deferred()

        def hold(request: Any) -> int:
            held.append(request)
            if len(held) == 2:
                reached.callback(None)
            return NOT_DONE_YET

        self.peer.answer = hold
        asking = gatherResults([started(client.fetch(self.server, f"/{number}")) for number in range(5)])
        await reached
        self.assertEqual(2, len(held))
        self.peer.answer = lambda request: b"{}"
        for request in held:
            request.write(b"{}")
            request.finish()

        self.assertEqual([{}] * 5, await asking)
        self.assertEqual({}, client._slots)

    async def test_ourselves_we_do_not_ask(self) -> None:
        """Whatever a user names."""
        await self.assertFailure(started(self.client.fetch(ONE, "/x")), PeerUnreachable)

    async def test_large_answers(self) -> None:
        """A large answer is parsed in a thread; a larger one than the settings allow is given up."""
        text = b'{"a":"' + b"x" * (2 << 20) + b'"}'
        self.peer.answer = lambda request: text

        self.assertEqual(2 << 20, len((await self.client.fetch(self.server, "/x"))["a"]))  # type: ignore[arg-type]
        client = self.make_client(response_bytes_max=1 << 20)
        closed: list[Deferred[Any]] = []

        def pour(request: Any) -> int:
            closed.append(self.assertFailure(request.notifyFinish(), ConnectionDone, ConnectionLost))
            request.write(text)
            return NOT_DONE_YET

        self.peer.answer = pour
        await self.assertFailure(started(client.fetch(self.server, "/x")), PeerUnreachable)
        await closed[0]

    async def test_downloads_are_handed_on_in_pieces(self) -> None:
        """With the headers at the end; an error is not handed on."""
        self.peer.answer = lambda request: b"x" * 100_000
        pieces: list[bytes] = []
        response = await self.client.download(FederationRequest(self.server, "GET", "/m"), pieces.append)
        self.assertEqual((100_000, "application/json"), (len(b"".join(pieces)), response.header("content-type")))

        def missing(request: Any) -> bytes:
            request.setResponseCode(404)
            return b'{"errcode":"M_NOT_FOUND"}'

        self.peer.answer = missing
        failing = self.client.download(FederationRequest(self.server, "GET", "/m"), pieces.append)
        fault = await self.assertFailure(started(failing), PeerFault)
        self.assertEqual("M_NOT_FOUND", fault.errcode)
        self.assertEqual(100_000, len(b"".join(pieces)))

    async def test_keys_are_asked_for_without_signature(self) -> None:
        """Who is asked could not check it before asking back."""
        self.peer.answer = lambda request: b'{"server_keys":[{"server_name":"x"},3]}'
        keys = KeyRequests(self.client)
        await keys.fetch_server_keys(self.server)
        documents = await keys.query_keys(self.server, {ServerName("x"): {"ed25519:a": 5}})

        self.assertEqual([{"server_name": "x"}], documents)
        self.assertEqual([], self.peer.signed)
        self.assertEqual(
            [
                ("GET", "/_matrix/key/v2/server", None),
                (
                    "POST",
                    "/_matrix/key/v2/query",
                    {"server_keys": {"x": {"ed25519:a": {"minimum_valid_until_ts": 5}}}},
                ),
            ],
            self.peer.requests,
        )
