"""
Signed requests to other servers.

Spec: server-server-api#request-authentication
"""

from typing import Any, cast

from attrs import define, field, frozen
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.threads import deferToThread
from twisted.web import client
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from federation.core.discovery import Destination
from federation.core.paths import Query, target_of
from federation.core.request_signing import Request, sign_request
from federation.http.routes import Routes
from federation.http.well_known import WellKnown
from federation.services.destinations import Destinations
from federation.services.settings import FederationSettings
from homeserver.core.canonical import JSON, JSONObject, encode_canonical
from homeserver.core.identifiers import ServerName
from homeserver.core.signatures import SigningKey
from homeserver.http.connections import Connections
from homeserver.http.exchange import Agent, Dropped, Limits, OutboundRequest, OutboundResponse, Receive, perform
from homeserver.http.names import Names
from homeserver.http.outbound import agent_on, fault_of, json_of
from homeserver.http.outbound_tls import OutboundTls
from homeserver.services.clock import Clock
from homeserver.services.ports import PeerFault, PeerUnreachable

LARGE_BODY_BYTES = 1 << 20
"""Larger answers are parsed in a thread."""

_GATEWAY_FAULTS = frozenset({502, 503, 504})
"""A proxy answered for a server that does not."""


@frozen
class FederationRequest:
    """
    One request to another server.

    *path* is percent-encoded (``federation.core.paths.path_of``).  *body*: JSON, None for none.  *signed*: False for
    what is asked before keys are known.  *insist*: also ask a server that did not answer lately.  None of the limits:
    that of the settings.
    """

    destination: ServerName
    method: str
    path: str
    query: Query = field(factory=dict)
    body: object = None
    signed: bool = True
    insist: bool = False
    timeout_seconds: float | None = None
    body_bytes_max: int | None = None


@define(eq=False)
class FederationClient:
    """Requests as *server_name*, signed with *key*."""

    server_name: ServerName
    key: SigningKey
    clock: Clock
    routes: Routes
    connections: Connections
    destinations: Destinations
    settings: FederationSettings
    _pool: Any = field(init=False)
    _slots: dict[ServerName, DeferredSemaphore] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._pool = client.HTTPConnectionPool(self.connections.reactor)
        self._pool.cachedConnectionTimeout = 60
        # A request whose connection was closed is repeated here, whatever its method.
        self._pool.retryAutomatically = False

    async def fetch(
        self,
        destination: ServerName,
        path: str,
        query: Query | None = None,
        *,
        timeout_seconds: float | None = None,
        insist: bool = False,
    ) -> JSONObject:
        """What a GET answers.  Raises PeerUnreachable, PeerFault."""
        return await self.ask(
            FederationRequest(destination, "GET", path, query or {}, timeout_seconds=timeout_seconds, insist=insist)
        )

    async def send(
        self,
        destination: ServerName,
        method: str,
        path: str,
        body: object,
        *,
        query: Query | None = None,
        timeout_seconds: float | None = None,
        insist: bool = False,
    ) -> JSONObject:
        """What a PUT or POST of *body* answers.  Raises PeerUnreachable, PeerFault."""
        return await self.ask(
            FederationRequest(
                destination, method, path, query or {}, body, timeout_seconds=timeout_seconds, insist=insist
            )
        )

    async def ask(self, request: FederationRequest) -> JSONObject:
        """The JSON object that *request* is answered with.  Raises PeerUnreachable, PeerFault."""
        response = await self.request(request)
        if len(response.body) > LARGE_BODY_BYTES:
            answer = await deferToThread(json_of, request.destination, response)
        else:
            answer = json_of(request.destination, response)
        return _object_of(request.destination, response.status, answer)

    async def download(self, request: FederationRequest, receive: Receive) -> OutboundResponse:
        """The headers of a good answer, after *receive* was given each piece of its body."""
        response = await self.request(request, receive)
        if response.status != 200:
            raise fault_of(request.destination, response)
        return response

    async def request(self, request: FederationRequest, receive: Receive | None = None) -> OutboundResponse:
        """The answer, whatever its status.  Raises PeerUnreachable."""
        server = request.destination
        if server == self.server_name:
            raise PeerUnreachable(server, "this is this server itself")
        if not request.insist and not self.destinations.may_try(server):
            raise PeerUnreachable(server, "it did not answer lately, and is asked again later")
        try:
            response = await self._perform(request, receive)
        except PeerUnreachable as unreachable:
            self.routes.doubt(server)
            await self.destinations.failed(server)
            # Which path was asked is nobody's business; which server is.
            raise PeerUnreachable(server, unreachable.reason) from unreachable
        if response.status in _GATEWAY_FAULTS:
            await self.destinations.failed(server)
        else:
            await self.destinations.reached(server)
        return response

    async def close(self) -> None:
        """No idle connection is left."""
        await self._pool.closeCachedConnections()

    async def _perform(self, request: FederationRequest, receive: Receive | None) -> OutboundResponse:
        destination = await self.routes.destination(request.destination)
        target = target_of(request.path, request.query)
        content = None if request.body is None else encode_canonical(request.body)
        outbound = OutboundRequest(
            request.method,
            f"https://{request.destination}{target}".encode("ascii"),
            self._headers(request, destination, target, content),
            content,
        )
        agent = cast(
            Agent,
            client.Agent.usingEndpointFactory(
                self.connections.reactor, _Towards(self.connections, destination), self._pool
            ),
        )
        limits = Limits(
            request.timeout_seconds or self.settings.request_timeout_seconds,
            request.body_bytes_max or self.settings.response_bytes_max,
        )
        slots = self._slots.setdefault(
            request.destination, DeferredSemaphore(self.settings.requests_per_destination_max)
        )
        await slots.acquire()
        try:
            return await self._perform_twice(agent, outbound, limits, receive)
        finally:
            slots.release()
            if slots.tokens == slots.limit:
                self._slots.pop(request.destination, None)

    async def _perform_twice(
        self, agent: Agent, outbound: OutboundRequest, limits: Limits, receive: Receive | None
    ) -> OutboundResponse:
        try:
            return await perform(agent, self.clock, outbound, limits, receive)
        except Dropped:
            # Kept connections are closed by the other side at any moment; what servers ask each other may be repeated.
            return await perform(agent, self.clock, outbound, limits, receive)

    def _headers(
        self, request: FederationRequest, destination: Destination, target: str, content: bytes | None
    ) -> dict[str, str]:
        headers = {"host": destination.host_header}
        if content is not None:
            headers["content-type"] = "application/json"
        if request.signed:
            signed = Request(self.server_name, request.destination, request.method, target, content)
            headers["authorization"] = sign_request(signed, self.key)
        return headers


@implementer(IAgentEndpointFactory)
@frozen(eq=False)
class _Towards:
    connections: Connections
    destination: Destination

    def endpointForURI(self, uri: client.URI) -> IStreamClientEndpoint:
        return self.connections.to(self.destination.targets, self.destination.tls_name)


def federation_client(
    server_name: ServerName,
    key: SigningKey,
    reactor: Any,
    names: Names,
    destinations: Destinations,
    settings: FederationSettings,
    dice: Any,
) -> FederationClient:
    """The client with its own connections; *dice* throws numbers in [0, 1)."""
    connections = Connections(
        reactor,
        names,
        OutboundTls(settings.ca_file),
        settings.allow_private_addresses,
        settings.connect_timeout_seconds,
    )
    well_known = WellKnown(agent_on(reactor, connections, frozenset({b"https"})), reactor)
    routes = Routes(well_known, names, dice)
    return FederationClient(server_name, key, reactor, routes, connections, destinations, settings)


def _object_of(peer: ServerName, status: int, answer: JSON) -> JSONObject:
    # The first versions of some operations answer [200, {…}].
    if isinstance(answer, list) and len(answer) == 2 and answer[0] == 200:
        answer = answer[1]
    if not isinstance(answer, dict):
        raise PeerFault(peer, status, "M_BAD_JSON", answer)
    return answer
