"""
The keys of other servers: in memory, in the store, and fetched where neither is enough.

A server is asked for its keys directly; only when that does not help are the trusted key servers asked.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import structlog
from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from federation.core.key_validity import ServerKeys, VerifyKey, may_have_signed, merge_keys, parse_server_keys
from federation.services.ports import KeyServers
from federation.services.settings import RetrySettings
from federation.services.sharing import Shared
from federation.store import server_keys
from homeserver.core.backoff import wait_ms
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import is_signed_by, signatures_by
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.store.database import Database

log = structlog.get_logger(__name__)

FETCHES_MAX: Final = 20
"""Servers asked for their keys at once."""
ATTEMPTS_MAX: Final = 10_000
"""Servers of which is remembered when they were asked last."""


@frozen
class Need:
    """A key that claims to have signed something at *at_ms*, and until when it must be believed if it is in use."""

    at_ms: int
    minimum_ms: int


Needs: TypeAlias = Mapping[ServerName, Mapping[str, Need]]
"""By server and key ID; one of a server's keys is enough."""
Keys: TypeAlias = Mapping[str, VerifyKey]


@frozen
class _Attempt:
    failures: int
    again_ms: int


@define(eq=False)
class KnownKeys:
    """What is known of other servers' keys.  *dice* throws a number in [0, 1)."""

    database: Database
    clock: Clock
    key_servers: KeyServers
    trusted_key_servers: Sequence[ServerName]
    retry: RetrySettings
    dice: Callable[[], float]
    servers_max: int = 10_000
    _cached: OrderedDict[ServerName, Keys] = field(init=False, factory=OrderedDict)
    _attempts: OrderedDict[ServerName, _Attempt] = field(init=False, factory=OrderedDict)
    _fetches: Shared[ServerName, None] = field(init=False, factory=Shared)
    _slots: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(FETCHES_MAX))

    async def for_needs(self, needs: Needs) -> dict[ServerName, Keys]:
        """The keys known of each server, after asking for those that *needs* lacks; may be empty."""
        known = await self.known(list(needs))
        lacking = {server: needs[server] for server in needs if not _is_met(needs[server], known[server])}
        due = [server for server in lacking if self._is_due(server)]
        if due:
            await gatherResults([Deferred.fromCoroutine(self._fetch_shared(server)) for server in due])
            known |= await self.known(due)
            await self._ask_key_servers({s: needs[s] for s in due if not _is_met(needs[s], known[s])})
            known |= await self.known(due)
            for server in due:
                if not _is_met(needs[server], known[server]) and self._is_due(server):
                    # It answered, and has no such key: strangers who name false keys must not stop us from asking.
                    self._hold_off(server, 0)
        return known

    async def known(self, servers: Sequence[ServerName]) -> dict[ServerName, Keys]:
        """What is known of *servers* without asking anybody."""
        missing = [server for server in servers if server not in self._cached]
        if missing:
            stored = await self.database.read(server_keys.by_servers, missing)
            for server in missing:
                self._cached.setdefault(server, stored.get(server, {}))
        known = {server: self._cached[server] for server in servers}
        for server in servers:
            self._cached.move_to_end(server)
        while len(self._cached) > self.servers_max:
            self._cached.popitem(last=False)
        return known

    async def refresh(self, server: ServerName) -> None:
        """*server* is asked for its keys, unless it was asked a moment ago and did not answer."""
        if self._is_due(server):
            await self._fetch_shared(server)

    async def _fetch_shared(self, server: ServerName) -> None:
        await self._fetches.run(server, lambda: self._fetch(server))

    async def _fetch(self, server: ServerName) -> None:
        await self._slots.acquire()
        try:
            document = await self.key_servers.fetch_server_keys(server)
            await self._learn([self._parse(document, server)])
            self._attempts.pop(server, None)
        except (PeerUnreachable, PeerFault, Malformed) as error:
            log.info("a server's keys cannot be fetched", server=server, reason=str(error))
            before = self._attempts.get(server)
            self._hold_off(server, 1 if before is None else before.failures + 1)
        finally:
            self._slots.release()

    async def _ask_key_servers(self, needs: Needs) -> None:
        left = dict(needs)
        for notary in self.trusted_key_servers:
            if not left:
                return
            wanted = {
                server: {key_id: need.minimum_ms for key_id, need in keys.items()}
                for server, keys in left.items()
                if server != notary
            }
            try:
                documents = await self.key_servers.query_keys(notary, wanted)
                await self._learn(await self._notarized(notary, documents, wanted))
            except (PeerUnreachable, PeerFault) as error:
                log.info("a key server does not answer", server=notary, reason=str(error))
                continue
            known = await self.known(list(left))
            left = {server: keys for server, keys in left.items() if not _is_met(keys, known[server])}

    async def _notarized(
        self, notary: ServerName, documents: Sequence[JSONObject], wanted: Mapping[ServerName, object]
    ) -> list[ServerKeys]:
        """Those of *documents* that were asked for, and that the notary has signed."""
        now = now_ms(self.clock)
        await self._know_notary(notary, documents, now)
        notary_keys = (await self.known([notary]))[notary]
        good: list[ServerKeys] = []
        for document in documents:
            server = document.get("server_name")
            signed = any(
                is_signed_by(document, notary, key.key_id, key.octets)
                for key in notary_keys.values()
                if may_have_signed(key, now, now)
            )
            if not signed or not isinstance(server, str) or server not in wanted:
                continue
            try:
                good.append(self._parse(document, ServerName(server)))
            except Malformed as malformed:
                log.info("a key server answers nonsense", server=notary, reason=str(malformed))
        return good

    async def _know_notary(self, notary: ServerName, documents: Sequence[JSONObject], now: int) -> None:
        key_ids = {key_id for document in documents for key_id in signatures_by(document, notary)}
        known = (await self.known([notary]))[notary]
        if not _is_met({key_id: Need(now, now) for key_id in key_ids}, known):
            await self.refresh(notary)

    def _parse(self, document: JSONObject, server: ServerName) -> ServerKeys:
        keys = parse_server_keys(document, now_ms(self.clock))
        if keys.server_name != server:
            raise Malformed(f"These are the keys of {keys.server_name}, not of {server}.", "server_name")
        return keys

    async def _learn(self, learnt: Sequence[ServerKeys]) -> None:
        if not learnt:
            return
        known = await self.known([keys.server_name for keys in learnt])
        merged = {keys.server_name: merge_keys(known[keys.server_name], keys.keys) for keys in learnt}
        await self.database.write(server_keys.replace, learnt, merged, now_ms(self.clock))
        self._cached.update(merged)

    def _is_due(self, server: ServerName) -> bool:
        attempt = self._attempts.get(server)
        return attempt is None or now_ms(self.clock) >= attempt.again_ms

    def _hold_off(self, server: ServerName, failures: int) -> None:
        """*server* is not asked again for some time, the longer the more *failures* there were in a row."""
        least, most = int(self.retry.min_seconds * 1000), int(self.retry.max_seconds * 1000)
        wait = wait_ms(max(failures, 1), least, most, self.dice())
        self._attempts[server] = _Attempt(failures, now_ms(self.clock) + wait)
        self._attempts.move_to_end(server)
        while len(self._attempts) > ATTEMPTS_MAX:
            self._attempts.popitem(last=False)


def _is_met(needed: Mapping[str, Need], known: Keys) -> bool:
    return any(
        key_id in known and may_have_signed(known[key_id], need.at_ms, need.minimum_ms)
        for key_id, need in needed.items()
    )
