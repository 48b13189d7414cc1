"""The format check of events."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeserver.core.canonical import encode_canonical, encode_json, parse_json
from homeserver.core.hashes import encode_event
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import PDU_BYTES_MAX, parse_pdu
from homeserver.core.versions import ROOM_VERSIONS
from tests.builders import ALICE, BOB, VERSIONS, a_room, an_empty_room
from tests.homeserver.core.test_canonical import few_values, values
from tests.versions import since, until

MISSING = object()


def a_pdu(version: str) -> Any:
    """The federation form of a state event, fresh from the wire."""
    room = a_room(version)
    return parse_json(encode_json(room.event("m.room.topic", {"topic": "moot"}, state_key="").pdu))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sound_event(version: str) -> None:
    """What comes from the wire is read field by field."""
    room = a_room(version)
    event = room.event("m.room.topic", {"topic": "moot"}, state_key="")
    parsed = parse_pdu(parse_json(encode_json({**event.pdu, "unsigned": {"age": 5}})), room.version)

    assert parsed == event
    assert parsed.pdu == event.pdu
    assert (parsed.room_id, parsed.type, parsed.sender, parsed.state_key) == (room.room_id, "m.room.topic", ALICE, "")
    assert (parsed.prev_events, parsed.auth_events) == (event.prev_events, event.auth_events)
    assert (parsed.depth, parsed.origin_server_ts) == (6, event.origin_server_ts)
    assert (parsed.content, parsed.redacts, parsed.is_state) == ({"topic": "moot"}, None, True)


WRONG_VALUES: dict[str, list[Any]] = {
    "type": [MISSING, 5, None, "a" * 256, "é" * 128, "a\0b"],
    "state_key": [5, None, [], "a" * 256, "é" * 128, "a\0b"],
    "sender": [
        MISSING,
        5,
        "alice",
        "@alice",
        "@alice:",
        "@" + "a" * 255 + ":one",
        "@a\0:one",
        "@alice:one two",
        "alice:one.example",
        "@a:b:c:d",
    ],
    "room_id": [MISSING, 5, "room:one", "!", "!" + "a" * 255, "#room:one"],
    "content": [MISSING, None, [], "text"],
    "depth": [MISSING, None, "5", True, -1, 2**63, 5.0],
    "origin_server_ts": [MISSING, None, "5", False, 2**63, -(2**63), 1.5],
    "hashes": [MISSING, None, {}, [], {"sha256": 5}, {"md5": "a"}],
    "signatures": [MISSING, None, [], {"one": []}, {"one": {"ed25519:1": 5}}],
    "prev_events": [MISSING, None, {}, [5], [None], ["no sigil"], ["$" + "a" * 255], "$a"],
    "auth_events": [MISSING, None, {}, [5], [["$a"]], ["!room"], ["$"], ["$a\0"]],
}
WRONG = [(name, value) for name, values_of_it in WRONG_VALUES.items() for value in values_of_it]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_fields(name: str, value: Any) -> None:
    """Each field that is missing, of another type or out of its limits is refused."""
    for version in VERSIONS:
        pdu = a_pdu(version)
        if value is MISSING:
            del pdu[name]
        else:
            pdu[name] = value

        with pytest.raises(Malformed) as refusal:
            parse_pdu(pdu, ROOM_VERSIONS[version])
        assert refusal.value.path.startswith(name)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_limits_belong_to_what_is_allowed(version: str) -> None:
    """The longest names, the greatest depth, and historical user IDs pass."""
    room_version = ROOM_VERSIONS[version]
    pdu = a_pdu(version)
    pdu |= {"type": "é" * 127, "state_key": "s" * 255, "depth": room_version.depth_max, "origin_server_ts": 0}
    pdu |= {"sender": "@Ünd so: weiter".replace(": ", "; ") + ":one.example"}

    assert parse_pdu(pdu, room_version).depth == room_version.depth_max
    for sender in ("@:one.example", "@a b:[::1]:8448", "@x:1.2.3.4"):
        assert parse_pdu({**pdu, "sender": sender}, room_version).sender == sender


@pytest.mark.parametrize("version", since(6))
def test_the_depth_is_canonical(version: str) -> None:
    """Since v6 the greatest depth is that of canonical JSON."""
    pdu = a_pdu(version) | {"depth": 2**53}

    with pytest.raises(Malformed):
        parse_pdu(pdu, ROOM_VERSIONS[version])


@pytest.mark.parametrize("version", VERSIONS)
def test_how_many_references(version: str) -> None:
    """Twenty prev_events and ten auth_events, and not one more."""
    room = a_room(version)
    for name, most in (("prev_events", 20), ("auth_events", 10)):
        references: Any = [f"$event{number}:one" for number in range(most + 1)]
        if room.version.references_with_hashes:
            references = [[reference, {"sha256": "AA"}] for reference in references]
        pdu = a_pdu(version)
        assert len(getattr(parse_pdu({**pdu, name: references[:-1]}, room.version), name)) == most
        with pytest.raises(Malformed):
            parse_pdu({**pdu, name: references}, room.version)


@pytest.mark.parametrize("version", VERSIONS)
def test_references_have_the_form_of_the_version(version: str) -> None:
    """Until v2 pairs of ID and hashes, since v3 IDs alone; the other form is refused."""
    pdu = a_pdu(version)
    other: Any = ["$a:one"] if int(version) <= 2 else [["$a:one", {"sha256": "AA"}]]

    with pytest.raises(Malformed):
        parse_pdu({**pdu, "prev_events": other}, ROOM_VERSIONS[version])


@pytest.mark.parametrize("version", until(2))
def test_early_events_carry_their_id(version: str) -> None:
    """Until v2 the ID is a field like others."""
    pdu = a_pdu(version)

    assert parse_pdu({**pdu, "event_id": "$other:one.example"}, ROOM_VERSIONS[version]).event_id == "$other:one.example"
    for wrong in (None, 5, "other:one", "$" + "a" * 255):
        with pytest.raises(Malformed):
            parse_pdu({**pdu, "event_id": wrong}, ROOM_VERSIONS[version])
    del pdu["event_id"]
    with pytest.raises(Malformed):
        parse_pdu(pdu, ROOM_VERSIONS[version])


@pytest.mark.parametrize("version", since(3))
def test_later_events_do_not(version: str) -> None:
    """Since v3 a field ``event_id`` names nothing; being there, it is part of what is hashed."""
    pdu = a_pdu(version)
    without = parse_pdu(pdu, ROOM_VERSIONS[version]).event_id

    assert parse_pdu({**pdu, "event_id": "$mine"}, ROOM_VERSIONS[version]).event_id not in {"$mine", without}


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers(version: str) -> None:
    """Since v6 floats and great integers are refused anywhere; before, they must be accepted."""
    for value in (1.5, 2**53, [{"a": -(2**53)}], 1e300):
        pdu = a_pdu(version)
        pdu["content"]["number"] = value
        if int(version) <= 5:
            assert parse_pdu(pdu, ROOM_VERSIONS[version]).content["number"] == value
        else:
            with pytest.raises(Malformed) as refusal:
                parse_pdu(pdu, ROOM_VERSIONS[version])
            assert refusal.value.path.startswith("content.number")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_size_of_an_event(version: str) -> None:
    """65,536 bytes of canonical JSON with signatures and without ``unsigned``, and not one more."""
    room_version = ROOM_VERSIONS[version]
    pdu = a_pdu(version)
    pdu["content"]["filling"] = ""
    room_left = PDU_BYTES_MAX - len(encode_event(pdu, room_version))
    pdu["content"]["filling"] = "x" * room_left
    parse_pdu({**pdu, "unsigned": {"more": "x" * 1000}}, room_version)

    pdu["content"]["filling"] += "x"
    with pytest.raises(Malformed) as refusal:
        parse_pdu(pdu, room_version)
    assert refusal.value.code == "M_TOO_LARGE"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_redaction_redacts(version: str) -> None:
    """Until v10 beside the content, since v11 in it; the other place means nothing."""
    room = a_room(version).with_event("m.room.message", {"body": "?"})
    redaction = room.event("m.room.redaction", redacts=room.last.event_id)
    inside = int(version) >= 11

    assert redaction.redacts == room.last.event_id
    assert ("redacts" in redaction.content) is inside
    assert ("redacts" in redaction.pdu) is not inside
    elsewhere: dict[str, Any] = {**redaction.pdu, "content": {} if inside else {"redacts": "$x"}}
    elsewhere |= {"redacts": "$y"} if inside else {}
    elsewhere = {key: value for key, value in elsewhere.items() if inside or key != "redacts"}
    assert parse_pdu(elsewhere, room.version).redacts is None
    assert parse_pdu({**room.last.pdu, "redacts": "$z"}, room.version).redacts is None


def test_odd_redactions() -> None:
    """Beside the content, what is no event ID is refused; in it, it redacts nothing."""
    for version, odd in (("10", {"redacts": 5}), ("10", {"redacts": "x"})):
        event = a_room(version).event("m.room.redaction", redacts="$a")  # type: ignore[arg-type]
        with pytest.raises(Malformed):
            parse_pdu({**event.pdu, **odd}, event.version)
    contents: list[dict[str, Any]] = [{}, {"redacts": 5}, {"redacts": "$" * 256}]
    for content in contents:
        event = a_room("12").event("m.room.redaction", content)
        assert event.redacts is None


def test_the_room_of_v12() -> None:
    """A v12 room is named after its create event, which names no room; every other event must."""
    create = an_empty_room("12").event("m.room.create", {"room_version": "12"}, state_key="")

    assert "room_id" not in create.pdu
    assert create.room_id == "!" + create.event_id[1:]
    naming = parse_pdu({**create.pdu, "room_id": "!other"}, create.version)
    assert naming.room_id == "!" + naming.event_id[1:]
    for version in until(11):
        earlier = dict(an_empty_room(version).event("m.room.create", {"creator": ALICE}, state_key="").pdu)
        del earlier["room_id"]
        with pytest.raises(Malformed):
            parse_pdu(earlier, ROOM_VERSIONS[version])


@settings(max_examples=150)
@given(st.sampled_from(VERSIONS), values)
def test_nothing_breaks_it(version: str, value: Any) -> None:
    """Whatever JSON comes, it is an event or it is refused."""
    with pytest.raises(Malformed):
        parse_pdu(value, ROOM_VERSIONS[version])


@settings(max_examples=150)
@given(st.sampled_from(VERSIONS), st.dictionaries(st.sampled_from(sorted(a_pdu("1"))), few_values, min_size=1))
def test_no_field_breaks_it(version: str, fields: dict[str, Any]) -> None:
    """Whatever JSON stands in the fields, it is an event that can be written again, or it is refused."""
    try:
        event = parse_pdu({**a_pdu(version), **fields}, ROOM_VERSIONS[version])
    except Malformed:
        return

    assert parse_pdu(parse_json(encode_canonical(event.pdu)), event.version) == event


def test_an_event_shares_nothing_with_unsigned() -> None:
    """What was read is left as it was."""
    pdu = {**a_pdu("10"), "unsigned": {"age": 1}}
    event = parse_pdu(pdu, ROOM_VERSIONS["10"])

    assert pdu["unsigned"] == {"age": 1}
    assert "unsigned" not in event.pdu
    assert BOB not in repr(event)
