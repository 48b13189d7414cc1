"""
Whether what servers sign is signed by them.

Spec: server-server-api#retrieving-server-keys
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred

from federation.core.key_validity import PUBLISHED_MS, VerifyKey, may_have_signed, minimum_valid_ms, publish_keys
from federation.services.known_keys import Keys, KnownKeys, Need
from federation.services.signing_key import OwnKeys
from homeserver.core.canonical import JSONObject
from homeserver.core.event_signatures import check_signatures, signing_key_ids
from homeserver.core.events import Event
from homeserver.core.identifiers import ServerName
from homeserver.core.signatures import is_signed_base64, signable, signatures_by
from homeserver.core.verdicts import ALLOWED, Denied, Verdict
from homeserver.services.clock import Clock, now_ms

CHECKS_AT_ONCE: Final = 20
"""Events that are checked before others get their turn: a signature takes about a tenth of a millisecond."""
SIGNATURES_MAX: Final = 20
"""Keys of one server on one object; with more nobody looks."""
FOREVER_MS: Final = 2**62


@frozen(eq=False)
class KeyRing:
    """The keys of all servers, ours included."""

    server_name: ServerName
    own: OwnKeys
    others: KnownKeys
    clock: Clock

    def publish(self) -> JSONObject:
        """The document with this server's own keys, signed."""
        retired = {key_id: (key.verify_key, key.expired_ms) for key_id, key in self.own.retired.items()}
        return publish_keys(self.server_name, self.own.current, retired, now_ms(self.clock) + PUBLISHED_MS)

    async def verify_json_object(self, server: ServerName, signed: JSONObject, minimum_valid_ms: int) -> Verdict:
        """
        Whether *server* has signed, with a key that is good at least until *minimum_valid_ms*.

        Spec: appendices#checking-for-a-signature
        """
        signatures = signatures_by(signed, server)
        if not signatures or len(signatures) > SIGNATURES_MAX:
            return Denied("signature.missing")
        need = Need(minimum_valid_ms, minimum_valid_ms)
        known = (await self._keys({server: dict.fromkeys(signatures, need)}))[server]
        usable = _usable(known, signatures, need)
        if not usable:
            return Denied("signature.unknown_key")
        message = signable(signed)
        if not all(is_signed_base64(message, signatures[key_id], octets) for key_id, octets in usable.items()):
            return Denied("signature.invalid")
        return ALLOWED

    async def verify_event(self, event: Event) -> Verdict:
        """Whether every server that must have signed *event* has, with a key that was good then."""
        return (await self.verify_events([event]))[0]

    async def verify_events(self, events: Sequence[Event]) -> list[Verdict]:
        """
        The same for many, in their order; all keys that lack are fetched at once.

        Spec: server-server-api#validating-hashes-and-signatures-on-received-events
        """
        wanted: dict[ServerName, dict[str, Need]] = {}
        for event in events:
            need = _need_of(event)
            for server, key_ids in signing_key_ids(event).items():
                if len(key_ids) > SIGNATURES_MAX:
                    continue
                keys = wanted.setdefault(server, {})
                for key_id in key_ids:
                    keys[key_id] = _stricter(need, keys.get(key_id))
        known = await self._keys(wanted)
        verdicts: list[Verdict] = []
        for index, event in enumerate(events):
            if index and index % CHECKS_AT_ONCE == 0:
                await self._others_turn()
            verdicts.append(_check(event, known))
        return verdicts

    async def _keys(self, wanted: dict[ServerName, dict[str, Need]]) -> dict[ServerName, Keys]:
        known = await self.others.for_needs(
            {server: needs for server, needs in wanted.items() if server != self.server_name}
        )
        known[self.server_name] = self._own_keys()
        return known

    def _own_keys(self) -> Keys:
        current = self.own.current
        keys = {current.key_id: VerifyKey(current.key_id, current.verify_key, FOREVER_MS)}
        for key_id, retired in self.own.retired.items():
            keys[key_id] = VerifyKey(key_id, retired.verify_key, FOREVER_MS, retired.expired_ms)
        return keys

    async def _others_turn(self) -> None:
        turn: Deferred[None] = Deferred()
        self.clock.callLater(0, turn.callback, None)
        await turn


def _check(event: Event, known: dict[ServerName, Keys]) -> Verdict:
    need = _need_of(event)
    keys = {server: _usable(known.get(server, {}), key_ids, need) for server, key_ids in signing_key_ids(event).items()}
    return check_signatures(event, keys)


def _usable(known: Keys, key_ids: Iterable[str], need: Need) -> dict[str, bytes]:
    """The public keys among *key_ids* that may stand under what is looked at."""
    return {
        key_id: known[key_id].octets
        for key_id in key_ids
        if key_id in known and may_have_signed(known[key_id], need.at_ms, need.minimum_ms)
    }


def _need_of(event: Event) -> Need:
    return Need(event.origin_server_ts, minimum_valid_ms(event))


def _stricter(one: Need, other: Need | None) -> Need:
    if other is None:
        return one
    return Need(max(one.at_ms, other.at_ms), max(one.minimum_ms, other.minimum_ms))
