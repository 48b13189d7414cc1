"""One request to another server and its whole answer, bounded in time and size."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final, Protocol, cast
from urllib.parse import urljoin, urlsplit

from attrs import evolve, field, frozen
from OpenSSL.SSL import Error as TlsError
from service_identity.exceptions import CertificateError, VerificationError
from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.python.failure import Failure
from twisted.web.client import (
    FileBodyProducer,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.error import SchemeNotSupported
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from homeserver.core.canonical import JSON, parse_json
from homeserver.services.clock import Clock
from homeserver.services.ports import PeerTimedOut, PeerUnreachable

USER_AGENT: Final = b"Folkmoot"
BODY_BYTES_MAX: Final = 1 << 20

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BROKEN_OFF: Final = (RequestTransmissionFailed, ResponseFailed)
"""How one fails that has begun; each holds its reasons."""
_UNREACHABLE: Final = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    TlsError,
    SchemeNotSupported,
    *_BROKEN_OFF,
)
"""How a request fails that has no whole answer."""

Receive = Callable[[bytes], None]


class Agent(Protocol):
    """Twisted's ``IAgent``, for what checks types."""

    def request(self, method: bytes, uri: bytes, headers: Headers | None, bodyProducer: Any) -> Deferred[Any]:
        """Answers an ``IResponse`` once its headers are in."""


class Dropped(PeerUnreachable):
    """The connection broke before an answer came; it may have been an idle one that the other side had closed."""


@frozen
class Limits:
    """How much of another server's answer is waited for."""

    timeout_seconds: float = 30
    body_bytes_max: int = BODY_BYTES_MAX


@frozen
class OutboundRequest:
    """What is asked: *uri* as the agent takes it; *body*: None for none."""

    method: str
    uri: bytes
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes | None = None


@frozen
class OutboundResponse:
    """What was answered.  *body* is empty when it was received in pieces."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The last header of that name; None when there is none."""
        values = self.headers.getRawHeaders(name)
        return values[-1] if values else None

    def json(self) -> JSON:
        """The body as JSON.  Raises Malformed."""
        return parse_json(self.body)


async def perform(
    agent: Agent,
    clock: Clock,
    request: OutboundRequest,
    limits: Limits,
    receive: Receive | None = None,
) -> OutboundResponse:
    """
    The answer to *request*, whatever its status.  Raises PeerUnreachable when there is none, or too large a one.

    *receive* is called with each piece of the body of a 200, which is then not gathered.
    """
    peer = request.uri.decode("ascii", "replace")

    def give_up(result: object, seconds: float) -> Any:
        # Cancelling fails in many ways, depending on how far the request has come.
        if isinstance(result, Failure):
            raise PeerTimedOut(peer, f"there was no answer in {seconds:g} s") from result.value
        return result

    answer = Deferred.fromCoroutine(_exchange(agent, request, limits, receive))
    answer.addTimeout(limits.timeout_seconds, cast(Any, clock), give_up)
    try:
        return await answer
    except _UNREACHABLE as error:
        dropped = isinstance(error, ResponseNeverReceived | RequestTransmissionFailed) and not _tls_errors(error)
        raise (Dropped if dropped else PeerUnreachable)(peer, _reason(error)) from error


async def perform_following(
    agent: Agent,
    clock: Clock,
    request: OutboundRequest,
    limits: Limits,
    redirects_max: int,
    receive: Receive | None = None,
) -> OutboundResponse:
    """The same after following redirects, each within the limits.  Raises PeerUnreachable when there are more."""
    for _ in range(redirects_max + 1):
        response = await perform(agent, clock, request, limits, receive)
        location = response.header("location")
        if response.status not in _REDIRECTS or location is None:
            return response
        request = evolve(request, uri=resolve_url(request.uri, location))
    raise PeerUnreachable(request.uri.decode("ascii"), f"there were more than {redirects_max} redirects")


def encode_url(url: str) -> bytes:
    """*url* as an agent takes it.  Raises PeerUnreachable for what no request can go to."""
    try:
        encoded = url.encode("ascii")
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PeerUnreachable(url, "this is not a URL") from error
    if not parts.hostname or port == 0 or any(octet <= 0x20 or octet == 0x7F for octet in encoded):
        raise PeerUnreachable(url, "this is not a URL")
    return encoded


def resolve_url(base: bytes, reference: str) -> bytes:
    """The URL that *reference* means on the page at *base*.  Raises PeerUnreachable."""
    try:
        return encode_url(urljoin(base.decode("ascii"), reference))
    except ValueError as error:
        raise PeerUnreachable(reference, "this is not a URL") from error


async def _exchange(
    agent: Agent, request: OutboundRequest, limits: Limits, receive: Receive | None
) -> OutboundResponse:
    headers = Headers({name: [value] for name, value in request.headers.items()})
    if not headers.hasHeader("user-agent"):
        headers.setRawHeaders(b"user-agent", [USER_AGENT])
    producer = None if request.body is None else FileBodyProducer(BytesIO(request.body))
    response = await agent.request(request.method.encode("ascii"), request.uri, headers, producer)
    if response.code != 200:
        receive = None
    body = await _read_body(response, limits.body_bytes_max, request.uri, receive)
    return OutboundResponse(response.code, response.headers, body)


async def _read_body(response: Any, bytes_max: int, uri: bytes, receive: Receive | None) -> bytes:
    reader = _BoundedBody(bytes_max, uri.decode("ascii", "replace"), receive)
    if response.length is not UNKNOWN_LENGTH and response.length > bytes_max:
        reader.refuse()
    response.deliverBody(reader)
    return await reader.whole


class _BoundedBody(protocol.Protocol):
    """Gathers a body, or gives it up when it is larger than *bytes_max*."""

    def __init__(self, bytes_max: int, peer: str, receive: Receive | None) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._abort())
        self._left = bytes_max
        self._peer = peer
        self._parts: list[bytes] = []
        self._receive = receive or self._parts.append
        self._refused = False

    def refuse(self) -> None:
        """Nothing more of it is wanted."""
        self._refused = True
        if not self.whole.called:
            self.whole.errback(PeerUnreachable(self._peer, "its answer is larger than this server takes"))
        self._abort()

    def connectionMade(self) -> None:
        if self._refused:
            self._abort()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            if not self._refused:
                self.refuse()
            return
        self._receive(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        if self.whole.called:
            return
        # A body without a length ends with the connection.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._parts))
        else:
            self.whole.errback(reason)

    def _abort(self) -> None:
        if self.transport is None:
            return
        # A response's transport is a proxy that knows only how to close politely, and over TLS that waits for the other
        # side: whoever sends too much would be waited for.
        connection = getattr(self.transport, "_producer", None) or self.transport
        getattr(connection, "abortConnection", connection.loseConnection)()


def _reason(error: Exception) -> str:
    """A few words for an administrator."""
    if isinstance(error, _BROKEN_OFF):
        causes = [failure.value for failure in error.reasons]
        unfit = [cause for cause in causes if isinstance(cause, VerificationError | CertificateError)]
        if unfit:
            return "its certificate is for another name"
        tls = _tls_errors(error)
        if tls:
            return _reason(tls[0])
        lost = [cause for cause in causes if not isinstance(cause, CancelledError)]
        return str(lost[0]) if lost else "the connection was lost"
    if isinstance(error, TlsError):
        return f"TLS failed: {error}"
    return str(error) or type(error).__name__


def _tls_errors(error: ResponseFailed | RequestTransmissionFailed) -> list[Exception]:
    causes = (failure.value for failure in error.reasons)
    return [cause for cause in causes if isinstance(cause, TlsError | VerificationError | CertificateError)]
