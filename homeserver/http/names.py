"""
The DNS: addresses and services by name, from the hosts file and the servers in resolv.conf.

Answers are kept as long as they say, within bounds.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address
from itertools import chain, zip_longest
from typing import Any, Final, Protocol, TypeAlias

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.names import dns, error, hosts
from twisted.names.client import Resolver
from twisted.names.resolve import ResolverChain

from homeserver.core.addresses import SrvRecord, is_dns_name, is_ip_literal
from homeserver.services.clock import Clock
from homeserver.services.ports import PeerUnreachable

QUERY_TIMEOUTS_SECONDS: Final = (1, 2, 4)
"""A question is asked again after each of these."""
TTL_MIN_SECONDS: Final = 5
TTL_MAX_SECONDS: Final = 3600
NEGATIVE_TTL_SECONDS: Final = 30
"""How long it is believed that a name has no such record."""
NAMES_MAX: Final = 10_000

_LOOPBACK: Final = ("127.0.0.1", "::1")

Lookup: TypeAlias = Callable[..., Deferred[Any]]


class Names(Protocol):
    """What is looked up in the DNS."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP literals of *host*, the best first; itself when it is one.  Raises PeerUnreachable."""

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        """The SRV records of *name*; empty when it has none, or the DNS fails."""


@frozen
class _Kept:
    until: float
    records: tuple[Any, ...]


@define(eq=False)
class CachedNames:
    """``Names`` on a resolver of Twisted."""

    resolver: Any
    """An ``IResolver`` of Twisted."""
    clock: Clock
    names_max: int = NAMES_MAX
    _kept: OrderedDict[tuple[int, str], _Kept] = field(init=False, factory=OrderedDict)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """As ``Names`` says."""
        if is_ip_literal(host):
            return (host,)
        if not is_dns_name(host):
            raise PeerUnreachable(host, "this is no name of a host")
        host = host.removesuffix(".").lower()
        if host == "localhost" or host.endswith(".localhost"):
            return _LOOPBACK
        four: Deferred[tuple[str, ...]] = Deferred.fromCoroutine(self._records(dns.A, host))
        six: Deferred[tuple[str, ...]] = Deferred.fromCoroutine(self._records(dns.AAAA, host))
        results = await DeferredList([six, four], consumeErrors=True)
        found = [result for succeeded, result in results if succeeded]
        if not any(found):
            raise PeerUnreachable(host, "the DNS knows no address of this name")
        # In turns, so that whichever network works is tried among the first two.
        return tuple(address for address in chain(*zip_longest(*found)) if address is not None)

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        """As ``Names`` says."""
        if not is_dns_name(name):
            return ()
        try:
            return await self._records(dns.SRV, name)
        except (error.DomainError, error.AuthoritativeDomainError, error.ResolverError, TimeoutError, OSError):
            # Broken name servers fail where there is no record.  The certificate decides in any case whom we talk to.
            return ()

    async def _records(self, kind: int, name: str) -> tuple[Any, ...]:
        kept = self._kept.get((kind, name))
        if kept is not None and self.clock.seconds() < kept.until:
            self._kept.move_to_end((kind, name))
            return kept.records
        try:
            answers, _, additional = await self._lookup(kind)(name, timeout=QUERY_TIMEOUTS_SECONDS)
        except (error.DNSNameError, error.AuthoritativeDomainError):
            return self._keep(kind, name, (), NEGATIVE_TTL_SECONDS)
        matching = [header for header in chain(answers, additional) if header.type == kind]
        if kind == dns.SRV:
            matching = [header for header in answers if header.type == kind]
        records = tuple(dict.fromkeys(_value(header.payload) for header in matching))
        return self._keep(kind, name, records, _ttl(header.ttl for header in matching))

    def close(self) -> None:
        """The configuration of this machine is not looked at any more."""
        for each in getattr(self.resolver, "resolvers", ()):
            # Twisted's resolver reads resolv.conf again and again, and has no word to end it.
            rereading = getattr(each, "_parseCall", None)
            if rereading is not None and rereading.active():
                rereading.cancel()

    def _lookup(self, kind: int) -> Lookup:
        if kind == dns.A:
            return self.resolver.lookupAddress  # type: ignore[no-any-return]
        if kind == dns.AAAA:
            return self.resolver.lookupIPV6Address  # type: ignore[no-any-return]
        return self.resolver.lookupService  # type: ignore[no-any-return]

    def _keep(self, kind: int, name: str, records: tuple[Any, ...], seconds: int) -> tuple[Any, ...]:
        self._kept[kind, name] = _Kept(self.clock.seconds() + seconds, records)
        self._kept.move_to_end((kind, name))
        while len(self._kept) > self.names_max:
            self._kept.popitem(last=False)
        return records


def system_names(reactor: Any) -> CachedNames:
    """The names as this machine is configured to look them up."""
    servers = Resolver(resolv="/etc/resolv.conf", reactor=reactor, timeout=QUERY_TIMEOUTS_SECONDS)
    return CachedNames(ResolverChain([hosts.Resolver(), servers]), reactor)


def _ttl(stated: Iterable[int]) -> int:
    return max(TTL_MIN_SECONDS, min(min(stated, default=NEGATIVE_TTL_SECONDS), TTL_MAX_SECONDS))


def _value(payload: Any) -> str | SrvRecord:
    if isinstance(payload, dns.Record_A):
        return str(payload.dottedQuad())
    if isinstance(payload, dns.Record_AAAA):
        return str(IPv6Address(payload.address))
    target = payload.target.name.decode("ascii", "replace")
    return SrvRecord(target, payload.port, payload.priority, payload.weight)
