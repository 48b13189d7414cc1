"""
Policy servers: which a room uses, and whether one recommends an event.

Spec: server-server-api#policy-servers
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event, StateKey
from homeserver.core.hashes import signed_form
from homeserver.core.identifiers import ServerName, parse_server_name
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import is_signed_base64, signatures_by
from homeserver.core.unpadded_base64 import parse_any_base64

POLICY: Final[StateKey] = ("m.room.policy", "")
POLICY_KEY_ID: Final = "ed25519:policy_server"
"""Of every policy server's key: it is published in rooms, and nowhere else."""


@frozen
class PolicyServer:
    """Whom a room asks, and the key by which it answers."""

    name: ServerName
    verify_key: bytes

    def recommends(self, event: Event) -> bool:
        """Whether the event has the server's valid signature."""
        signature = signatures_by(event.pdu, self.name).get(POLICY_KEY_ID)
        return signature is not None and is_signed_base64(
            signed_form(event.pdu, event.version), signature, self.verify_key
        )


def policy_server_of(content: Mapping[str, JSON]) -> PolicyServer | None:
    """
    The server that an ``m.room.policy`` names; None for one that is not valid, which names none.

    A room uses it only while a user of it is joined.
    Spec: server-server-api#determining-if-a-policy-server-is-enabled-in-a-room
    """
    keys = content.get("public_keys")
    key = keys.get("ed25519") if isinstance(keys, dict) else None
    if not isinstance(key, str):
        return None
    try:
        name = parse_server_name(content.get("via"))
    except Malformed:
        return None
    return PolicyServer(name, _octets(key))


def with_recommendation(event: Event, server: ServerName, signatures: JSON) -> Event:
    """
    The event with the policy server's signature among *signatures*, ``{server: {key ID: signature}}``, if it is there.

    It stands beside what the server has signed with other keys: the event may be its own.
    """
    theirs = signatures.get(server) if isinstance(signatures, dict) else None
    signature = theirs.get(POLICY_KEY_ID) if isinstance(theirs, dict) else None
    if not isinstance(signature, str):
        return event
    present = event.pdu["signatures"]
    assert isinstance(present, dict), "an event that was parsed or built has signatures"
    own = present.get(server)
    whole: JSONObject = {**present, server: {**(own if isinstance(own, dict) else {}), POLICY_KEY_ID: signature}}
    return evolve(event, pdu={**event.pdu, "signatures": whole})


def is_checked(event: Event) -> bool:
    """Whether policy servers have a say in the event: in all but what enables and disables them."""
    return not event.is_state or event.key != POLICY


def _octets(key: str) -> bytes:
    """What cannot be a key has signed nothing: a room that states it lets nothing pass."""
    try:
        return parse_any_base64(key)
    except Malformed:
        return b""
