"""
A client for tests of endpoints: it drives the real site in memory, without sockets, and holds every response against
the spec.

    client = Client(a_site(ReceiptEndpoints(receipts)), token="alice")
    response = await client.post("/_matrix/client/v3/rooms/!r:x/receipt/m.read/$e", {})
    self.assertEqual(200, response.status)

A request that waits is started with ``start`` and looked at later.
"""

import http.client
import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from attrs import define, evolve, field, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.http.admin.rows import AdminRow
from homeserver.http.authentication import Authenticator, token_authenticators
from homeserver.http.edge import Audit, Edge
from homeserver.http.limits import RequestLimits
from homeserver.http.request import EdgeSite
from homeserver.http.routes import Found, Router
from homeserver.http.rows import Authentication
from homeserver.http.settings import HTTPSettings
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.rate_limits import RateLimitSettings
from homeserver.services.refusals import UnknownToken
from tests.described import check_described
from tests.spec_schemas import check_response

SERVER = "localhost"
PROPOSED_PARAMETERS = ("org.matrix.msc4140.delay",)
"""With these in its query, an operation answers otherwise than the spec says."""
TOKEN_REFUSALS = ("M_MISSING_TOKEN", "M_UNKNOWN_TOKEN", "M_USER_LOCKED")


@frozen
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def errcode(self) -> str | None:
        """The spec's error code; None when there is none."""
        code: str | None = self.json.get("errcode")
        return code


@define(eq=False)
class Pending:
    """A request that is under way."""

    transport: "_Transport"
    method: str
    response: Response | None = None
    """None: nothing has come back yet."""
    arrived: "Deferred[Response]" = field(factory=Deferred)

    def disconnect(self) -> None:
        """The client leaves."""
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))


@define(eq=False)
class Client:
    """Sends requests to one site, as one user or as a stranger."""

    site: EdgeSite
    token: str | None = None
    ip: str = "192.0.2.1"

    def signed_in(self, token: str | None) -> "Client":
        """The same for another access token."""
        return evolve(self, token=token)

    async def get(self, path: str, **query: Any) -> Response:
        return await self.request("GET", path, query=query)

    async def put(self, path: str, body: Any = None, **query: Any) -> Response:
        return await self.request("PUT", path, body, query=query)

    async def post(self, path: str, body: Any = None, **query: Any) -> Response:
        return await self.request("POST", path, body, query=query)

    async def delete(self, path: str, body: Any = None, **query: Any) -> Response:
        return await self.request("DELETE", path, body, query=query)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The response, once it is there."""
        return await self.start(method, path, body, query=query, headers=headers).arrived

    def start(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pending:
        """
        Sends a request, and does not wait.

        *body* is bytes as they are, or what becomes JSON; None: none.  Of *query*, a list is repeated; an underscore at
        the end of a name goes; True and False are written as the spec does.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        target = quote(path, safe="/%!$:@#+~*',;=&?") if path.isascii() else quote(path)
        target = target.replace("#", "%23")
        if query:
            target += "?" + _encode_query(query)
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {SERVER}",
            "Connection: close",
            f"Content-Length: {len(content)}",
        ]
        if self.token is not None:
            lines.append(f"Authorization: Bearer {self.token}")
        lines.extend(f"{name}: {value}" for name, value in (headers or {}).items())
        transport = _Transport(peerAddress=IPv4Address("TCP", self.ip, 54321))
        protocol = self.site.buildProtocol(None)
        transport.protocol = protocol
        pending = Pending(transport, method)
        transport.on_close = lambda: self._arrived(pending, target)
        protocol.makeConnection(transport)
        protocol.dataReceived("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        return pending

    def talk(self, text: bytes) -> bytes:
        """What a connection has answered to these bytes, as they are, by the time that it has read them."""
        transport = _Transport(peerAddress=IPv4Address("TCP", self.ip, 54321))
        transport.protocol = self.site.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        transport.protocol.dataReceived(text)
        answered: bytes = transport.value()
        return answered

    def _arrived(self, pending: Pending, target: str) -> None:
        try:
            response = _parse_response(pending.transport.value(), pending.method)
            self._check(pending.method, target, response)
        except (AssertionError, LookupError, ValueError, http.client.HTTPException):
            # To whom waits for it, who is the test; above here is the server.
            pending.arrived.errback()
            return
        pending.response = response
        pending.arrived.callback(response)

    def _check(self, method: str, target: str, response: Response) -> None:
        """Raises AssertionError unless the response is one that the spec allows there."""
        assert response.headers.get("access-control-allow-origin") == "*", "every response allows every origin"
        if method in {"HEAD", "OPTIONS"} or response.status in {204, 304}:
            assert not response.body, f"{method} {response.status} has no body"
            return
        is_json = response.headers["content-type"] == "application/json"
        if response.status >= 400:
            is_page = response.headers["content-type"].startswith("text/html")
            are_people = target.startswith("/_folkmoot/") or "/fallback/web" in target
            assert is_json or (is_page and are_people), "errors are JSON, but where people read them"
            if is_page:
                return
            body = response.json
            # Spec: client-server-api#standard-error-response; but user-interactive authentication has its own.
            if not (response.status == 401 and "flows" in body):
                assert isinstance(body["errcode"], str), "errors have a code"
                assert isinstance(body["error"], str), "errors have a sentence"
        edge = self.site.edge
        assert isinstance(edge, Edge)
        found = edge.router.find(method.encode(), target.partition("?")[0].encode()) if response.status != 400 else None
        # Wherever a token is asked for it may be missing or bad, though not every operation says so.
        is_token_refused = response.status == 401 and response.json.get("errcode") in TOKEN_REFUSALS
        is_specified = not any(name in target for name in PROPOSED_PARAMETERS)
        if isinstance(found, Found) and is_json and is_specified and not is_token_refused:
            row = found.route.binding.row
            if isinstance(row, AdminRow):
                check_described(row, response.status, response.json)
            else:
                check_response(row, response.status, response.json)


@define(eq=False)
class Tokens:
    """Access tokens of a test: every localpart is the token of that user of this server; others are unknown."""

    callers: dict[str, Caller] = field(factory=dict)
    """Those that are more than ordinary users."""
    seen: list[RequestInfo] = field(factory=list)
    unknown: set[str] = field(factory=lambda: {"unknown"})

    async def caller(
        self, token: str, info: RequestInfo, *, user_id: UserID | None, device_id: DeviceID | None
    ) -> Caller:
        self.seen.append(info)
        if token in self.callers:
            return self.callers[token]
        if token in self.unknown:
            raise UnknownToken
        return Caller(UserID(f"@{token}:{SERVER}"), DeviceID("DEVICE"))


def a_site(
    *endpoints: object,
    authenticators: Mapping[Authentication, Authenticator] | None = None,
    limits: RateLimitSettings | None = None,
    settings: HTTPSettings | None = None,
    clock: Clock | None = None,
    audit: Audit | None = None,
) -> EdgeSite:
    """A site that serves *endpoints*; access tokens are those of ``Tokens`` unless *authenticators* say otherwise."""
    clock = clock or Clock()
    edge = Edge(
        Router(endpoints),
        {**token_authenticators(Tokens()), **(authenticators or {})},
        RequestLimits(lambda: clock.seconds() * 1000, limits or RateLimitSettings(enabled=False)),
        audit=audit,
    )
    return EdgeSite(edge, settings or HTTPSettings(), clock)


class _Transport(StringTransport):
    """Says when the server has closed, and so has said all."""

    protocol: Any
    on_close: Any = None

    def loseConnection(self) -> None:
        super().loseConnection()
        if self.on_close is not None:
            done, self.on_close = self.on_close, None
            done()

    abortConnection = loseConnection


class _Socket:
    """What ``http.client`` reads a response from."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self._text)


def _parse_response(text: bytes, method: str) -> Response:
    parsed = http.client.HTTPResponse(_Socket(text), method=method)  # type: ignore[arg-type]
    parsed.begin()
    headers = {name.lower(): value for name, value in parsed.getheaders()}
    return Response(parsed.status, headers, parsed.read())


def _encode_query(query: Mapping[str, Any]) -> str:
    pairs = [
        (name.rstrip("_"), str(each).lower() if isinstance(each, bool) else each)
        for name, value in query.items()
        for each in (value if isinstance(value, list | tuple) else [value])
    ]
    return urlencode(pairs)
