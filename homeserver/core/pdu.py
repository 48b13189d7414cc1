"""
From the signed federation form to an event: the format check of every room version.

Spec: server-server-api#checks-performed-on-receipt-of-a-pdu, check 1
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from sys import intern
from typing import Any, Final, cast

from homeserver.core.canonical import JSON, JSONObject, check_canonical
from homeserver.core.events import Event
from homeserver.core.hashes import encode_event, event_id_of, signed_form
from homeserver.core.identifiers import (
    ID_BYTES_MAX,
    EventID,
    RoomID,
    UserID,
    fits_id,
    parse_event_id,
    parse_room_id,
    parse_user_id,
)
from homeserver.core.malformed import Malformed
from homeserver.core.versions import RoomVersion

PDU_BYTES_MAX: Final = 65_536
"""Of the canonical JSON, signatures included.  Spec: client-server-api#size-limits"""
PREV_EVENTS_MAX: Final = 20
AUTH_EVENTS_MAX: Final = 10
TIMESTAMP_MAX: Final = 2**63 - 1
_HASH_ID: Final = re.compile(r"\$[A-Za-z0-9+/_-]{43}\Z")


def parse_pdu(pdu: JSON, version: RoomVersion, *, historic: bool = False) -> Event:
    """
    The event that *pdu* is in a room of *version*; its hash and signatures are not looked at.

    *historic*: it may refer to more events than are allowed today.  *pdu* becomes the event's own, and ``unsigned`` is
    left out.  Raises Malformed where the format is broken.
    """
    if not isinstance(pdu, dict):
        raise Malformed("An event must be an object.")
    if "unsigned" in pdu:
        pdu = {key: value for key, value in pdu.items() if key != "unsigned"}
    # Since v6: strict canonical JSON.  Spec: rooms/v6#canonical-json
    if version.strict_canonical_json:
        check_canonical(pdu)
    check_hashes(pdu.get("hashes"))
    check_signature_map(pdu.get("signatures"))
    event = parse_unsigned_pdu(pdu, version, historic=historic)
    check_size(len(encode_event(pdu, version)))
    return event


def parse_unsigned_pdu(
    pdu: JSONObject, version: RoomVersion, event_id: EventID | None = None, *, historic: bool = False
) -> Event:
    """
    The same for what is not, or only just, hashed and signed; *event_id* saves computing what is known already.

    Raises Malformed.
    """
    event_type = _parse_text(pdu.get("type"), "type")
    content = pdu.get("content")
    if not isinstance(content, dict):
        raise Malformed("This must be an object.", "content")
    if event_id is None:
        event_id = _event_id(pdu, version)
    return Event(
        event_id=event_id,
        room_id=_room_id(pdu, event_type, event_id, version),
        type=event_type,
        sender=_parse_sender(pdu.get("sender")),
        state_key=_parse_text(pdu["state_key"], "state_key", version.state_key_bytes_max)
        if "state_key" in pdu
        else None,
        content=content,
        prev_events=_parse_references(
            pdu.get("prev_events"), "prev_events", PDU_BYTES_MAX if historic else PREV_EVENTS_MAX, version
        ),
        auth_events=_parse_references(
            pdu.get("auth_events"), "auth_events", PDU_BYTES_MAX if historic else AUTH_EVENTS_MAX, version
        ),
        depth=_parse_integer(pdu.get("depth"), "depth", 0, version.depth_max),
        origin_server_ts=_parse_integer(pdu.get("origin_server_ts"), "origin_server_ts", -TIMESTAMP_MAX, TIMESTAMP_MAX),
        redacts=_redacts(pdu, content, event_type, version),
        version=version,
        pdu=pdu,
    )


def claimed_event_id(pdu: JSONObject, version: RoomVersion) -> EventID | None:
    """By which ID its sender knows what is no well-formed event; None: by none."""
    try:
        return _event_id(pdu, version)
    except Malformed:
        return None


def stored_event(pdu: JSONObject, version: RoomVersion, event_id: EventID) -> Event:
    """The event that *pdu*, which was parsed before it was stored, is: nothing is checked once more."""
    # Almost all that is read from the store comes through here, a thousand events for one page of history.  Many of
    # these are kept in memory, and most of their texts recur: one is kept of each, which saves 0.4 of 2.7 KB.  IDs that
    # few events name are left out: being interned takes 100 bytes itself.
    fields = cast(dict[str, Any], pdu)
    event_type = fields["type"] = intern(fields["type"])
    sender = fields["sender"] = UserID(intern(fields["sender"]))
    prev_events, auth_events = fields["prev_events"], fields["auth_events"]
    if version.references_with_hashes:
        prev_events, auth_events = [pair[0] for pair in prev_events], [pair[0] for pair in auth_events]
    else:
        auth_events[:] = map(intern, auth_events)
    room_id = fields.get("room_id")
    if room_id is None or event_type == "m.room.create":
        room_id = _room_id(pdu, event_type, event_id, version)
    else:
        room_id = fields["room_id"] = RoomID(intern(room_id))
    state_key = fields.get("state_key")
    if state_key == sender:
        state_key = fields["state_key"] = sender
    content: JSONObject = fields["content"]
    return Event(
        event_id,
        room_id,
        event_type,
        sender,
        state_key,
        content,
        tuple(prev_events),
        tuple(auth_events),
        fields["depth"],
        fields["origin_server_ts"],
        _redacts(pdu, content, event_type, version) if event_type == "m.room.redaction" else None,
        version,
        pdu,
    )


def check_size(pdu_bytes: int) -> None:
    """Raises Malformed when an event of so many bytes is too large.  Spec: client-server-api#size-limits"""
    if pdu_bytes > PDU_BYTES_MAX:
        raise Malformed(f"This event has {pdu_bytes} bytes; {PDU_BYTES_MAX} are allowed.", code="M_TOO_LARGE")


def check_hashes(hashes: JSON) -> None:
    """Raises Malformed unless *hashes* is an object with a sha256."""
    if not isinstance(hashes, dict) or not isinstance(hashes.get("sha256"), str):
        raise Malformed("This must be an object with a sha256.", "hashes")


def check_signature_map(signatures: JSON) -> None:
    """Raises Malformed unless *signatures* maps servers to key IDs to strings."""
    if not isinstance(signatures, dict):
        raise Malformed("This must be an object.", "signatures")
    for server, own in signatures.items():
        if not isinstance(own, dict):
            raise Malformed("This must be an object.", f"signatures.{server}")
        for signature in own.values():
            if not isinstance(signature, str):
                raise Malformed("A signature must be a string.", f"signatures.{server}")


def _event_id(pdu: JSONObject, version: RoomVersion) -> EventID:
    # Since v3: the ID is the reference hash.
    if version.event_id_format > 1:
        return event_id_of(sha256(signed_form(pdu, version)).digest(), version)
    return _parse_event_id(pdu.get("event_id"), "event_id")


def _room_id(pdu: JSONObject, event_type: str, event_id: EventID, version: RoomVersion) -> RoomID:
    # Since v12: the create event has no room ID; its own ID is the room's.  Whether it names one all the same is a
    # question for the authorization rules.
    if version.auth.room_id_is_create_hash and event_type == "m.room.create":
        return RoomID("!" + event_id[1:])
    try:
        return parse_room_id(pdu.get("room_id"))
    except Malformed as error:
        raise Malformed(error.reason, "room_id") from error


def _redacts(pdu: JSONObject, content: Mapping[str, JSON], event_type: str, version: RoomVersion) -> EventID | None:
    if event_type != "m.room.redaction":
        return None
    # Since v11: in the content, whose form is nobody's to refuse.
    if version.redacts_in_content:
        redacts = content.get("redacts")
        return EventID(redacts) if isinstance(redacts, str) and fits_id(redacts) else None
    return _parse_event_id(pdu["redacts"], "redacts") if "redacts" in pdu else None


def _parse_sender(value: JSON) -> UserID:
    try:
        return parse_user_id(value)
    except Malformed as error:
        raise Malformed(error.reason, "sender") from error


def _parse_event_id(value: JSON, path: str) -> EventID:
    try:
        return parse_event_id(value)
    except Malformed as error:
        raise Malformed(error.reason, path) from error


def _parse_text(value: JSON, path: str, most: int = ID_BYTES_MAX) -> str:
    if not isinstance(value, str):
        raise Malformed("This must be a string.", path)
    if not fits_id(value, most):
        raise Malformed(f"This is longer than {most} bytes.", path, "M_TOO_LARGE")
    # NOTSPEC: no NUL, which PostgreSQL cannot hold in text and no event in use has in its type or state key.
    if "\0" in value:
        raise Malformed("This must not hold the character NUL.", path)
    return value


def _parse_integer(value: JSON, path: str, least: int, most: int) -> int:
    if type(value) is not int:
        raise Malformed("This must be an integer.", path)
    if not least <= value <= most:
        raise Malformed(f"This must lie between {least} and {most}.", path)
    return value


def _parse_references(value: JSON, path: str, most: int, version: RoomVersion) -> tuple[EventID, ...]:
    if not isinstance(value, list):
        raise Malformed("This must be a list.", path)
    if len(value) > most:
        raise Malformed(f"At most {most} events may be listed here.", path)
    if version.references_with_hashes:
        return tuple(_parse_pair(pair, path) for pair in value)
    for reference in value:
        # Almost all are hashes; what does not look like one is looked at with care.
        if not (type(reference) is str and _HASH_ID.match(reference)):
            _parse_event_id(reference, path)
    return tuple(cast(list[EventID], value))


def _parse_pair(pair: JSON, path: str) -> EventID:
    # Until v2: [ID, hashes]; the hashes bind nothing, for the ID is what events are found by.
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], dict):
        raise Malformed("Each entry must be a pair of event ID and hashes.", path)
    return _parse_event_id(pair[0], path)
