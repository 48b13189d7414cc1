"""Tests of homeserver.http.exchange."""

from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers

from homeserver.http.exchange import Dropped, Limits, OutboundRequest, perform
from homeserver.services.ports import PeerUnreachable


@define
class FailingAgent:
    """No request comes through."""

    error: Exception

    def request(self, method: bytes, uri: bytes, headers: Headers | None, bodyProducer: Any) -> Deferred[Any]:
        return fail(self.error)


class PerformTests(TestCase):
    async def test_whatever_breaks_is_an_unreachable_peer(self) -> None:
        """A connection that broke before the answer may have been an idle one, also while the request was sent."""
        lost = [Failure(ConnectionLost("gone"))]
        for error, kind in (
            (RequestTransmissionFailed(lost), Dropped),
            (ResponseNeverReceived(lost), Dropped),
            (ResponseFailed(lost), PeerUnreachable),
            (ConnectionRefusedError("closed"), PeerUnreachable),
        ):
            with self.assertRaises(PeerUnreachable) as caught:
                await perform(FailingAgent(error), Clock(), OutboundRequest("PUT", b"https://two.example"), Limits())

            self.assertIs(kind, type(caught.exception), error)
            self.assertNotIn("Failure", str(caught.exception))
