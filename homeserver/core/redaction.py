"""
Redaction: what is left of an event when everything is stripped that the protocol does not need.

Signatures and event IDs cover the redacted form, so this runs at least once for every event.

Spec: client-server-api#redactions
"""

from attrs import evolve

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.versions import RedactionRules, RoomVersion


def redact(pdu: JSONObject, version: RoomVersion) -> JSONObject:
    """A copy of *pdu* that holds only what survives a redaction in a room of *version*; ``unsigned`` is gone too."""
    keys = version.redaction.event_keys
    redacted = {key: value for key, value in pdu.items() if key in keys}
    if "content" in redacted:
        redacted["content"] = _redact_content(pdu.get("type"), redacted["content"], version.redaction)
    return redacted


def redact_event(event: Event) -> Event:
    """The same event, redacted; it keeps its ID."""
    pdu = redact(event.pdu, event.version)
    content = pdu["content"]
    assert isinstance(content, dict), "an event has a content"
    redacts = event.redacts if event.version.redacts_in_content else None
    return evolve(event, pdu=pdu, content=content, redacts=redacts)


def _redact_content(event_type: JSON, content: JSON, rules: RedactionRules) -> JSONObject:
    if not isinstance(event_type, str) or not isinstance(content, dict):
        return {}
    keys = rules.content_keys.get(event_type)
    if keys is None:
        return {}
    # Since v11: m.room.create keeps everything.
    if rules.create_content_kept and event_type == "m.room.create":
        return content
    kept = {key: value for key, value in content.items() if key in keys}
    # Since v11: an invite keeps the proof that a third party's invitation was taken up, and nothing beside it.
    if rules.third_party_invite_signed_kept and event_type == "m.room.member":
        invite = content.get("third_party_invite")
        if isinstance(invite, dict):
            kept["third_party_invite"] = {"signed": invite["signed"]} if "signed" in invite else {}
    return kept
