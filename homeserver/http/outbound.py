"""
Requests to addresses that users and settings name: push gateways, application services, identity servers, previews.

They do not reach private addresses unless the settings allow it.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from attrs import define, frozen
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web import client
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from homeserver.core.addresses import Target
from homeserver.core.canonical import JSON
from homeserver.core.malformed import Malformed
from homeserver.http.connections import Connections
from homeserver.http.exchange import (
    Agent,
    Limits,
    OutboundRequest,
    OutboundResponse,
    Receive,
    encode_url,
    perform,
    perform_following,
)
from homeserver.http.names import Names
from homeserver.http.outbound_tls import OutboundTls
from homeserver.services.clock import Clock
from homeserver.services.ports import PeerFault


@frozen
class OutboundSettings:
    """Requests to push gateways, application services, identity servers and previewed pages."""

    verify_tls: bool = True
    """Whether certificates must be valid.  Only laboratories turn this off."""
    allow_private_addresses: bool = False
    """Whether loopback and private addresses are reached: users could look into your network through them."""
    timeout_seconds: float = 30
    """How long an answer is waited for."""
    body_bytes_max: int = 1 << 20
    """How large an answer may be."""
    redirects_max: int = 5
    """How many redirects are followed, where they are followed at all."""


@define(eq=False)
class OutboundClient:
    """HTTP to anywhere that is allowed."""

    clock: Clock
    agent: Agent
    settings: OutboundSettings
    pool: Any = None
    """The connections that are kept for the next request; None: they are not this client's to close."""

    async def close(self) -> None:
        """No connection stays open."""
        if self.pool is not None:
            await self.pool.closeCachedConnections()

    async def request(
        self, request: OutboundRequest, limits: Limits | None = None, *, receive: Receive | None = None
    ) -> OutboundResponse:
        """
        The answer, whatever its status; redirects are not followed.  Raises PeerUnreachable.

        *receive* is called with each piece of the body of a 200, which is then not gathered.
        """
        return await perform(self.agent, self.clock, request, limits or self._limits, receive)

    async def request_following(
        self, request: OutboundRequest, limits: Limits | None = None, *, receive: Receive | None = None
    ) -> OutboundResponse:
        """The same, after following redirects; each is checked as the first address was."""
        return await perform_following(
            self.agent, self.clock, request, limits or self._limits, self.settings.redirects_max, receive
        )

    async def send_json(
        self, method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> JSON:
        """
        The JSON that *url* answers.  Raises PeerUnreachable; PeerFault for a status other than 2xx, or no JSON.

        *body*: None for no body.
        """
        encoded = None if body is None else orjson.dumps(body)
        sent = dict(headers or {})
        if encoded is not None:
            sent["content-type"] = "application/json"
        response = await self.request(OutboundRequest(method, encode_url(url), sent, encoded))
        return json_of(url, response)

    @property
    def _limits(self) -> Limits:
        return Limits(self.settings.timeout_seconds, self.settings.body_bytes_max)


def outbound_client(reactor: Any, names: Names, settings: OutboundSettings) -> OutboundClient:
    """A client with its own pool of connections."""
    tls = OutboundTls(verify=settings.verify_tls)
    connections = Connections(reactor, names, tls, settings.allow_private_addresses)
    pool = kept_connections(reactor)
    agent = agent_on(reactor, connections, frozenset({b"http", b"https"}), pool)
    return OutboundClient(reactor, agent, settings, pool)


def kept_connections(reactor: Any) -> client.HTTPConnectionPool:
    """Connections that stay open for a minute, for the next request."""
    pool = client.HTTPConnectionPool(reactor)
    pool.cachedConnectionTimeout = 60
    return pool


def agent_on(
    reactor: Any, connections: Connections, schemes: frozenset[bytes], pool: client.HTTPConnectionPool | None = None
) -> Agent:
    """An agent that connects as *connections* allow, to URLs of these schemes."""
    endpoints = _CheckedEndpoints(connections, schemes)
    agent: Agent = client.Agent.usingEndpointFactory(reactor, endpoints, pool or kept_connections(reactor))
    return agent


def json_of(peer: str, response: OutboundResponse) -> JSON:
    """The JSON of a good response.  Raises PeerFault."""
    if not 200 <= response.status < 300:
        raise fault_of(peer, response)
    try:
        return response.json()
    except Malformed as malformed:
        raise PeerFault(peer, response.status, malformed.code) from malformed


def fault_of(peer: str, response: OutboundResponse) -> PeerFault:
    """What a response that is not good says."""
    try:
        body = response.json()
    except Malformed:
        # Proxies in front of servers speak HTML.
        return PeerFault(peer, response.status)
    errcode = body.get("errcode") if isinstance(body, dict) else None
    return PeerFault(peer, response.status, errcode if isinstance(errcode, str) else "", body)


@implementer(IAgentEndpointFactory)
@frozen(eq=False)
class _CheckedEndpoints:
    connections: Connections
    schemes: frozenset[bytes]

    def endpointForURI(self, uri: client.URI) -> IStreamClientEndpoint:
        if uri.scheme not in self.schemes:
            raise SchemeNotSupported(f"no request is made to {uri.scheme!r} here")
        host = uri.host.decode("ascii").strip("[]")
        return self.connections.to((Target(host, uri.port),), host if uri.scheme == b"https" else None)
