"""
Cross-signing keys: a master key that signs a self-signing key for devices, and a user-signing key for other users.

Spec: client-server-api#cross-signing
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from e2ee.core.checks import check_size, parse_object, parse_signatures, parse_text, parse_texts, require, same_json
from e2ee.core.device_keys import ED25519
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import VERIFY_KEY_BYTES, is_signed_by
from homeserver.core.unpadded_base64 import parse_base64

MASTER: Final = "master"
SELF_SIGNING: Final = "self_signing"
USER_SIGNING: Final = "user_signing"
USAGES: Final = (MASTER, SELF_SIGNING, USER_SIGNING)


@frozen
class CrossSigningKey:
    """
    One of a user's three keys.

    *public_key* is unpadded base64, and names the key; *value* is its JSON with the signatures of the user alone.
    """

    user_id: UserID
    usage: str
    public_key: str
    value: JSONObject

    @property
    def key_id(self) -> str:
        return f"{ED25519}:{self.public_key}"

    @property
    def verify_key(self) -> bytes:
        return parse_base64(self.public_key)

    def has_signed(self, value: JSONObject) -> bool:
        """Whether *value* bears this key's signature, by its user."""
        return is_signed_by(value, self.user_id, self.key_id, self.verify_key)


def parse_cross_signing_key(value: JSON, user_id: UserID, usage: str, path: str) -> CrossSigningKey:
    """A key of this user for this use.  Raises Malformed."""
    key = parse_object(value, path)
    if require(key, "user_id", path) != user_id:
        raise Malformed(f"This must be {user_id}, whose key it is.", f"{path}.user_id", "M_INVALID_PARAM")
    usages = require(key, "usage", path)
    if not isinstance(usages, list) or usage not in usages:
        raise Malformed(f"This must hold {usage!r}.", f"{path}.usage", "M_INVALID_PARAM")
    public_key = _parse_public_key(require(key, "keys", path), f"{path}.keys")
    signatures = parse_signatures(key.get("signatures", {}), f"{path}.signatures")
    # Who else has signed it is not for the key's owner to say.
    own: JSONObject = {signer: {**by} for signer, by in signatures.items() if signer == user_id}
    kept = {name: part for name, part in key.items() if name not in {"signatures", "unsigned"}}
    kept |= {"signatures": own} if own else {}
    check_size(kept, path)
    return CrossSigningKey(user_id, usage, public_key, kept)


def stored_key(user_id: UserID, usage: str, value: JSONObject) -> CrossSigningKey:
    """The key that was parsed when it was stored."""
    return parse_cross_signing_key(value, user_id, usage, usage)


def check_chain(uploaded: Mapping[str, CrossSigningKey], master: CrossSigningKey | None) -> None:
    """
    Raises Malformed unless *master*, the uploaded or else the stored one, has signed all other keys.

    Spec: client-server-api#post_matrixclientv3keysdevice_signingupload
    """
    if not uploaded:
        return
    if master is None:
        raise Malformed("There is no master key yet.", "master_key", "M_MISSING_PARAM")
    for usage, key in uploaded.items():
        if usage != MASTER and not master.has_signed(key.value):
            raise Malformed("The master key has not signed this.", f"{usage}_key.signatures", "M_INVALID_SIGNATURE")
    if len({key.public_key for key in uploaded.values()}) < len(uploaded):
        raise Malformed("Each use has a key of its own.", code="M_INVALID_PARAM")


def is_new(uploaded: Iterable[CrossSigningKey], stored: Mapping[str, CrossSigningKey]) -> bool:
    """Whether anything uploaded differs from what is stored, but for signatures."""
    return any(key.usage not in stored or not _same(key, stored[key.usage]) for key in uploaded)


def peers_key(value: JSON, user_id: UserID, usage: str) -> CrossSigningKey | None:
    """The key of a user of another server, as that server tells it; None when it is none."""
    try:
        return None if value is None else parse_cross_signing_key(value, user_id, usage, usage)
    except Malformed:
        return None


def _same(one: CrossSigningKey, other: CrossSigningKey) -> bool:
    # A master key may come again without the signatures by devices that came with it first.
    return same_json(_unsigned(one), _unsigned(other))


def _unsigned(key: CrossSigningKey) -> JSONObject:
    return {name: part for name, part in key.value.items() if name != "signatures"}


def _parse_public_key(value: JSON, path: str) -> str:
    keys = parse_texts(value, path)
    if len(keys) != 1:
        raise Malformed("There must be exactly one key.", path, "M_INVALID_PARAM")
    ((key_id, public_key),) = keys.items()
    if key_id != f"{ED25519}:{public_key}":
        raise Malformed("The ID of the key must be ed25519: and the key itself.", path, "M_INVALID_PARAM")
    if len(parse_base64(parse_text(public_key, path))) != VERIFY_KEY_BYTES:
        raise Malformed(f"A key has {VERIFY_KEY_BYTES} octets.", path, "M_INVALID_PARAM")
    return public_key
