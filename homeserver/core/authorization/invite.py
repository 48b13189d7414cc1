"""The rules of inviting, by user ID or by a third party's proof.  Spec: rooms/v12#authorisation-rules, rule 5.4"""

from itertools import islice, product
from typing import Final

from homeserver.core.authorization.situation import Situation
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import ALGORITHM, is_signed_base64, signable
from homeserver.core.unpadded_base64 import parse_any_base64
from homeserver.core.verdicts import ALLOWED, Denied, Verdict

ATTEMPTS_MAX: Final = 64
"""Pairs of a signature and a key that are tried for one invitation: events come from strangers, and trying costs."""


def check_invite(event: Event, target: str, situation: Situation) -> Verdict:
    """Whether *target* may be invited."""
    if "third_party_invite" in event.content:
        return _check_third_party(event, target, situation)
    if not situation.is_joined(event.sender):
        return Denied("member.invite.sender_not_joined")
    if situation.membership(target) in {"join", "ban"}:
        return Denied("member.invite.membership")
    if situation.level(event.sender) < situation.levels.named("invite"):
        return Denied("member.invite.power_level")
    return ALLOWED


def _check_third_party(event: Event, target: str, situation: Situation) -> Verdict:
    if situation.membership(target) == "ban":
        return Denied("member.invite.banned")
    invite = event.content["third_party_invite"]
    signed = invite.get("signed") if isinstance(invite, dict) else None
    if not isinstance(signed, dict):
        return Denied("member.invite.unsigned")
    token = signed.get("token")
    if "mxid" not in signed or not isinstance(token, str):
        return Denied("member.invite.incomplete")
    if signed["mxid"] != target:
        return Denied("member.invite.another_user")
    invitation = situation.state.get(("m.room.third_party_invite", token))
    if invitation is None:
        return Denied("member.invite.unknown_token")
    if event.sender != invitation.sender:
        return Denied("member.invite.another_sender")
    if not _is_proven(signed, invitation):
        return Denied("member.invite.signature")
    return ALLOWED


def _is_proven(signed: JSONObject, invitation: Event) -> bool:
    # Any signature, by whatever name, with any of the keys.
    try:
        message = signable(signed)
    except Malformed:
        return False
    attempts = product(_signatures(signed), _public_keys(invitation))
    return any(is_signed_base64(message, signature, key) for signature, key in islice(attempts, ATTEMPTS_MAX))


def _signatures(signed: JSONObject) -> list[JSON]:
    signatures = signed.get("signatures")
    if not isinstance(signatures, dict):
        return []
    return [
        signature
        for own in signatures.values()
        if isinstance(own, dict)
        for key_id, signature in own.items()
        if key_id.startswith(ALGORITHM + ":")
    ]


def _public_keys(invitation: Event) -> list[bytes]:
    keys = [invitation.content.get("public_key")]
    listed = invitation.content.get("public_keys")
    if isinstance(listed, list):
        keys += [entry.get("public_key") for entry in listed if isinstance(entry, dict)]
    octets = []
    for key in keys:
        try:
            octets.append(parse_any_base64(key))
        except Malformed:  # what is no key proves nothing
            continue
    return octets
