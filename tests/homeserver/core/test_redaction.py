"""Redaction: what every room version keeps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.hashes import reference_hash
from homeserver.core.redaction import redact, redact_event
from homeserver.core.versions import ROOM_VERSIONS
from tests.builders import ALICE, BOB, VERSIONS, a_room, an_empty_room
from tests.homeserver.core.test_canonical import few_values

ALWAYS_KEPT = {
    "event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures", "depth", "prev_events",
    "auth_events", "origin_server_ts",
}  # fmt: skip
KEPT_UNTIL_V10 = {"prev_state", "origin", "membership"}

LEVELS = {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"}
CONTENT_KEPT: dict[str, list[tuple[int, int, set[str]]]] = {
    # type: [(first version, last version, keys)]
    "m.room.member": [
        (1, 8, {"membership"}),
        (9, 10, {"membership", "join_authorised_via_users_server"}),
        (11, 12, {"membership", "join_authorised_via_users_server"}),
    ],
    "m.room.create": [(1, 10, {"creator"})],
    "m.room.join_rules": [(1, 7, {"join_rule"}), (8, 12, {"join_rule", "allow"})],
    "m.room.power_levels": [(1, 10, LEVELS), (11, 12, LEVELS | {"invite"})],
    "m.room.history_visibility": [(1, 12, {"history_visibility"})],
    "m.room.aliases": [(1, 5, {"aliases"}), (6, 12, set())],
    "m.room.redaction": [(1, 10, set()), (11, 12, {"redacts"})],
    "m.room.message": [(1, 12, set())],
    "m.room.third_party_invite": [(1, 12, set())],
}
EVERY_CONTENT_KEY = LEVELS | {
    "invite", "notifications", "membership", "join_authorised_via_users_server", "reason", "displayname", "creator",
    "room_version", "m.federate", "join_rule", "allow", "history_visibility", "aliases", "redacts", "body",
    "public_key",
}  # fmt: skip
TABLE = [
    (str(version), event_type, keys)
    for event_type, rows in CONTENT_KEPT.items()
    for first, last, keys in rows
    for version in range(first, last + 1)
]

pdus = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*CONTENT_KEPT, "m.room.create", "other"]),
        "content": st.dictionaries(st.sampled_from([*sorted(EVERY_CONTENT_KEY), "third_party_invite"]), few_values),
    },
    optional=dict.fromkeys(
        sorted((ALWAYS_KEPT | KEPT_UNTIL_V10 | {"unsigned", "redacts", "x"}) - {"type", "content"}), few_values
    ),
)


@pytest.mark.parametrize(("version", "event_type", "kept"), TABLE)
def test_content_keys(version: str, event_type: str, kept: set[str]) -> None:
    """Each version keeps of each type's content what its table says, and no more."""
    content: dict[str, Any] = {key: f"value of {key}" for key in EVERY_CONTENT_KEY}
    redacted = redact({"type": event_type, "content": content}, ROOM_VERSIONS[version])

    assert redacted == {"type": event_type, "content": {key: content[key] for key in kept}}


@pytest.mark.parametrize("version", ["11", "12"])
def test_create_keeps_all_its_content(version: str) -> None:
    """Since v11 the create event loses nothing of its content."""
    content: dict[str, Any] = {"room_version": version, "m.federate": False, "other": {"thing": 1}}

    assert redact({"type": "m.room.create", "content": content}, ROOM_VERSIONS[version])["content"] == content


@pytest.mark.parametrize("version", VERSIONS)
def test_event_keys(version: str) -> None:
    """The envelope loses what the version does not protect."""
    names = ALWAYS_KEPT | KEPT_UNTIL_V10 | {"unsigned", "redacts", "age", "replaces_state"}
    pdu: dict[str, Any] = {name: f"value of {name}" for name in names} | {"content": {}}
    kept = ALWAYS_KEPT if int(version) >= 11 else ALWAYS_KEPT | KEPT_UNTIL_V10

    assert redact(pdu, ROOM_VERSIONS[version]) == {name: pdu[name] for name in kept}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_proof_of_a_third_party_stays(version: str) -> None:
    """Since v11 an invite keeps ``third_party_invite.signed``, and nothing beside it."""
    invite = {"display_name": "bob", "signed": {"token": "abc"}}
    pdu: dict[str, Any] = {"type": "m.room.member", "content": {"membership": "invite", "third_party_invite": invite}}
    kept = {"membership": "invite"}
    if int(version) >= 11:
        kept["third_party_invite"] = {"signed": {"token": "abc"}}  # type: ignore[assignment]

    assert redact(pdu, ROOM_VERSIONS[version])["content"] == kept


@given(pdus, st.sampled_from(VERSIONS))
def test_redacting_again_changes_nothing(pdu: dict[str, Any], version: str) -> None:
    """Redaction is idempotent, whatever the event holds, and leaves what it was given as it was."""
    before = repr(pdu)
    once = redact(pdu, ROOM_VERSIONS[version])

    assert redact(once, ROOM_VERSIONS[version]) == once
    assert repr(pdu) == before


@given(pdus, st.sampled_from(VERSIONS))
def test_the_reference_hash_survives(pdu: dict[str, Any], version: str) -> None:
    """An event is referred to by the same hash before and after its redaction."""
    room_version = ROOM_VERSIONS[version]

    assert reference_hash(redact(pdu, room_version), room_version) == reference_hash(pdu, room_version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_redacted_event_is_the_same_event(version: str) -> None:
    """It keeps its ID, its place and its membership, and loses what it said."""
    room = a_room(version, join_rule="public")
    join = room.event("m.room.member", {"membership": "join", "displayname": "Bob"}, sender=BOB, state_key=BOB)
    redacted = redact_event(join)

    assert redacted == join
    assert redacted.membership == "join"
    assert redacted.content == {"membership": "join"} == redacted.pdu["content"]
    assert (redacted.depth, redacted.prev_events, redacted.key) == (join.depth, join.prev_events, join.key)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_redacted_redaction(version: str) -> None:
    """Since v11 a redaction still says what it redacts after it was redacted itself."""
    room = a_room(version).with_event("m.room.message", {"body": "?"})
    redaction = room.event("m.room.redaction", {"reason": "none"}, redacts=room.last.event_id)

    assert redaction.redacts == room.last.event_id
    assert redact_event(redaction).redacts == (room.last.event_id if int(version) >= 11 else None)


def test_what_is_no_event() -> None:
    """Redaction does not depend on the format check: odd types lose everything and break nothing."""
    version = ROOM_VERSIONS["12"]

    assert redact({}, version) == {}
    assert redact({"type": 5, "content": {"a": 1}}, version) == {"type": 5, "content": {}}
    assert redact({"type": "m.room.create", "content": [1]}, version) == {"type": "m.room.create", "content": {}}
    odd: dict[str, Any] = {"type": "m.room.member", "content": {"membership": "invite", "third_party_invite": 5}}
    assert redact(odd, version)["content"] == {"membership": "invite"}


def test_the_create_event_of_v12() -> None:
    """The room is still named after its create event when that is redacted."""
    create = an_empty_room("12", ALICE).event("m.room.create", {"room_version": "12"}, state_key="")

    assert redact_event(create).room_id == create.room_id == "!" + create.event_id[1:]
