"""
New events of local users: from what they say to the hashed and signed form.

Spec: server-server-api#adding-hashes-and-signatures-to-outgoing-events
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject, check_canonical
from homeserver.core.events import Event
from homeserver.core.hashes import encode_event, event_id_of, signed_form
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.pdu import check_size, parse_unsigned_pdu
from homeserver.core.signatures import SigningKey
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.core.versions import RoomVersion

_NO_HASHES: Final[Mapping[EventID, bytes]] = {}


@frozen
class UnplacedEvent:
    """
    What somebody wants to say in a room, before it has a place there.

    *room_id* is None for the create event of a v12 room alone, whose hash it becomes.  *redacts* is put where the
    version wants it.  *fields* stand beside the content; none of them takes the place of one of the event's own.
    """

    version: RoomVersion
    room_id: RoomID | None
    type: str
    sender: UserID
    content: JSONObject
    state_key: str | None = None
    redacts: str | None = None
    fields: Mapping[str, JSON] = field(factory=dict)


def build_event(
    unplaced: UnplacedEvent,
    *,
    prev_events: Sequence[EventID],
    auth_events: Sequence[EventID],
    depth: int,
    now_ms: int,
    server: ServerName,
    key: SigningKey,
    opaque_id: str = "",
    reference_hashes: Mapping[EventID, bytes] = _NO_HASHES,
) -> Event:
    """
    The event that *unplaced* is at a place in the room, hashed, and signed by *server*; not authorized.

    *depth* past what the version allows becomes the greatest allowed.  Until v2 only: *opaque_id*, unique on this
    server, makes the event ID, and *reference_hashes* holds the hash of each event referred to.
    Raises Malformed for what breaks the format, ``M_TOO_LARGE`` past the size limits.
    """
    version = unplaced.version
    if version.strict_canonical_json:
        check_canonical(unplaced.content, "content")
        check_canonical(dict(unplaced.fields))
    pdu = _bare(unplaced)
    if version.references_with_hashes:
        pdu["event_id"] = f"${opaque_id}:{server}"
        pdu["prev_events"] = [_pair(event_id, reference_hashes) for event_id in prev_events]
        pdu["auth_events"] = [_pair(event_id, reference_hashes) for event_id in auth_events]
    else:
        pdu["prev_events"] = list(prev_events)
        pdu["auth_events"] = list(auth_events)
    pdu["depth"] = min(depth, version.depth_max)
    pdu["origin_server_ts"] = now_ms
    return _hash_and_sign(pdu, version, server, key)


def reference_pdu(
    unplaced: UnplacedEvent, prev_events: list[JSON], auth_events: list[JSON], depth: int, now_ms: int
) -> JSONObject:
    """
    The form that a server hands out for another to complete and sign, as make_join does; unhashed.

    Until v2 *prev_events* and *auth_events* are pairs.  Spec: server-server-api#joining-rooms
    """
    pdu = _bare(unplaced)
    pdu.update(prev_events=prev_events, auth_events=auth_events, depth=depth, origin_server_ts=now_ms)
    return pdu


def sign_template(
    pdu: JSONObject, version: RoomVersion, server: ServerName, key: SigningKey, opaque_id: str = ""
) -> Event:
    """
    The event made of a form that another server handed out (make_join and its kin), hashed, and signed by *server*.

    Raises Malformed for what breaks the format.
    """
    bare = {name: value for name, value in pdu.items() if name not in {"hashes", "signatures", "unsigned", "event_id"}}
    if version.strict_canonical_json:
        check_canonical(bare)
    if version.references_with_hashes:
        bare["event_id"] = f"${opaque_id}:{server}"
    return _hash_and_sign(bare, version, server, key)


def _bare(unplaced: UnplacedEvent) -> JSONObject:
    content = unplaced.content
    pdu: JSONObject = {**unplaced.fields, "type": unplaced.type, "sender": unplaced.sender, "content": content}
    if unplaced.room_id is not None:
        pdu["room_id"] = unplaced.room_id
    if unplaced.state_key is not None:
        pdu["state_key"] = unplaced.state_key
    if unplaced.redacts is not None:
        # Since v11: inside the content.
        if unplaced.version.redacts_in_content:
            pdu["content"] = {**content, "redacts": unplaced.redacts}
        else:
            pdu["redacts"] = unplaced.redacts
    return pdu


def _hash_and_sign(pdu: JSONObject, version: RoomVersion, server: ServerName, key: SigningKey) -> Event:
    # The hash covers all that is there now; what is added after it has a known length.
    unhashed = encode_event(pdu, version)
    pdu["hashes"] = {"sha256": encode_base64(sha256(unhashed).digest())}
    signed = signed_form(pdu, version)
    signature = encode_base64(key.sign(signed))
    pdu["signatures"] = {server: {key.key_id: signature}}
    added = {"hashes": pdu["hashes"], "signatures": pdu["signatures"]}
    # Two objects become one: two braces go, a comma comes.
    check_size(len(unhashed) + len(encode_event(added, version)) - 1)
    event_id = event_id_of(sha256(signed).digest(), version) if version.event_id_format > 1 else None
    return parse_unsigned_pdu(pdu, version, event_id)


def _pair(event_id: EventID, reference_hashes: Mapping[EventID, bytes]) -> JSON:
    return [event_id, {"sha256": encode_base64(reference_hashes[event_id])}]
