"""
Signatures that are uploaded apart from the key that they are on.

Spec: client-server-api#post_matrixclientv3keyssignaturesupload
"""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from e2ee.core.checks import same_json
from e2ee.core.cross_signing import CrossSigningKey
from e2ee.core.device_keys import ED25519, Signature, ed25519_key, signatures_of
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.signatures import is_signed_by

TARGETS_MAX: Final = 1_000
"""Keys that one request may sign."""


@frozen
class Fault:
    """Why a signature is not taken."""

    errcode: str
    error: str

    def to_json(self) -> JSONObject:
        return {"errcode": self.errcode, "error": self.error}


UNKNOWN_KEY: Final = Fault("M_NOT_FOUND", "There is no such key.")
NOT_YOURS: Final = Fault("M_FORBIDDEN", "Of other users, only the master key may be signed.")
OTHER_KEY: Final = Fault("M_INVALID_PARAM", "This is not the key as it was uploaded.")
INVALID: Final = Fault("M_INVALID_SIGNATURE", "The signature does not verify.")
UNSIGNED: Final = Fault("M_MISSING_PARAM", "There is no signature of yours.")


@frozen
class Signers:
    """The keys that a user may sign with: ``{key ID: public key}`` for each kind of thing that is signed."""

    devices: Mapping[str, bytes]
    """The user's own devices; the self-signing key does it."""
    own_master: Mapping[str, bytes]
    """The user's devices do it."""
    others_master: Mapping[str, bytes]
    """The user-signing key does it."""


def signers_of(
    devices: Mapping[DeviceID, JSONObject], self_signing: CrossSigningKey | None, user_signing: CrossSigningKey | None
) -> Signers:
    """What a user with these keys may sign with."""
    of_devices = {}
    for device_id, keys in devices.items():
        public = ed25519_key(keys, device_id)
        if public is not None:
            of_devices[f"{ED25519}:{device_id}"] = public
    return Signers(
        {} if self_signing is None else {self_signing.key_id: self_signing.verify_key},
        of_devices,
        {} if user_signing is None else {user_signing.key_id: user_signing.verify_key},
    )


def check_signed(
    signed: JSONObject, stored: JSONObject, signer: UserID, keys: Mapping[str, bytes]
) -> list[Signature] | Fault:
    """
    The signatures of *signer* in *signed* that are new to *stored*, all of them good.

    *keys*: what may sign it.  Signatures by anybody else, or by other keys, are passed over.
    """
    if not same_json(_bare(signed), _bare(stored)):
        return OTHER_KEY
    found = []
    for key_id, signature in _signatures_by(signed, signer):
        if key_id not in keys:
            continue
        if not is_signed_by(signed, signer, key_id, keys[key_id]):
            return INVALID
        found.append(Signature(signer, key_id, signature))
    return found or (INVALID if any(True for _ in _signatures_by(signed, signer)) else UNSIGNED)


def _signatures_by(value: JSONObject, signer: UserID) -> Iterator[tuple[str, str]]:
    for key_id, signature in signatures_of(value).get(signer, {}).items():
        if isinstance(signature, str):
            yield key_id, signature


def _bare(value: JSONObject) -> JSONObject:
    return {key: part for key, part in value.items() if key not in {"signatures", "unsigned"}}
