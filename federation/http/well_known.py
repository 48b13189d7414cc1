"""
Delegation documents of other servers, fetched and remembered.

Spec: server-server-api#getwell-knownmatrixserver
"""

from collections import OrderedDict
from typing import Final

from attrs import define, evolve, field, frozen

from federation.core.discovery import parse_well_known
from federation.core.well_known_cache import LIFETIME_MAX_MS, LIFETIME_MIN_MS, error_lifetime_ms, lifetime_ms
from federation.services.sharing import Shared
from homeserver.core.addresses import is_ip_literal
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.http.exchange import Agent, Limits, OutboundRequest, OutboundResponse, perform_following
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ports import PeerUnreachable

REDIRECTS_MAX: Final = 5
LIMITS: Final = Limits(timeout_seconds=10, body_bytes_max=50_000)
HOSTS_MAX: Final = 10_000


@frozen
class _Kept:
    """*delegated*: None where there is no document; *confirmed_ms*: when one was last seen."""

    delegated: ServerName | None
    until_ms: int
    confirmed_ms: int
    failures: int = 0


@define(eq=False)
class WellKnown:
    """What hosts say about where their servers are.  *agent* must refuse any scheme but https."""

    agent: Agent
    clock: Clock
    _kept: OrderedDict[str, _Kept] = field(init=False, factory=OrderedDict)
    _shared: Shared[str, ServerName | None] = field(init=False, factory=Shared)

    async def delegated(self, host: str) -> ServerName | None:
        """The server name that *host* delegates to; None when it has no valid document."""
        kept = self._kept.get(host)
        if kept is not None and now_ms(self.clock) < kept.until_ms:
            self._kept.move_to_end(host)
            return kept.delegated
        return await self._shared.run(host, lambda: self._refresh(host))

    def doubt(self, host: str) -> None:
        """Where *host* said its server is nobody answers: it is asked again soon."""
        kept = self._kept.get(host)
        if kept is not None:
            self._kept[host] = evolve(kept, until_ms=min(kept.until_ms, now_ms(self.clock) + LIFETIME_MIN_MS))

    async def _refresh(self, host: str) -> ServerName | None:
        before = self._kept.get(host)
        try:
            response = await self._fetch(host)
            delegated = parse_well_known(response.json())
        except (PeerUnreachable, Malformed):
            kept = self._after_error(before)
        else:
            now = now_ms(self.clock)
            good_for = lifetime_ms(
                response.header("cache-control"), response.header("expires"), response.header("age"), now
            )
            kept = _Kept(delegated, now + good_for, now)
        self._kept[host] = kept
        self._kept.move_to_end(host)
        while len(self._kept) > HOSTS_MAX:
            self._kept.popitem(last=False)
        return kept.delegated

    def _after_error(self, before: _Kept | None) -> _Kept:
        now = now_ms(self.clock)
        failures = 1 if before is None else before.failures + 1
        until_ms = now + error_lifetime_ms(failures)
        # A document that is gone for the moment is believed as long as any may be.
        if before is not None and before.delegated is not None and now < before.confirmed_ms + LIFETIME_MAX_MS:
            return _Kept(before.delegated, until_ms, before.confirmed_ms, failures)
        return _Kept(None, until_ms, 0, failures)

    async def _fetch(self, host: str) -> OutboundResponse:
        authority = f"[{host}]" if ":" in host and is_ip_literal(host) else host
        request = OutboundRequest("GET", f"https://{authority}/.well-known/matrix/server".encode("ascii"))
        response = await perform_following(self.agent, self.clock, request, LIMITS, REDIRECTS_MAX)
        if response.status != 200:
            raise PeerUnreachable(host, f"it answered {response.status}")
        return response
