"""
Invites of people by their addresses, and the proofs by which they are taken up.

Spec: client-server-api#third-party-invites
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID, UserID, parse_user_id
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import ALGORITHM, is_signed_base64, signable
from homeserver.core.unpadded_base64 import encode_base64_url, parse_any_base64

KIND: Final = "m.room.third_party_invite"
KEYS_MAX: Final = 20
SIGNATURES_MAX: Final = 20


@frozen
class Proof:
    """
    An identity server's word that *mxid* is whom the invite with this *token* is for.

    *signed* is that word itself, as it stands in events.
    """

    mxid: UserID
    token: str
    signed: JSONObject


@frozen
class PublishedKey:
    """A key in a third-party invite, as it is written there; *validity_url* tells whether it was revoked."""

    public_key: str
    validity_url: str | None


@frozen
class Exchange:
    """The wish to turn the invite that *sender* has sent into one for the user of the *proof*."""

    room_id: RoomID
    sender: UserID
    proof: Proof

    def to_json(self, display_name: str) -> JSONObject:
        """The incomplete event that the inviting server is sent."""
        invite: JSONObject = {"display_name": display_name, "signed": self.proof.signed}
        return {
            "type": "m.room.member",
            "room_id": self.room_id,
            "sender": self.sender,
            "state_key": self.proof.mxid,
            "content": {"membership": "invite", "third_party_invite": invite},
        }


def parse_proof(signed: JSON, path: str = "signed") -> Proof:
    """The proof that *signed* claims to be.  Raises Malformed."""
    if not isinstance(signed, dict):
        raise Malformed("This must be an object.", path)
    token = signed.get("token")
    if not isinstance(token, str) or not isinstance(signed.get("signatures"), dict):
        raise Malformed("This must hold a token and signatures.", path)
    # All of it is signed, also what is not looked at here.
    return Proof(parse_user_id(signed.get("mxid")), token, signed)


def keys_that_signed(proof: Proof, content: Mapping[str, JSON]) -> list[PublishedKey]:
    """Of the keys in the content of a third-party invite, those whose signature the proof has."""
    try:
        message = signable(proof.signed)
    except Malformed:
        return []
    signatures = _signatures(proof.signed)
    return [key for key in _keys(content) if _has_signed(key, message, signatures)]


def invite_content(answer: Mapping[str, JSON]) -> tuple[str, JSONObject]:
    """
    The token, and the content of the event, for what an identity server has stored.  Raises Malformed.

    Spec: identity-service-api#post_matrixidentityv2store-invite
    """
    token, name, keys = answer.get("token"), answer.get("display_name"), answer.get("public_keys")
    if not isinstance(token, str) or not 0 < len(token) <= 255 or not isinstance(name, str):
        raise Malformed("The identity server gave no token and name.", "token")
    listed = [_listed(key) for key in keys[:KEYS_MAX] if isinstance(key, dict)] if isinstance(keys, list) else []
    if not listed:
        raise Malformed("The identity server gave no keys.", "public_keys")
    content: JSONObject = {"display_name": name, "public_keys": [*listed]}
    # The first stands outside the list as well, for servers that do not know the list.
    return token, {**content, **listed[0]}


def lookup_hash(medium: str, address: str, pepper: str) -> str:
    """How an identity server is asked for an address.  Spec: identity-service-api#client-behaviour"""
    return encode_base64_url(hashlib.sha256(f"{address} {medium} {pepper}".encode()).digest())


def _listed(key: Mapping[str, JSON]) -> JSONObject:
    public_key, url = key.get("public_key"), key.get("key_validity_url")
    if not isinstance(public_key, str) or not isinstance(url, str):
        raise Malformed("The identity server gave no key with the address at which it is checked.", "public_keys")
    return {"public_key": public_key, "key_validity_url": url}


def _keys(content: Mapping[str, JSON]) -> list[PublishedKey]:
    listed = content.get("public_keys")
    entries = [content, *(listed[:KEYS_MAX] if isinstance(listed, list) else ())]
    found = []
    for entry in entries:
        key = entry.get("public_key") if isinstance(entry, Mapping) else None
        url = entry.get("key_validity_url") if isinstance(entry, Mapping) else None
        if isinstance(key, str):
            found.append(PublishedKey(key, url if isinstance(url, str) else None))
    return list(dict.fromkeys(found))


def _signatures(signed: JSONObject) -> list[JSON]:
    by_server = signed.get("signatures")
    values = by_server.values() if isinstance(by_server, dict) else ()
    return [
        signature
        for own in values
        if isinstance(own, dict)
        for key_id, signature in own.items()
        if key_id.startswith(f"{ALGORITHM}:")
    ][:SIGNATURES_MAX]


def _has_signed(key: PublishedKey, message: bytes, signatures: list[JSON]) -> bool:
    try:
        octets = parse_any_base64(key.public_key)
    except Malformed:
        return False
    return any(is_signed_base64(message, signature, octets) for signature in signatures)
