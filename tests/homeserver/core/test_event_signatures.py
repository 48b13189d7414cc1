"""Signatures of events: whose are needed, and what they protect."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeserver.core.canonical import JSON, encode_json, encode_legacy, parse_json
from homeserver.core.event_signatures import check_signatures, required_signatures, sign_event, signing_key_ids
from homeserver.core.events import Event
from homeserver.core.hashes import is_intact, signed_form
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.redaction import redact_event
from homeserver.core.signatures import SigningKey
from homeserver.core.unpadded_base64 import encode_base64, parse_base64
from homeserver.core.verdicts import Denied
from homeserver.core.versions import V1, RoomVersion
from tests import stories
from tests.builders import ALICE, BOB, CAROL, VERSIONS, Room, a_room, signing_key, verify_keys
from tests.homeserver.core.test_canonical import few_values

VECTORS = stories.read("spec/signing.json")
ONE, TWO, THREE = "one.example", "two.example", "three.example"


@pytest.mark.parametrize("vector", VECTORS["events"])
def test_the_vectors_of_the_spec(vector: dict[str, Any]) -> None:
    """The spec's events get the spec's signatures."""
    key = SigningKey.from_seed(VECTORS["key_id"], parse_base64(VECTORS["seed"]))
    hashed = {**vector["given"], "hashes": {"sha256": vector["hash"]}}

    assert encode_base64(key.sign(signed_form(hashed, V1))) == vector["signature"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signed_event_passes(version: str) -> None:
    """Whole or redacted, it passes with the right key, and not without."""
    event = a_room(version, join_rule="public").membership(BOB, "join")

    for form in (event, redact_event(event)):
        assert check_signatures(form, verify_keys(TWO))
        assert check_signatures(form, verify_keys(ONE)) == Denied("signature.missing")
        assert check_signatures(form, {}) == Denied("signature.missing")
        wrong = {TWO: {"ed25519:test": signing_key(ONE).verify_key}}
        assert check_signatures(form, wrong) == Denied("signature.invalid")  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_server_of_the_event_id(version: str) -> None:
    """Until v2 the server that the event ID names has to sign beside the sender's."""
    event = a_room(version).message()
    pdu: Any = {**event.pdu, "event_id": "$elsewhere:two.example"}
    moved = parse_pdu(pdu, event.version)

    assert required_signatures(event) == {ONE}
    assert required_signatures(moved) == ({ONE, TWO} if int(version) <= 2 else {ONE})


@pytest.mark.parametrize("version", VERSIONS)
def test_the_server_of_who_lets_in(version: str) -> None:
    """Since v8 the server of the user who lets another in has to sign beside the joiner's."""
    room = a_room(version, join_rule="public")
    content: dict[str, JSON] = {"membership": "join", "join_authorised_via_users_server": ALICE}
    join = room.event("m.room.member", content, sender=BOB, state_key=BOB)

    assert required_signatures(join) == ({ONE, TWO} if int(version) >= 8 else {TWO})
    assert check_signatures(join, verify_keys(ONE, TWO))
    assert bool(check_signatures(join, verify_keys(TWO))) is (int(version) < 8)


@pytest.mark.parametrize("version", VERSIONS)
def test_who_sends_a_third_partys_invitation(version: str) -> None:
    """The sender's server need not have signed an invitation that takes up a third party's."""
    content: dict[str, JSON] = {"membership": "invite", "third_party_invite": {"signed": {}}}
    invite = a_room(version).event("m.room.member", content, state_key=BOB)

    assert required_signatures(invite) == ({ONE} if int(version) <= 2 else set())


def test_odd_authorizers_name_no_server() -> None:
    """What is no user ID asks for no signature; the rules deny such an event by themselves."""
    for odd in (5, None, "bob", "@bob", ["@bob:two.example"]):
        content: dict[str, Any] = {"membership": "join", "join_authorised_via_users_server": odd}
        join = a_room("10").event("m.room.member", content, sender=BOB, state_key=BOB)
        assert required_signatures(join) == {TWO}


def test_every_known_signature_must_hold() -> None:
    """One good signature does not excuse a bad one of a known key; a bad one of an unknown key counts for nothing."""
    event = a_room("10").message()
    second = SigningKey.from_seed("ed25519:second", b"2" * 32)
    pdu: Any = parse_json(encode_json(event.pdu))
    pdu["signatures"][ONE]["ed25519:second"] = encode_base64(second.sign(b"something else"))
    twice = parse_pdu(pdu, event.version)
    both = {ONE: {**verify_keys(ONE)[ONE], "ed25519:second": second.verify_key}}  # type: ignore[index]

    assert check_signatures(twice, verify_keys(ONE))
    assert check_signatures(twice, both) == Denied("signature.invalid")  # type: ignore[arg-type]
    assert signing_key_ids(twice) == {ONE: {"ed25519:test", "ed25519:second"}}


def test_signing_beside_others() -> None:
    """A further signature leaves those that are there, and the ID."""
    event = a_room("10").message()
    signed = sign_event(event, THREE, signing_key(THREE))  # type: ignore[arg-type]

    assert signed == event
    assert set(signed.pdu["signatures"]) == {ONE, THREE}  # type: ignore[arg-type]
    assert set(event.pdu["signatures"]) == {ONE}  # type: ignore[arg-type]


# Any mutation of a signed event is refused.

ROOMS = {version: a_room(version, join_rule="public").with_member(BOB) for version in VERSIONS}
KEYS = verify_keys(ONE, TWO, THREE)


def _signed_event(room: Room, kind: int) -> Event:
    if kind == 0:
        return room.event("m.room.message", {"body": "hello", "n": [1, {"x": None, "y": True}]}, sender=BOB)
    if kind == 1:
        return room.event("m.room.power_levels", {"users": {ALICE: 100, BOB: 50}, "ban": 60}, state_key="")
    if kind == 2:
        return room.event("m.room.redaction", {"reason": "spam"}, redacts=room.last.event_id)
    return room.membership(CAROL, "join")


def _paths(value: JSON, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, ...]] = []
    if isinstance(value, dict):
        for key, part in value.items():
            inner += _paths(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            inner += _paths(part, (*path, index))
    return [path, *inner] if path else inner


def _survives(pdu: JSON, version: RoomVersion) -> bool:
    try:
        event = parse_pdu(pdu, version)
    except Malformed:
        return False
    return bool(check_signatures(event, KEYS)) and is_intact(event)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", range(4))
def test_what_is_not_altered_passes(version: str, kind: int) -> None:
    """The events that the tests below alter pass as they are, from the wire as well."""
    event = _signed_event(ROOMS[version], kind)

    assert _survives(parse_json(encode_json(event.pdu)), event.version)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(VERSIONS), st.integers(0, 3), st.data())
def test_any_mutation_is_refused(version: str, kind: int, data: st.DataObject) -> None:
    """Replace, remove or add anything: the format, a signature or the content hash no longer holds."""
    room = ROOMS[version]
    event = _signed_event(room, kind)
    pdu: Any = parse_json(encode_json(event.pdu))
    path = data.draw(st.sampled_from(_paths(pdu)))
    outer = pdu
    for step in path[:-1]:
        outer = outer[step]
    how = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "remove":
        del outer[path[-1]]
    elif how == "replace":
        outer[path[-1]] = data.draw(few_values)
    # Further signatures, and padding, are nobody's to refuse.
    elif isinstance(outer, dict) and path[0] != "signatures":
        outer[data.draw(st.text("abc", min_size=1))] = data.draw(few_values)
    elif isinstance(outer, list):
        outer.insert(0, data.draw(few_values))
    if encode_legacy(pdu) == encode_legacy(event.pdu):
        return
    padding_only = (
        path[0] == "signatures"
        and how == "replace"
        and str(outer[path[-1]]).startswith(encode_base64(signing_key(ONE).sign(signed_form(event.pdu, event.version))))
    )

    assert padding_only or not _survives(pdu, event.version)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(VERSIONS), st.integers(0, 3), st.data())
def test_any_changed_character_is_refused(version: str, kind: int, data: st.DataObject) -> None:
    """Change one character anywhere in the text of an event: it is refused, or is not changed in what it says."""
    event = _signed_event(ROOMS[version], kind)
    text = bytearray(encode_json(event.pdu))
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(32, 126))
    try:
        pdu = parse_json(bytes(text))
    except Malformed:
        return
    if encode_legacy(pdu) == encode_legacy(event.pdu):
        return

    assert not _survives(pdu, event.version)
