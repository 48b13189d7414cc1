"""Content hashes, reference hashes and event IDs."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import encode_json, parse_json
from homeserver.core.hashes import content_hash, event_id_of, intact_or_redacted, is_intact, reference_hash
from homeserver.core.pdu import parse_pdu
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.core.versions import ROOM_VERSIONS, V1, V3, V4
from tests import stories
from tests.builders import BOB, VERSIONS, a_room
from tests.homeserver.core.test_canonical import few_values

VECTORS = stories.read("spec/signing.json")


@pytest.mark.parametrize("vector", VECTORS["events"])
def test_the_content_hashes_of_the_spec(vector: dict[str, Any]) -> None:
    """The spec's events have the spec's hashes."""
    assert encode_base64(content_hash(vector["given"], V1)) == vector["hash"]


def test_the_forms_of_event_ids() -> None:
    """Version 3 writes the hash in standard base64, later versions in the URL-safe alphabet."""
    digest = b"\xfb\xff" * 16

    assert event_id_of(digest, V3) == "$" + encode_base64(digest)
    assert "/" in event_id_of(digest, V3)
    assert event_id_of(digest, V4) == event_id_of(digest, V3).replace("+", "-").replace("/", "_")


@pytest.mark.parametrize("version", VERSIONS)
def test_ids_of_every_version(version: str) -> None:
    """Until v2 an ID names a server, later it is 32 octets in base64; no two events share one."""
    room = a_room(version).with_messages(20)
    pattern = {1: r"\$[0-9a-f]+:one\.example", 2: r"\$[\w+/]{43}", 3: r"\$[\w-]{43}"}[room.version.event_id_format]

    assert all(re.fullmatch(pattern, event_id, re.ASCII) for event_id in room.events)
    assert len(room.events) == 25


@pytest.mark.parametrize("version", VERSIONS)
@given(unsigned=few_values)
def test_unsigned_is_not_hashed(version: str, unsigned: Any) -> None:
    """What servers on the way put under ``unsigned`` changes neither the ID nor the hashes."""
    event = a_room(version).message()
    pdu = {**event.pdu, "unsigned": unsigned}
    again = parse_pdu(pdu, event.version)

    assert again.event_id == event.event_id
    assert is_intact(again)
    assert "unsigned" not in again.pdu
    assert reference_hash(pdu, event.version) == reference_hash(event.pdu, event.version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_redacted_copy_counts_as_redacted(version: str) -> None:
    """What does not match its content hash is taken for its redacted copy, with the same ID."""
    event = a_room(version).message("a secret")
    altered: Any = parse_json(encode_json(event.pdu))
    altered["content"]["body"] = "another secret"
    received = parse_pdu(altered, event.version)

    assert is_intact(event)
    assert intact_or_redacted(event) is event
    assert not is_intact(received)
    assert intact_or_redacted(received).content == {}
    assert received.event_id == event.event_id


@pytest.mark.parametrize("claimed", ["", "AA", "not base64", "é"])
def test_odd_hashes(claimed: str) -> None:
    """A hash of another form is a wrong hash, and breaks nothing."""
    event = a_room("10").message()

    assert not is_intact(parse_pdu({**event.pdu, "hashes": {"sha256": claimed}}, event.version))


@given(st.dictionaries(st.sampled_from(["a", "b", "hashes", "signatures", "unsigned"]), few_values), few_values)
def test_what_the_content_hash_covers(pdu: dict[str, Any], value: Any) -> None:
    """All but hashes, signatures and unsigned."""
    version = ROOM_VERSIONS["10"]
    before = content_hash(pdu, version)

    assert content_hash({**pdu, "hashes": value, "signatures": value, "unsigned": value}, version) == before
    assert content_hash({**pdu, "new": value}, version) != before


def test_an_event_is_its_id() -> None:
    """Two readings of one event are equal and count once; other things equal no event."""
    event = a_room("10").with_member(BOB).last
    again = parse_pdu(parse_json(encode_json(event.pdu)), event.version)

    assert again == event
    assert len({again, event}) == 1
    assert event != event.event_id
