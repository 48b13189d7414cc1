"""The rules of taking up a third party's invitation."""

from typing import Any

import pytest

from homeserver.core.authorization.invite import ATTEMPTS_MAX
from homeserver.core.authorization.rules import check_event
from homeserver.core.identifiers import UserID
from homeserver.core.signatures import sign_json
from homeserver.core.unpadded_base64 import encode_base64, encode_base64_url
from homeserver.core.verdicts import ALLOWED, Denied, Verdict
from tests.builders import ALICE, BOB, CAROL, VERSIONS, Room, a_room, signing_key

IDENTITY = "identity.example"
PUBLIC = encode_base64(signing_key(IDENTITY).verify_key)
OTHER = encode_base64(signing_key("other.example").verify_key)
TOKEN = "abc"


def invited(version: str, invitation: dict[str, Any] | None = None) -> Room:
    """A room that has invited an address, with the identity server's key unless told otherwise."""
    content: dict[str, Any] = {"display_name": "b...@e...", "public_key": PUBLIC} if invitation is None else invitation
    return a_room(version).with_state("m.room.third_party_invite", content, TOKEN)


def proof(**changes: Any) -> dict[str, Any]:
    """What the identity server signs; ``...`` leaves a part out."""
    parts = {"mxid": BOB, "token": TOKEN, **changes}
    return sign_json({name: part for name, part in parts.items() if part is not ...}, IDENTITY, signing_key(IDENTITY))


def taken_up(room: Room, third_party_invite: Any, *, sender: UserID = ALICE, target: str = BOB) -> Verdict:
    """The verdict about the invitation that results."""
    content = {"membership": "invite", "third_party_invite": third_party_invite}
    return check_event(room.event("m.room.member", content, sender=sender, state_key=target), room.state)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_proof_invites(version: str) -> None:
    """With the identity server's signature the user is invited, though the inviter may be gone by now."""
    room = invited(version)

    assert taken_up(room, {"display_name": "b...@e...", "signed": proof()}) == ALLOWED
    gone = room.with_member(ALICE, "leave")
    assert taken_up(gone, {"signed": proof()}) == ALLOWED


@pytest.mark.parametrize(
    ("third_party_invite", "rule"),
    [
        (None, "unsigned"),
        ([], "unsigned"),
        ({}, "unsigned"),
        ({"signed": None}, "unsigned"),
        ({"signed": "text"}, "unsigned"),
        ({"signed": proof(mxid=...)}, "incomplete"),
        ({"signed": proof(token=...)}, "incomplete"),
        ({"signed": proof(token=5)}, "incomplete"),
        ({"signed": proof(mxid=CAROL)}, "another_user"),
        ({"signed": proof(mxid=5)}, "another_user"),
        ({"signed": proof(token="other")}, "unknown_token"),
        ({"signed": {"mxid": BOB, "token": TOKEN}}, "signature"),
        ({"signed": {**proof(), "signatures": 5}}, "signature"),
        ({"signed": {**proof(), "signatures": {IDENTITY: 5}}}, "signature"),
        ({"signed": {**proof(), "signatures": {IDENTITY: {"ed25519:0": 5}}}}, "signature"),
        ({"signed": {**proof(), "signatures": {IDENTITY: {"rsa:0": "AA"}}}}, "signature"),
        ({"signed": {**proof(), "more": 1}}, "signature"),
    ],
)
def test_what_proves_nothing(third_party_invite: Any, rule: str) -> None:
    """Rule 5.4.1: whatever is missing, odd or altered in the proof is refused by its own rule."""
    for version in VERSIONS:
        assert taken_up(invited(version), third_party_invite) == Denied(f"member.invite.{rule}")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_banned_are_not_invited(version: str) -> None:
    """Rule 5.4.1.1: a ban bars this way in as well."""
    room = invited(version).with_member(BOB, "ban")

    assert taken_up(room, {"signed": proof()}) == Denied("member.invite.banned")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_sender_is_the_inviter(version: str) -> None:
    """Rule 5.4.1.6: who invited the address also sends this."""
    room = invited(version).with_member(CAROL)

    assert taken_up(room, {"signed": proof()}, sender=CAROL) == Denied("member.invite.another_sender")


@pytest.mark.parametrize(
    ("invitation", "allowed"),
    [
        ({"public_key": OTHER, "public_keys": [{"public_key": PUBLIC}]}, True),
        ({"public_keys": [{"public_key": OTHER}, {"public_key": PUBLIC}]}, True),
        ({"public_key": encode_base64_url(signing_key(IDENTITY).verify_key)}, True),
        ({"public_key": PUBLIC + "="}, True),
        ({"public_key": OTHER}, False),
        ({"public_key": 5, "public_keys": 5}, False),
        ({"public_key": "not a key", "public_keys": [5, {}, {"public_key": None}, {"public_key": "AA"}]}, False),
        ({}, False),
    ],
)
def test_any_key_will_do(invitation: dict[str, Any], allowed: bool) -> None:
    """Rule 5.4.1.7: one key or several, in either alphabet; what is no key proves nothing."""
    for version in VERSIONS:
        verdict = taken_up(invited(version, invitation), {"signed": proof()})

        assert verdict == (ALLOWED if allowed else Denied("member.invite.signature"))


def test_the_work_has_a_bound() -> None:
    """An event full of keys that are not the right one costs no more than so many attempts."""
    wrong = [{"public_key": encode_base64(bytes([number % 256]) * 32)} for number in range(ATTEMPTS_MAX)]
    right = {"public_key": PUBLIC}

    early = invited("10", {"public_keys": [*wrong[:-1], right]})
    late = invited("10", {"public_keys": [*wrong, right]})
    assert taken_up(early, {"signed": proof()}) == ALLOWED
    assert taken_up(late, {"signed": proof()}) == Denied("member.invite.signature")
