"""Tests of federation/http/well_known.py and routes.py."""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers

from federation.core.discovery import Destination
from federation.core.well_known_cache import HOUR_MS
from federation.http.routes import Routes
from federation.http.well_known import WellKnown
from homeserver.core.addresses import SrvRecord, Target
from homeserver.core.identifiers import ServerName
from homeserver.services.ports import PeerUnreachable


@define(eq=False)
class Response:
    """A response of Twisted."""

    code: int
    body: bytes
    headers: Headers
    length: int = field(init=False)
    previousResponse: Any = None
    request: Any = None

    def __attrs_post_init__(self) -> None:
        self.length = len(self.body)

    def setPreviousResponse(self, response: Any) -> None:
        self.previousResponse = response

    def deliverBody(self, protocol: Any) -> None:
        protocol.dataReceived(self.body)
        protocol.connectionLost(Failure(ResponseDone()))


@define(eq=False)
class Web:
    """An agent on which every request is answered by *answer*; None: nobody is there."""

    answer: Callable[[bytes], Response | None]
    asked: list[bytes] = field(factory=list)

    def request(self, method: bytes, uri: bytes, headers: Any = None, bodyProducer: Any = None) -> Deferred[Any]:
        self.asked.append(uri)
        response = self.answer(uri)
        return fail(ConnectionRefusedError()) if response is None else succeed(response)


@define(eq=False)
class Names:
    """SRV records of a test."""

    records: dict[str, tuple[SrvRecord, ...]] = field(factory=dict)

    async def addresses(self, host: str) -> tuple[str, ...]:
        raise AssertionError("discovery resolves no addresses")

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        return self.records.get(name, ())


def document(body: bytes, status: int = 200, **headers: str) -> Response:
    return Response(status, body, Headers({name.replace("_", "-"): [value] for name, value in headers.items()}))


class WellKnownTests(SynchronousTestCase):
    """What hosts say about where their servers are."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.response: Response | None = document(b'{"m.server":"b.example:1"}')
        self.web = Web(lambda uri: self.response)
        self.well_known = WellKnown(self.web, self.clock)
        self.names = Names()
        self.routes = Routes(self.well_known, self.names, lambda: 0.0)

    def delegated(self) -> ServerName | None:
        return self.successResultOf(Deferred.fromCoroutine(self.well_known.delegated("a.example")))

    def test_a_document_is_kept_for_a_day(self) -> None:
        """Unless its headers say otherwise."""
        for hours, asked in ((0, 1), (23, 1), (2, 2)):
            self.clock.advance(hours * 3600)
            self.assertEqual("b.example:1", self.delegated())
            self.assertEqual(asked, len(self.web.asked))
        self.assertEqual(b"https://a.example/.well-known/matrix/server", self.web.asked[0])

    def test_headers_shorten_its_life(self) -> None:
        """Cache-Control is respected."""
        self.response = document(b'{"m.server":"b.example:1"}', cache_control="max-age=600")
        self.delegated()
        self.clock.advance(601)
        self.response = document(b'{"m.server":"c.example:1"}')

        self.assertEqual("c.example:1", self.delegated())

    def test_invalid_answers_count_as_none(self) -> None:
        """Bad JSON, missing properties, another status, silence."""
        for response in (document(b"<html>"), document(b"{}"), document(b'{"m.server":"b"}', 404), None):
            self.response = response
            self.setUpAgain()
            with self.subTest(response=response):
                self.assertIsNone(self.delegated())

    def test_errors_are_kept_longer_each_time(self) -> None:
        """Up to an hour."""
        self.response = None
        for _ in range(24 * 60):
            self.assertIsNone(self.delegated())
            self.clock.advance(60)

        self.assertTrue(24 <= len(self.web.asked) <= 24 + 8, len(self.web.asked))

    def test_a_document_that_is_gone_is_believed_for_a_while(self) -> None:
        """A web server that is down does not take the chat server with it; after two days it does."""
        self.delegated()
        self.response = None
        self.clock.advance(25 * 3600)
        self.assertEqual("b.example:1", self.delegated())
        self.clock.advance(24 * 3600)
        self.assertIsNone(self.delegated())

    def test_redirects_are_followed_and_circles_are_not(self) -> None:
        """As the spec asks."""
        moved = document(b"", 302, location="https://www.a.example/x")
        self.web.answer = lambda uri: moved if b"well-known" in uri else self.response
        self.assertEqual("b.example:1", self.delegated())

        self.setUpAgain()
        self.web.answer = lambda uri: moved
        self.assertIsNone(self.delegated())
        self.assertLess(len(self.web.asked), 10)

    def test_doubt_shortens_its_life(self) -> None:
        """Where nobody answers any more, it is looked up again soon."""
        self.delegated()
        self.routes.doubt(ServerName("a.example"))
        self.response = document(b'{"m.server":"c.example:1"}')
        self.clock.advance(301)

        self.assertEqual("c.example:1", self.delegated())

    def test_routes_follow_the_steps(self) -> None:
        """A document, then SRV records, then the default; and nonsense is unreachable."""
        self.assertEqual(Destination((Target("b.example", 1),), "b.example:1", "b.example"), self.route("a.example"))
        self.response = None
        self.setUpAgain()
        self.assertEqual(Destination((Target("a.example", 8448),), "a.example", "a.example"), self.route("a.example"))
        self.names.records["_matrix-fed._tcp.a.example"] = (SrvRecord("h.example", 5),)
        self.assertEqual(Destination((Target("h.example", 5),), "a.example", "a.example"), self.route("a.example"))
        nonsense = Deferred.fromCoroutine(self.routes.destination(ServerName("[12]:5")))
        self.failureResultOf(nonsense, PeerUnreachable)

    def test_error_lifetimes_never_pass_an_hour(self) -> None:
        """So that a host that comes into being is found."""
        self.response = None
        for _ in range(30):
            self.delegated()
            self.clock.advance(HOUR_MS / 1000)
        self.response = document(b'{"m.server":"b.example:1"}')

        self.assertEqual("b.example:1", self.delegated())

    def route(self, name: str) -> Destination:
        return self.successResultOf(Deferred.fromCoroutine(self.routes.destination(ServerName(name))))

    def setUpAgain(self) -> None:
        """Nothing is remembered."""
        self.well_known = WellKnown(self.web, self.clock)
        self.routes = Routes(self.well_known, self.names, lambda: 0.0)
        self.web.asked.clear()
