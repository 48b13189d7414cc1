"""
Handing on other servers' keys.

Spec: server-server-api#querying-keys-through-another-server
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults

from federation.services.key_ring import KeyRing
from federation.store import server_keys
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.signatures import sign_json
from homeserver.services.clock import now_ms
from homeserver.services.refusals import InvalidParameter
from homeserver.store.database import Database

SERVERS_MAX: Final = 100
"""Servers that one request may ask about."""

Wanted: TypeAlias = Mapping[str, int | None]
"""Until when each key should be good at least, by key ID; None: now.  The key ID may be empty: any key."""


@frozen(eq=False)
class Notary:
    """Signs what other servers publish."""

    ring: KeyRing
    database: Database

    async def query(self, wanted: Mapping[ServerName, Wanted]) -> list[JSONObject]:
        """The documents of the servers in *wanted*, signed by us as well; those nobody has are left out."""
        if len(wanted) > SERVERS_MAX:
            raise InvalidParameter(f"One request may ask about {SERVERS_MAX} servers.")
        answers = await gatherResults(
            [Deferred.fromCoroutine(self._document(server, keys)) for server, keys in wanted.items()]
        )
        return [answer for answer in answers if answer is not None]

    async def _document(self, server: ServerName, wanted: Wanted) -> JSONObject | None:
        if server == self.ring.server_name:
            return self.ring.publish()
        kept = await self.database.read(server_keys.document, server)
        if kept is None or not self._suffices(kept, wanted):
            await self.ring.others.refresh(server)
            kept = await self.database.read(server_keys.document, server)
        # Spec: when the server does not answer, the last it said, so that old signatures can still be checked.
        return None if kept is None else sign_json(kept.document, self.ring.server_name, self.ring.own.current)

    def _suffices(self, kept: server_keys.KeyDocument, wanted: Wanted) -> bool:
        now = now_ms(self.ring.clock)
        # Spec: a notary keeps a document for half its lifetime.
        if now > (kept.fetched_ms + kept.valid_until_ms) // 2:
            return False
        named: set[str] = set()
        for field in ("verify_keys", "old_verify_keys"):
            keys = kept.document.get(field)
            named.update(keys if isinstance(keys, dict) else ())
        minimum_ms = max((until or now for until in wanted.values()), default=now)
        return kept.valid_until_ms >= minimum_ms and all(key_id in named for key_id in wanted if key_id)
