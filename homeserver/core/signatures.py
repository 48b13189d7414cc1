"""
Ed25519 signatures over JSON; the one module that knows the cryptographic library.

Spec: appendices#signing-json
"""

import re
from typing import Final, Self

from attrs import field, frozen
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from homeserver.core.canonical import JSON, JSONObject, encode_canonical
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.unpadded_base64 import encode_base64, parse_base64

ALGORITHM: Final = "ed25519"
SEED_BYTES: Final = 32
VERIFY_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = crypto_sign_BYTES
_KEY_ID = re.compile(r"ed25519:[A-Za-z0-9_]+\Z")


@frozen
class SigningKey:
    """A private key of this server; *key_id* is ``ed25519:`` and a name, *verify_key* the public half, 32 octets."""

    key_id: str
    verify_key: bytes
    _secret: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, key_id: str, seed: bytes) -> Self:
        """The key that grows from 32 secret octets.  Raises Malformed for another length, or an ID of another kind."""
        if not _KEY_ID.match(key_id):
            raise Malformed("A key's ID is ed25519: and a name of letters, digits and underscores.", "key_id")
        if len(seed) != SEED_BYTES:
            raise Malformed(f"The seed of a key has {SEED_BYTES} octets, not {len(seed)}.", "seed")
        verify_key, secret = crypto_sign_seed_keypair(seed)
        return cls(key_id, verify_key, secret)

    def sign(self, message: bytes) -> bytes:
        """The signature of *message*, 64 octets."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


def is_signed(message: bytes, signature: bytes, verify_key: bytes) -> bool:
    """Whether *signature* over *message* was made with the private half of *verify_key*."""
    if len(signature) != SIGNATURE_BYTES or len(verify_key) != VERIFY_KEY_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, verify_key)
    except BadSignatureError:
        return False
    return True


def is_signed_base64(message: bytes, signature: JSON, verify_key: bytes) -> bool:
    """The same for a signature as JSON holds it; what is not base64 is no signature."""
    try:
        octets = parse_base64(signature, exact=True)
    except Malformed:
        return False
    return is_signed(message, octets, verify_key)


def signable(value: JSONObject) -> bytes:
    """The bytes of *value* that a signature covers: all but ``signatures`` and ``unsigned``."""
    return encode_canonical({key: part for key, part in value.items() if key not in {"signatures", "unsigned"}})


def sign_json(value: JSONObject, server: str, key: SigningKey) -> JSONObject:
    """A copy of *value* with the signature of *server* (or a user, for keys of devices) added to those it has."""
    return with_signature(value, server, key.key_id, key.sign(signable(value)))


def with_signature(value: JSONObject, server: str, key_id: str, signature: bytes) -> JSONObject:
    """A copy of *value* with one more signature."""
    present = value.get("signatures")
    signatures = dict(present) if isinstance(present, dict) else {}
    own = signatures.get(server)
    signatures[server] = {**(own if isinstance(own, dict) else {}), key_id: encode_base64(signature)}
    return {**value, "signatures": signatures}


def signatures_by(value: JSONObject, server: str) -> dict[str, JSON]:
    """The signatures of *server* in *value* by key ID, those of algorithms unknown here left out; may be empty."""
    signatures = value.get("signatures")
    own = signatures.get(server) if isinstance(signatures, dict) else None
    if not isinstance(own, dict):
        return {}
    return {key_id: signature for key_id, signature in own.items() if key_id.startswith(ALGORITHM + ":")}


def is_signed_by(value: JSONObject, server: ServerName | str, key_id: str, verify_key: bytes) -> bool:
    """Whether *value* bears the signature of *server* with one key.  Spec: appendices#checking-for-a-signature"""
    signature = signatures_by(value, server).get(key_id)
    return signature is not None and is_signed_base64(signable(value), signature, verify_key)
