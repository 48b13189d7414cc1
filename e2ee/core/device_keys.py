"""
The identity keys of a device, signed by itself.

Spec: client-server-api#device-keys
"""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from e2ee.core.checks import check_size, parse_object, parse_signatures, parse_text, parse_texts, require
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import SIGNATURE_BYTES, VERIFY_KEY_BYTES, is_signed, signable
from homeserver.core.unpadded_base64 import parse_base64

ED25519: Final = "ed25519"


@frozen
class Signature:
    """*signer_user_id* signed something with the key *signer_key_id*, which is ``algorithm:name``."""

    signer_user_id: UserID
    signer_key_id: str
    signature: str


def parse_device_keys(value: JSON, user_id: UserID, device_id: DeviceID, path: str = "device_keys") -> JSONObject:
    """
    The keys of this device, as they came but for ``unsigned``.

    Raises Malformed when they are of another device, or bear a signature of their own that does not verify.
    """
    keys = parse_object(value, path)
    _check_owner(keys, user_id, device_id, path)
    algorithms = require(keys, "algorithms", path)
    if not isinstance(algorithms, list):
        raise Malformed("This must be an array.", f"{path}.algorithms")
    for algorithm in algorithms:
        parse_text(algorithm, f"{path}.algorithms")
    public = parse_texts(require(keys, "keys", path), f"{path}.keys")
    for key_id in public:
        if key_id.partition(":")[2] != device_id:
            raise Malformed("The ID of a key is its algorithm, a colon and the device ID.", f"{path}.keys.{key_id}")
    parse_signatures(require(keys, "signatures", path), f"{path}.signatures")
    kept = {key: part for key, part in keys.items() if key != "unsigned"}
    check_size(kept, path)
    if is_forged(kept, user_id, device_id):
        raise Malformed("The device's own signature does not verify.", f"{path}.signatures", "M_INVALID_SIGNATURE")
    return kept


def is_forged(keys: JSONObject, user_id: UserID, device_id: DeviceID) -> bool:
    """
    Whether there is a signature of the device itself that is one by its form and does not verify.

    NOTSPEC: what is no Ed25519 key or signature at all is left for clients to judge, as new algorithms may come.
    """
    key_id = f"{ED25519}:{device_id}"
    signature = _octets(signatures_of(keys).get(user_id, {}).get(key_id), SIGNATURE_BYTES)
    verify_key = _octets(parse_object(keys.get("keys", {}), "keys").get(key_id), VERIFY_KEY_BYTES)
    if signature is None or verify_key is None:
        return False
    return not is_signed(signable(keys), signature, verify_key)


def ed25519_key(keys: JSONObject, name: str) -> bytes | None:
    """The public key ``ed25519:name`` in ``keys``; None when there is none that is one."""
    public = keys.get("keys")
    return _octets(public.get(f"{ED25519}:{name}"), VERIFY_KEY_BYTES) if isinstance(public, dict) else None


def signatures_of(value: JSONObject) -> dict[str, dict[str, JSON]]:
    """``{user ID: {key ID: signature}}`` as far as *value* has them in the right form."""
    signatures = value.get("signatures")
    if not isinstance(signatures, dict):
        return {}
    return {signer: own for signer, own in signatures.items() if isinstance(own, dict)}


def with_signatures(value: JSONObject, more: Iterable[Signature]) -> JSONObject:
    """A copy of *value* that bears *more* signatures beside its own."""
    signatures: JSONObject = {signer: dict(own) for signer, own in signatures_of(value).items()}
    for each in more:
        own = signatures.setdefault(each.signer_user_id, {})
        assert isinstance(own, dict), "signatures are copied as objects above"
        own.setdefault(each.signer_key_id, each.signature)
    return {**value, "signatures": signatures} if signatures else value


def with_name(keys: JSONObject, display_name: str | None) -> JSONObject:
    """A copy of *keys* that says what the device is called."""
    return {**keys, "unsigned": {} if display_name is None else {"device_display_name": display_name}}


def _check_owner(keys: JSONObject, user_id: UserID, device_id: DeviceID, path: str) -> None:
    for key, expected in (("user_id", user_id), ("device_id", device_id)):
        if require(keys, key, path) != expected:
            raise Malformed(f"This must be {expected}, who uploads it.", f"{path}.{key}", "M_INVALID_PARAM")


def _octets(text: JSON, length: int) -> bytes | None:
    try:
        octets = parse_base64(text)
    except Malformed:
        return None
    return octets if len(octets) == length else None
