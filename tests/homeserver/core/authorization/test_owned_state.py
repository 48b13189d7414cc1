"""State that belongs to users by the beginning of its key.  Spec: proposals/3757"""

import pytest
from attrs import evolve

from homeserver.core.authorization.owned_state import VERSIONS, owner_of
from homeserver.core.authorization.rules import check_event
from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.verdicts import ALLOWED, Denied
from homeserver.core.versions import DEFAULT_ROOM_VERSION, ROOM_VERSIONS, V10, V11, V12, register
from tests.builders import ALICE, BOB, CAROL, Room, a_room

IDS = [version.id for version in VERSIONS]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions are known, for each test."""
    for version in VERSIONS:
        monkeypatch.setitem(ROOM_VERSIONS, version.id, version)


def a_room_of(version_id: str) -> Room:
    """Alice has all power, Bob 20, Carol 10; everybody may set state."""
    levels: JSONObject = {
        "users": {BOB: 20, CAROL: 10, **({} if version_id.endswith(".12") else {ALICE: 100})},
        "state_default": 0,
    }
    return a_room(version_id, join_rule="public", power_levels=levels).with_member(BOB).with_member(CAROL)


@pytest.mark.parametrize("version_id", IDS)
@pytest.mark.parametrize(
    ("sender", "state_key", "expected"),
    [
        (BOB, BOB, ALLOWED),
        (BOB, f"{BOB}_", ALLOWED),
        (BOB, f"{BOB}_DEVICE", ALLOWED),
        (BOB, f"{BOB}_a_b", ALLOWED),
        (BOB, f"{CAROL}_DEVICE", ALLOWED),
        (BOB, CAROL, ALLOWED),
        (ALICE, f"{BOB}_DEVICE", ALLOWED),
        (CAROL, f"{BOB}_DEVICE", Denied("state_key.another_user")),
        (CAROL, BOB, Denied("state_key.another_user")),
        (BOB, f"{ALICE}_DEVICE", Denied("state_key.another_user")),
        (CAROL, f"{CAROL}.evil.example:id", Denied("state_key.not_a_user")),
        (CAROL, "@carol", Denied("state_key.not_a_user")),
        (CAROL, "@_carol:", Denied("state_key.not_a_user")),
        (CAROL, "@:_", Denied("state_key.not_a_user")),
        (BOB, "@nobody:nowhere.example_x", ALLOWED),
        (BOB, "", ALLOWED),
        (BOB, "x" * 255, ALLOWED),
        (BOB, "x" * 256, Denied("state_key.too_long")),
        (BOB, f"{BOB}_" + "é" * 127, ALLOWED),
        (BOB, f"{BOB}_" + "é" * 128, Denied("state_key.too_long")),
    ],
)
def test_who_may_set_what(version_id: str, sender: str, state_key: str, expected: object) -> None:
    """One's own, and that of those with less power, whoever they are; nobody else's."""
    room = a_room_of(version_id)
    event = room.event("x.example", {}, sender=sender, state_key=state_key)  # type: ignore[arg-type]

    assert check_event(event, room.state) == expected


@pytest.mark.parametrize(("version", "proposed"), [*zip((V10, V11, V12), VERSIONS, strict=True)])
def test_other_versions_are_as_they_were(version: object, proposed: object) -> None:
    """There the longest key has 255 bytes, and belongs to its user alone; here it has 511."""
    room = a_room_of(proposed.id)  # type: ignore[attr-defined]
    longest = room.event("x.example", {}, state_key=f"@{'a' * 243}:b.example_" + "x" * 256)
    too_long = evolve(longest, pdu={**longest.pdu, "state_key": "x" * 512})
    old = a_room(version.id).event("x.example", {}, state_key="x" * 255)  # type: ignore[attr-defined]

    assert parse_pdu(dict(longest.pdu), longest.version).state_key == longest.state_key
    with pytest.raises(Malformed, match="511 bytes"):
        parse_pdu(dict(too_long.pdu), longest.version)
    with pytest.raises(Malformed, match="255 bytes"):
        parse_pdu({**old.pdu, "state_key": "x" * 256}, old.version)
    assert DEFAULT_ROOM_VERSION not in VERSIONS
    assert not any(each.stable for each in VERSIONS)


def test_a_version_is_registered_once() -> None:
    """The same again is the same; nothing takes the place of another, least of all of one that is specified."""
    register(VERSIONS[0])

    assert ROOM_VERSIONS[VERSIONS[0].id] is VERSIONS[0]
    for other in (evolve(VERSIONS[0], depth_max=1), V12):
        with pytest.raises(AssertionError):
            register(other)


def test_owners() -> None:
    """Localparts may have underscores; names of servers have none."""
    assert owner_of("@a_b:c.example_d_e") == ("@a_b:c.example", "_d_e")
    assert owner_of("@a:c.example") == ("@a:c.example", "")
    assert owner_of("@a_b") == ("@a_b", "")
