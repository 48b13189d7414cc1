"""
Connections to others, made only to addresses that were checked.

A name is resolved here, its addresses are checked, and the connection goes to these very addresses: no second look-up
can bring others.
"""

from collections.abc import Sequence
from typing import Any, cast

from attrs import define, frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionLost, DNSLookupError
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from homeserver.core.addresses import Target, is_public
from homeserver.http.names import Names
from homeserver.http.outbound_tls import OutboundTls
from homeserver.services.ports import PeerUnreachable


@frozen(eq=False)
class Connections:
    """How this server connects to others; private addresses are refused unless *allow_private_addresses*."""

    reactor: Any
    names: Names
    tls: OutboundTls
    allow_private_addresses: bool
    connect_timeout_seconds: float = 10

    def to(self, targets: Sequence[Target], tls_name: str | None) -> IStreamClientEndpoint:
        """An endpoint that tries *targets* in order; *tls_name*: whom the certificate must name, None: no TLS."""
        endpoint = cast(IStreamClientEndpoint, _CheckedEndpoint(self, targets))
        if tls_name is None:
            return endpoint
        return wrapClientTLS(cast(IOpenSSLClientConnectionCreator, self.tls.towards(tls_name)), endpoint)

    async def allowed_addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of *host* that may be connected to.  Raises PeerUnreachable when there is none."""
        found = await self.names.addresses(host)
        if self.allow_private_addresses:
            return found
        allowed = tuple(address for address in found if is_public(address))
        if not allowed:
            raise PeerUnreachable(host, "its address is private, and this server is set not to connect to those")
        return allowed


@implementer(IStreamClientEndpoint)
@frozen(eq=False)
class _CheckedEndpoint:
    connections: Connections
    targets: Sequence[Target]

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        failure: Exception = PeerUnreachable("", "the DNS says that it offers no such service")
        for target in self.targets:
            try:
                addresses = await self.connections.allowed_addresses(target.host)
                return await self._endpoint(target, addresses).connect(factory)
            except (PeerUnreachable, ConnectError, ConnectionLost, DNSLookupError) as error:
                failure = error
        raise failure

    def _endpoint(self, target: Target, addresses: Sequence[str]) -> HostnameEndpoint:
        reactor = _ReactorKnowing(self.connections.reactor, _Known(tuple(addresses)))
        # Which host it thinks it connects to does not matter: it finds these addresses.
        return HostnameEndpoint(reactor, addresses[0], target.port, self.connections.connect_timeout_seconds)


@implementer(IHostnameResolver, IHostResolution)
@frozen
class _Known:
    """Resolves any name to the same addresses."""

    addresses: tuple[str, ...]
    name: str = ""

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: object = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolutionReceiver.resolutionBegan(self)
        for address in self.addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()
        return self

    def cancel(self) -> None:
        """Nothing is under way."""


@implementer(IReactorTCP, IReactorTime, IReactorPluggableNameResolver)
@define(eq=False)
class _ReactorKnowing:
    """The reactor, with another resolver of names."""

    _reactor: Any
    nameResolver: _Known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)
