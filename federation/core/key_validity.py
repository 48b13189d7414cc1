"""
The published keys of servers, and when each may be believed.

Spec: server-server-api#retrieving-server-keys
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import INTEGER_MAX, JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import (
    VERIFY_KEY_BYTES,
    SigningKey,
    is_signed_base64,
    sign_json,
    signable,
    signatures_by,
)
from homeserver.core.unpadded_base64 import encode_base64, parse_base64

DAY_MS: Final = 86_400_000
BELIEVED_MAX_MS: Final = 7 * DAY_MS
"""However long a server says its keys are good, they are believed this long at most."""
PUBLISHED_MS: Final = DAY_MS
"""How long our own keys are good when we hand them out."""
KEYS_MAX: Final = 100
"""Keys that one document may hold."""

_KEY_ID = re.compile(r"ed25519:[A-Za-z0-9_]{1,128}\Z")


@frozen
class VerifyKey:
    """
    One public key of a server.

    *valid_until_ms*: until when it is believed, without asking again.  *expired_ms*: when the server stopped using it;
    None: it is in use.
    """

    key_id: str
    octets: bytes
    valid_until_ms: int
    expired_ms: int | None = None

    @property
    def good_until_ms(self) -> int:
        """The last moment at which it may have signed something."""
        return self.valid_until_ms if self.expired_ms is None else self.expired_ms


@frozen
class ServerKeys:
    """A document with all keys of one server, signed by itself; *document* is the JSON as it was published."""

    server_name: ServerName
    keys: Mapping[str, VerifyKey]
    valid_until_ms: int
    document: JSONObject


def parse_server_keys(document: JSON, now_ms: int) -> ServerKeys:
    """
    The keys of a server whose own signature stands under them.

    Raises Malformed, also when the signature is missing or wrong.  Keys of unknown algorithms are left out.
    Spec: server-server-api#get_matrixkeyv2server
    """
    if not isinstance(document, dict):
        raise Malformed("This must be a JSON object.")
    server_name = document.get("server_name")
    if not isinstance(server_name, str):
        raise Malformed("This must be a string.", "server_name")
    # Spec: the lesser of valid_until_ts and seven days into the future.
    valid_until_ms = min(_parse_timestamp(document, "valid_until_ts"), now_ms + BELIEVED_MAX_MS)
    current = {
        key_id: VerifyKey(key_id, _parse_key(value, "verify_keys"), valid_until_ms)
        for key_id, value in _parse_keys(document, "verify_keys").items()
    }
    retired = {
        key_id: VerifyKey(
            key_id, _parse_key(value, "old_verify_keys"), valid_until_ms, _parse_timestamp(value, "expired_ts")
        )
        for key_id, value in _parse_keys(document, "old_verify_keys").items()
    }
    _check_own_signature(document, server_name, current)
    return ServerKeys(ServerName(server_name), {**retired, **current}, valid_until_ms, document)


def merge_keys(known: Mapping[str, VerifyKey], learnt: Mapping[str, VerifyKey]) -> dict[str, VerifyKey]:
    """
    What is known of a server's keys after *learnt*, by key ID.

    Keys that it no longer names stay as they were, and older news does not take back newer.
    """
    merged = dict(known)
    for key_id, key in learnt.items():
        before = merged.get(key_id)
        older = before is not None and before.octets == key.octets and before.good_until_ms >= key.good_until_ms
        if not older or key.expired_ms is not None:
            merged[key_id] = key
    return merged


def publish_keys(
    server_name: ServerName, key: SigningKey, retired: Mapping[str, tuple[bytes, int]], valid_until_ms: int
) -> JSONObject:
    """
    The document with our own keys, signed.

    *retired*: the public half and the moment of retirement of the keys used before, by key ID.
    """
    document: JSONObject = {
        "server_name": server_name,
        "verify_keys": {key.key_id: {"key": encode_base64(key.verify_key)}},
        "old_verify_keys": {
            key_id: {"key": encode_base64(octets), "expired_ts": expired_ms}
            for key_id, (octets, expired_ms) in retired.items()
        },
        "valid_until_ts": valid_until_ms,
    }
    return sign_json(document, server_name, key)


def minimum_valid_ms(event: Event) -> int:
    """
    Until when a key in use must be believed to stand for *event*.

    Spec: rooms/v5#signing-key-validity-period
    """
    # Since v5: the key must have been valid when the event was sent; before, valid_until_ts is ignored.
    return event.origin_server_ts if event.version.signing_keys_valid_at_event else 0


def may_have_signed(key: VerifyKey, at_ms: int, minimum_ms: int) -> bool:
    """
    Whether *key* may stand under what was signed at *at_ms*.

    A key that is known to have expired before is ignored in every version of rooms; one in use must be believed until
    *minimum_ms*.  Spec: server-server-api#validating-hashes-and-signatures-on-received-events
    """
    if key.expired_ms is not None:
        return at_ms <= key.expired_ms
    return key.valid_until_ms >= minimum_ms


def _check_own_signature(document: JSONObject, server_name: str, current: Mapping[str, VerifyKey]) -> None:
    signatures = {key_id: text for key_id, text in signatures_by(document, server_name).items() if key_id in current}
    if not signatures:
        raise Malformed("No key in this document signed it.", "signatures")
    message = signable(document)
    for key_id, signature in signatures.items():
        if not is_signed_base64(message, signature, current[key_id].octets):
            raise Malformed(f"The signature of {key_id} is wrong.", "signatures")


def _parse_keys(document: JSONObject, field: str) -> dict[str, JSONObject]:
    keys = document.get(field, {})
    if not isinstance(keys, dict):
        raise Malformed("This must be an object.", field)
    if len(keys) > KEYS_MAX:
        raise Malformed(f"This holds more than {KEYS_MAX} keys.", field)
    known = {key_id: value for key_id, value in keys.items() if _KEY_ID.match(key_id)}
    for key_id, value in known.items():
        if not isinstance(value, dict):
            raise Malformed("This must be an object.", f"{field}.{key_id}")
    return known  # type: ignore[return-value]


def _parse_key(value: JSONObject, path: str) -> bytes:
    octets = parse_base64(value.get("key"))
    if len(octets) != VERIFY_KEY_BYTES:
        raise Malformed(f"A key has {VERIFY_KEY_BYTES} octets, not {len(octets)}.", path)
    return octets


def _parse_timestamp(value: JSONObject, field: str) -> int:
    stamp = value.get(field)
    if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 <= stamp <= INTEGER_MAX:
        raise Malformed("This must be a time in milliseconds.", field)
    return stamp
