"""Connections: answers go out in one piece or in many, and mean the same."""

from typing import Any

from attrs import define
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from homeserver.http.operation import operation
from homeserver.http.replies import Raw
from homeserver.services.callers import Caller
from tests.client import Client, a_site

REQUEST = b"GET /_matrix/client/v3/account/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\n%s\r\n"
LARGE = b'"' + b"x" * 8_000_000 + b'"'


@define(eq=False)
class Endpoints:
    body: bytes

    @operation("getTokenOwner")
    async def whoami(self, caller: Caller) -> Raw:
        return Raw(self.body)


class Reader(Protocol):
    """Reads slowly: it stops after every piece, and goes on in a later turn."""

    def __init__(self, wanted_bytes: int) -> None:
        self.received = bytearray()
        self.wanted_bytes = wanted_bytes
        self.arrived: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        transport: Any = self.transport
        transport.pauseProducing()
        if len(self.received) >= self.wanted_bytes and not self.arrived.called:
            self.arrived.callback(None)
        clock: Any = reactor
        clock.callLater(0, transport.resumeProducing)


class HeadTests(TestCase):
    def heads(self, more: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
        """Status line, headers but for the date, and body."""
        head, _, body = Client(a_site(Endpoints(b"{}"))).talk(REQUEST % more).partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        self.assertIn(b"GMT", headers.pop(b"Date"))
        return status, headers, body

    def test_an_answer_is_the_same_whichever_way_it_is_written(self) -> None:
        """In one piece on a connection that goes on, through twisted.web on one that ends."""
        one, many = self.heads(b""), self.heads(b"Connection: close\r\n")

        self.assertEqual(b"close", many[1].pop(b"Connection"))
        self.assertEqual(many, one)
        self.assertEqual(b"2", one[1][b"Content-Length"])


class WireTests(TestCase):
    async def connect(self, body: bytes, reader: Reader) -> None:
        clock: Any = reactor
        port = clock.listenTCP(0, a_site(Endpoints(body)), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        await connectProtocol(TCP4ClientEndpoint(clock, "127.0.0.1", port.getHost().port), reader)
        transport: Any = reader.transport
        self.addCleanup(transport.loseConnection)

    async def test_more_than_the_connection_takes_at_once_arrives_whole(self) -> None:
        """And the next request of the connection is answered after it."""
        reader = Reader(2 * len(LARGE))
        await self.connect(LARGE, reader)
        transport: Any = reader.transport
        transport.write(REQUEST % b"" * 2)
        await reader.arrived

        self.assertEqual(2, reader.received.count(LARGE))
        self.assertEqual(2, reader.received.count(b"HTTP/1.1 200 OK\r\n"))

    async def test_who_leaves_in_the_middle_harms_nobody(self) -> None:
        """The connection ends on this side too, and nothing is logged as an error."""
        reader = Reader(1)
        await self.connect(LARGE, reader)
        transport: Any = reader.transport
        transport.write(REQUEST % b"")
        await reader.arrived
        transport.abortConnection()

        self.assertEqual([], self.flushLoggedErrors())
