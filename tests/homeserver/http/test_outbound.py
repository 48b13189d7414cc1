"""Tests of homeserver/http/outbound.py and what it is made of, over real sockets of this machine."""

import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from OpenSSL.SSL import TLS1_1_VERSION, TLS1_2_VERSION, TLS_SERVER_METHOD, Context
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from homeserver.core.addresses import SrvRecord, Target
from homeserver.http.connections import Connections
from homeserver.http.exchange import Limits, OutboundRequest
from homeserver.http.outbound import OutboundClient, OutboundSettings, agent_on
from homeserver.http.outbound_tls import OutboundTls
from homeserver.services.ports import PeerFault, PeerUnreachable
from scripts.certificates import Authority, make_authority

ssl_reactor: Any = reactor
SETTINGS = OutboundSettings(allow_private_addresses=True, timeout_seconds=5)
BOTH = frozenset({b"http", b"https"})


@define(eq=False)
class LocalNames:
    """Names of a test: all lead to *address*."""

    address: str = "127.0.0.1"
    asked: list[str] = field(factory=list)

    async def addresses(self, host: str) -> tuple[str, ...]:
        self.asked.append(host)
        return (self.address,)

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        return ()


class Answering(Resource):
    """Answers every request by what *answer* does with it."""

    isLeaf = True

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self.answer = answer
        self.requests: list[Any] = []

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        return self.answer(request)


def started(coroutine: Coroutine[Any, Any, Any]) -> "Deferred[Any]":
    """*coroutine*, on its way."""
    return Deferred.fromCoroutine(coroutine)


class OutboundCase(TestCase):
    """Servers on 127.0.0.1, and clients that trust a test authority."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority: Authority = make_authority(self.folder)

    def serve(self, answer: Callable[[Any], Any], host: str | None = None, context: Any = None) -> int:
        """The port of a server; with TLS for *host* if given."""
        self.resource = Answering(answer)
        site: Any = Site(self.resource)
        if host is not None:
            issued = self.authority.issue(host)
            context = context or ssl.DefaultOpenSSLContextFactory(str(issued.private_key), str(issued.certificate))
            port = ssl_reactor.listenSSL(0, site, context, interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def client(self, settings: OutboundSettings = SETTINGS, names: LocalNames | None = None) -> OutboundClient:
        """A client that trusts the test's authority."""
        tls = OutboundTls(self.authority.certificate, settings.verify_tls)
        connections = Connections(reactor, names or LocalNames(), tls, settings.allow_private_addresses)
        agent: Any = agent_on(reactor, connections, BOTH)
        self.addCleanup(agent._pool.closeCachedConnections)
        return OutboundClient(reactor, agent, settings)


class OutboundTests(OutboundCase):
    """Requests to anywhere that is allowed."""

    async def test_json_goes_and_comes(self) -> None:
        """A request's body and headers arrive, the answer comes back."""
        port = self.serve(lambda request: request.content.read())
        answer = await self.client().send_json("POST", f"http://push.example:{port}/x?y", {"a": 1}, {"X-Y": "z"})

        self.assertEqual({"a": 1}, answer)
        request = self.resource.requests[0]
        self.assertEqual([f"push.example:{port}"], request.requestHeaders.getRawHeaders("host"))
        self.assertEqual(["z"], request.requestHeaders.getRawHeaders("x-y"))
        self.assertEqual(b"/x?y", request.uri)

    async def test_a_bad_status_is_the_peers_fault(self) -> None:
        """With the status, and the error code if there is one."""

        def refuse(request: Any) -> bytes:
            request.setResponseCode(403)
            return b'{"errcode":"M_FORBIDDEN"}'

        port = self.serve(refuse)
        fault = await self.assertFailure(started(self.client().send_json("GET", f"http://x:{port}/")), PeerFault)

        self.assertEqual((403, "M_FORBIDDEN"), (fault.status, fault.errcode))

    async def test_what_is_no_json_is_the_peers_fault(self) -> None:
        """Also under a good status."""
        port = self.serve(lambda request: b"<html>")

        await self.assertFailure(started(self.client().send_json("GET", f"http://x:{port}/")), PeerFault)

    async def test_private_addresses_are_refused(self) -> None:
        """By default, whether named, literal, or behind a redirect; nothing arrives there."""
        port = self.serve(lambda request: b"{}")
        client = self.client(evolve(SETTINGS, allow_private_addresses=False))
        for host in ("127.0.0.1", "inside.example", "[::ffff:127.0.0.1]"):
            with self.subTest(host=host):
                error = await self.assertFailure(
                    started(client.send_json("GET", f"http://{host}:{port}/")), PeerUnreachable
                )
                self.assertIn("private", error.reason)
        self.assertEqual([], self.resource.requests)

    async def test_redirects_are_followed_only_where_asked(self) -> None:
        """And not in circles."""

        def redirect(request: Any) -> bytes:
            if request.uri == b"/end":
                return b"here"
            request.setResponseCode(302)
            locations = {b"/loop": b"/loop", b"/wrong": b"https://[::1", b"/file": b"file:///etc/passwd"}
            request.setHeader(b"location", locations.get(request.uri, b"/end"))
            return b""

        port = self.serve(redirect)
        client, there = self.client(), f"http://x:{port}".encode()

        self.assertEqual(302, (await client.request(OutboundRequest("GET", there + b"/a"))).status)
        self.assertEqual(b"here", (await client.request_following(OutboundRequest("GET", there + b"/a"))).body)
        for path in (b"/loop", b"/wrong", b"/file"):
            astray = client.request_following(OutboundRequest("GET", there + path))
            await self.assertFailure(started(astray), PeerUnreachable)

    async def test_only_http_is_spoken(self) -> None:
        """No file, no other scheme, nothing that is no URL."""
        client = self.client()
        nonsense = (
            "file:///etc/passwd", "ftp://x/", "http://x/ y", "http://é/", "http:///x", "x", "", "http://[::1/",
            "http://x:0/", "http://x:99999/", "http://x:y/", "http://user:secret@x/", "http://a..b/",
            f"http://{'a' * 64}/", "https://12345/", "https://a..b/", "https://*.example/",
        )  # fmt: skip
        for url in nonsense:
            with self.subTest(url=url):
                await self.assertFailure(started(client.send_json("GET", url)), PeerUnreachable)

    async def test_large_answers_are_given_up(self) -> None:
        """Whether their length is announced or not, and without reading on."""

        def endless(request: Any) -> int:
            request.write(b"x" * 70_000)
            return NOT_DONE_YET

        client, limits = self.client(), Limits(5, 65_536)
        for answer in (lambda request: b"x" * 70_000, endless):
            port = self.serve(answer)
            request = OutboundRequest("GET", f"http://x:{port}/".encode())
            error = await self.assertFailure(started(client.request(request, limits)), PeerUnreachable)
            self.assertIn("larger", error.reason)

    async def test_slow_answers_are_given_up(self) -> None:
        """Before the headers, and in the middle of the body."""

        def begin(request: Any) -> int:
            request.write(b"x")
            return NOT_DONE_YET

        for answer in (lambda request: NOT_DONE_YET, begin):
            port = self.serve(answer)
            request = OutboundRequest("GET", f"http://x:{port}/".encode())
            error = await self.assertFailure(started(self.client().request(request, Limits(0.2))), PeerUnreachable)
            self.assertIn("0.2 s", error.reason)

    async def test_nobody_listens(self) -> None:
        """That is no fault of ours, and says why."""
        port = self.serve(lambda request: b"{}")
        await self._cleanups_of_servers()
        error = await self.assertFailure(started(self.client().send_json("GET", f"http://x:{port}/")), PeerUnreachable)

        self.assertIn("refused", error.reason)

    async def test_pieces_are_handed_on(self) -> None:
        """A body may be received without being gathered."""
        port = self.serve(lambda request: b"x" * 100_000)
        pieces: list[bytes] = []
        response = await self.client().request(
            OutboundRequest("GET", f"http://x:{port}/".encode()), receive=pieces.append
        )

        self.assertEqual((b"", b"x" * 100_000), (response.body, b"".join(pieces)))

    async def _cleanups_of_servers(self) -> None:
        function, args, kwargs = self._cleanups.pop()
        await function(*args, **kwargs)


class TlsTests(OutboundCase):
    """Whom TLS connections are made to."""

    async def get(self, client: OutboundClient, host: str, port: int) -> bytes:
        """What is answered over TLS."""
        return (await client.request(OutboundRequest("GET", f"https://{host}:{port}/".encode()))).body

    async def test_certificates_for_names_and_addresses(self) -> None:
        """A name, an IPv4 address: whatever the certificate is for can be reached."""
        for host in ("one.example", "127.0.0.1"):
            port = self.serve(lambda request: b"yes", host)
            with self.subTest(host=host):
                self.assertEqual(b"yes", await self.get(self.client(), host, port))

    async def test_a_certificate_for_another_is_refused(self) -> None:
        """No byte of a request is sent."""
        for good, asked in (("one.example", "two.example"), ("one.example", "127.0.0.1"), ("127.0.0.2", "127.0.0.1")):
            port = self.serve(lambda request: b"yes", good)
            with self.subTest(asked=asked):
                error = await self.assertFailure(started(self.get(self.client(), asked, port)), PeerUnreachable)
                self.assertIn("another name", error.reason)
                self.assertEqual([], self.resource.requests)

    async def test_an_unknown_authority_is_refused(self) -> None:
        """Unless the settings say that certificates are not verified."""
        port = self.serve(lambda request: b"yes", "one.example")
        (self.folder / "other").mkdir()
        self.authority = make_authority(self.folder / "other")
        error = await self.assertFailure(started(self.get(self.client(), "one.example", port)), PeerUnreachable)
        lax = self.client(evolve(SETTINGS, verify_tls=False))

        self.assertIn("certificate verify failed", error.reason)
        self.assertEqual(b"yes", await self.get(lax, "one.example", port))

    async def test_old_versions_of_tls_are_refused(self) -> None:
        """TLS 1.2 is the least."""
        old = self.serve(lambda request: b"yes", "one.example", self._speaking_at_most(TLS1_1_VERSION))
        await self.assertFailure(started(self.get(self.client(), "one.example", old)), PeerUnreachable)

        new = self.serve(lambda request: b"yes", "one.example", self._speaking_at_most(TLS1_2_VERSION))
        self.assertEqual(b"yes", await self.get(self.client(), "one.example", new))

    def _speaking_at_most(self, version: int) -> Any:
        issued = self.authority.issue("one.example")
        context = Context(TLS_SERVER_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_max_proto_version(version)
        context.use_privatekey_file(str(issued.private_key))
        context.use_certificate_file(str(issued.certificate))
        factory = ssl.DefaultOpenSSLContextFactory(str(issued.private_key), str(issued.certificate))
        factory._context = context
        return factory

    async def test_targets_are_tried_in_turn(self) -> None:
        """A server with several hosts is reached through the one that answers."""
        port = self.serve(lambda request: b"yes", "one.example")
        dead = self.serve(lambda request: b"no", "one.example")
        function, args, kwargs = self._cleanups.pop()
        await function(*args, **kwargs)
        tls = OutboundTls(self.authority.certificate)
        connections = Connections(reactor, LocalNames(), tls, True)
        endpoint = connections.to((Target("h1.example", dead), Target("h2.example", port)), "one.example")

        protocol: Any = await endpoint.connect(Factory.forProtocol(Protocol))
        self.assertEqual(port, protocol.transport.getPeer().port)
        await self._lost(protocol)

    async def _lost(self, protocol: Any) -> None:
        lost: Deferred[None] = Deferred()
        protocol.connectionLost = lambda reason: lost.callback(None)
        protocol.transport.abortConnection()
        await lost
