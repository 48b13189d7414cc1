"""Room versions, against the spec's own tables."""

from collections.abc import Callable
from typing import Any

import pytest

from homeserver.core.malformed import Malformed
from homeserver.core.versions import DEFAULT_ROOM_VERSION, ROOM_VERSIONS, RoomVersion, parse_room_version
from tests.versions import between, since, until

# What holds in which versions, as the pages of the versions say it.
FACTS: list[tuple[str, Callable[[RoomVersion], Any], list[str]]] = [
    ("v1: state resolution v1", lambda version: version.resolution == "v1", until(1)),
    ("v2: state resolution v2", lambda version: version.resolution == "v2", between(2, 11)),
    ("v12: state resolution v2.1", lambda version: version.resolution == "v2.1", since(12)),
    ("v3: event IDs are hashes", lambda version: version.event_id_format > 1, since(3)),
    ("v4: URL-safe event IDs", lambda version: version.event_id_format == 3, since(4)),
    ("v3: references are IDs", lambda version: not version.references_with_hashes, since(3)),
    ("v3: the event ID's server need not sign", lambda version: not version.event_id_server_signs, since(3)),
    ("v3: redactions wait", lambda version: not version.redactions_applied_on_receipt, since(3)),
    ("v3: redactions are no rule", lambda version: not version.auth.redaction_by_server_of_event, since(3)),
    ("v5: validity of keys", lambda version: version.signing_keys_valid_at_event, since(5)),
    ("v6: strict canonical JSON", lambda version: version.strict_canonical_json, since(6)),
    ("v6: depth in canonical JSON", lambda version: version.depth_max == 2**53 - 1, since(6)),
    ("v6: no rule for aliases", lambda version: not version.auth.aliases_by_server, since(6)),
    ("v6: levels of notifications", lambda version: version.auth.notifications_level_checked, since(6)),
    ("v7: knocking", lambda version: "knock" in version.auth.knockable, since(7)),
    ("v8: restricted rooms", lambda version: "restricted" in version.auth.restricted, since(8)),
    ("v10: knock_restricted", lambda version: "knock_restricted" in version.auth.restricted, since(10)),
    ("v10: knock_restricted", lambda version: "knock_restricted" in version.auth.knockable, since(10)),
    ("v10: integer levels", lambda version: version.auth.integer_power_levels, since(10)),
    ("v11: no content.creator", lambda version: not version.auth.creator_in_content, since(11)),
    ("v11: content.redacts", lambda version: version.redacts_in_content, since(11)),
    ("v12: creators have all power", lambda version: version.auth.privileged_creators, since(12)),
    ("v12: rooms named by hash", lambda version: version.auth.room_id_is_create_hash, since(12)),
    ("keys of 255 bytes", lambda version: version.state_key_bytes_max == 255, since(1)),
]

SPECIFIED = {name: version for name, version in ROOM_VERSIONS.items() if version.stable}
"""A server that ran before in this process may have let in those of proposals too."""


@pytest.mark.parametrize(("fact", "holds", "versions"), FACTS, ids=[fact for fact, _, _ in FACTS])
def test_facts(fact: str, holds: Callable[[RoomVersion], Any], versions: list[str]) -> None:
    """Each fact holds in the versions that the spec says, and in no other."""
    assert [version.id for version in SPECIFIED.values() if holds(version)] == versions, fact


def test_the_versions() -> None:
    """Twelve, each under its own name, of which the last is the default."""
    assert list(SPECIFIED) == [str(number) for number in range(1, 13)]
    assert all(version.id == name for name, version in ROOM_VERSIONS.items())
    assert DEFAULT_ROOM_VERSION.id == "12"


def test_naming_a_version() -> None:
    """Names that are known are versions; others, and what is no name, are refused by the spec's code."""
    assert parse_room_version("7") is ROOM_VERSIONS["7"]
    unknown: list[object] = ["", "0", "13", "org.example", 7, None, ["7"], {}]
    for text in unknown:
        with pytest.raises(Malformed) as refusal:
            parse_room_version(text)
        assert refusal.value.code == "M_UNSUPPORTED_ROOM_VERSION"
