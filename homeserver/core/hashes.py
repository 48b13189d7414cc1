"""
The two hashes of an event: of all it says (content hash), and of what no redaction can remove (reference hash).

Spec: server-server-api#calculating-the-content-hash-for-an-event
"""

from hashlib import sha256
from hmac import compare_digest
from typing import Final

from homeserver.core.canonical import JSONObject, encode_canonical, encode_legacy
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID
from homeserver.core.malformed import Malformed
from homeserver.core.redaction import redact, redact_event
from homeserver.core.unpadded_base64 import encode_base64, encode_base64_url, parse_base64
from homeserver.core.versions import RoomVersion

_OUTSIDE_CONTENT_HASH: Final = frozenset({"unsigned", "signatures", "hashes"})


def encode_event(pdu: JSONObject, version: RoomVersion) -> bytes:
    """
    The canonical JSON of an event or of a part of one.

    Until v5 events may hold floats, which the reference library writes in a way of its own.
    """
    return encode_canonical(pdu) if version.strict_canonical_json else encode_legacy(pdu)


def content_hash(pdu: JSONObject, version: RoomVersion) -> bytes:
    """The SHA-256 of all that *pdu* says, unredacted."""
    hashed = {key: value for key, value in pdu.items() if key not in _OUTSIDE_CONTENT_HASH}
    return sha256(encode_event(hashed, version)).digest()


def signed_form(pdu: JSONObject, version: RoomVersion) -> bytes:
    """
    What a server signs: the canonical JSON of the redacted *pdu* without its signatures.

    The reference hash is the hash of these very bytes.  Spec: server-server-api#signing-events
    """
    redacted = redact(pdu, version)
    redacted.pop("signatures", None)
    return encode_event(redacted, version)


def reference_hash(pdu: JSONObject, version: RoomVersion) -> bytes:
    """
    The SHA-256 by which others refer to *pdu*.

    Spec: server-server-api#calculating-the-reference-hash-for-an-event
    """
    return sha256(signed_form(pdu, version)).digest()


def event_id_of(digest: bytes, version: RoomVersion) -> EventID:
    """The ID of the event whose reference hash is *digest*.  Since v3; before, an event carries its ID."""
    assert version.event_id_format > 1, "until v2 an event carries its ID"
    encoded = encode_base64(digest) if version.event_id_format == 2 else encode_base64_url(digest)
    return EventID("$" + encoded)


def is_intact(event: Event) -> bool:
    """Whether the content hash in *event* is that of what it says."""
    hashes = event.pdu["hashes"]
    try:
        claimed = parse_base64(hashes.get("sha256") if isinstance(hashes, dict) else None)
    except Malformed:
        return False
    return compare_digest(claimed, content_hash(event.pdu, event.version))


def intact_or_redacted(event: Event) -> Event:
    """
    *event* itself when its content hash holds, else its redacted copy: then we were given an altered or a redacted one.

    Spec: server-server-api#validating-hashes-and-signatures-on-received-events
    """
    return event if is_intact(event) else redact_event(event)
