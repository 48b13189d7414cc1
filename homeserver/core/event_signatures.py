"""
Signatures of events: which servers must have signed one, adding one, checking them.

Spec: server-server-api#signing-events
"""

from collections.abc import Mapping

from attrs import evolve

from homeserver.core.events import Event
from homeserver.core.hashes import signed_form
from homeserver.core.identifiers import ServerName, UserID, is_user_id, server_of
from homeserver.core.policy_servers import POLICY_KEY_ID
from homeserver.core.signatures import SigningKey, is_signed_base64, signatures_by, with_signature
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def required_signatures(event: Event) -> frozenset[ServerName]:
    """
    The servers without whose valid signatures *event* is dropped.

    Empty for an invitation that takes up a third party's (since v3): the server that sends it need not be the sender's,
    and the rules hold it against the third party's signature instead.
    Spec: server-server-api#validating-hashes-and-signatures-on-received-events
    """
    servers = set()
    if not _takes_up_third_party_invite(event):
        servers.add(server_of(event.sender))
    # Until v2: the server that the event ID names has signed as well.
    if event.version.event_id_server_signs:
        servers.add(server_of(event.event_id))
    # Since v8: a user lets another in; the server of the former vouches for it.  A value that is no user ID names no
    # server: the authorization rules deny such an event.
    if event.version.auth.restricted and event.type == "m.room.member":
        authorizer = event.content.get("join_authorised_via_users_server")
        if isinstance(authorizer, str) and is_user_id(authorizer):
            servers.add(server_of(UserID(authorizer)))
    return frozenset(servers)


def sign_event(event: Event, server: ServerName, key: SigningKey) -> Event:
    """*event* with the signature of *server* added to those it has."""
    signature = key.sign(signed_form(event.pdu, event.version))
    return evolve(event, pdu=with_signature(event.pdu, server, key.key_id, signature))


def check_signatures(event: Event, keys: Mapping[ServerName, Mapping[str, bytes]]) -> Verdict:
    """
    Whether every server that must have signed *event* has, with keys known to be good for it.

    *keys* are the public keys by server and key ID, those left out that are not valid at the event's
    ``origin_server_ts`` (since v5) or had expired before it.  Signatures by other keys count for nothing.
    """
    signed = signed_form(event.pdu, event.version)
    for server in required_signatures(event):
        known = keys.get(server, {})
        present = signatures_by(event.pdu, server)
        usable = [(signature, known[key_id]) for key_id, signature in present.items() if key_id in known]
        if not usable:
            return Denied("signature.missing")
        # All the signatures by known keys must hold, not just one.
        if not all(is_signed_base64(signed, signature, key) for signature, key in usable):
            return Denied("signature.invalid")
    return ALLOWED


def signing_key_ids(event: Event) -> dict[ServerName, frozenset[str]]:
    """The IDs of the keys that claim to have signed *event*, for each server that must have; what to look up."""
    # A policy server's key is found in the room and nowhere else.
    return {
        server: frozenset(signatures_by(event.pdu, server).keys() - {POLICY_KEY_ID})
        for server in required_signatures(event)
    }


def _takes_up_third_party_invite(event: Event) -> bool:
    return (
        event.type == "m.room.member"
        and event.content.get("membership") == "invite"
        and "third_party_invite" in event.content
    )
