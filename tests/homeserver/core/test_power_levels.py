"""Power levels as they are read."""

from typing import Any

import pytest

from homeserver.core.power_levels import INFINITE, LEVEL_DEFAULTS, creators_of, parse_level, power_levels_of
from homeserver.core.versions import ROOM_VERSIONS
from tests.builders import ALICE, BOB, CAROL, VERSIONS, a_room
from tests.versions import since, until


def levels(version: str, content: dict[str, Any], **room: Any) -> Any:
    """The levels of a room whose m.room.power_levels is *content*."""
    built = a_room(version, power_levels=content, **room)
    return power_levels_of(built.state, built.version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("value", [0, 50, -7, 2**53 - 1])
def test_integers_are_levels(version: str, value: int) -> None:
    """In every version."""
    assert parse_level(value, ROOM_VERSIONS[version]) == value


@pytest.mark.parametrize(
    "value", [None, True, False, [], {}, "", "abc", "1.5", "1e3", "+", "--1", "1 2", "1_0", "٣", "1" * 5000]
)
def test_what_is_no_level(value: Any) -> None:
    """In no version; texts of thousands of digits break nothing."""
    for version in VERSIONS:
        assert parse_level(value, ROOM_VERSIONS[version]) is None


@pytest.mark.parametrize(
    ("text", "level"),
    [("100", 100), ("000100", 100), ("+100", 100), ("-100", -100), (" 100 ", 100), (" 00100 ", 100), (" +100 ", 100),
     (" -100 ", -100), ("0", 0), ("000", 0), ("\t5\n", 5), ("0" * 5000 + "5", 5)],
)  # fmt: skip
def test_strings_of_digits(text: str, level: int) -> None:
    """Until v9 strings in the spec's forms are levels; since v10 they are not."""
    for version in until(9):
        assert parse_level(text, ROOM_VERSIONS[version]) == level
    for version in since(10):
        assert parse_level(text, ROOM_VERSIONS[version]) is None


@pytest.mark.parametrize(("value", "level"), [(50.57, 50), (-50.57, -50), (5.114698e4, 51146), (1e300, int(1e300))])
def test_floats_are_cut_off(value: float, level: int) -> None:
    """Until v5 events can hold floats: the part before the point counts.  Infinity is no level."""
    for version in until(5):
        assert parse_level(value, ROOM_VERSIONS[version]) == level
        assert parse_level(float("inf"), ROOM_VERSIONS[version]) is None
        assert parse_level(float("nan"), ROOM_VERSIONS[version]) is None
    for version in since(10):
        assert parse_level(value, ROOM_VERSIONS[version]) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_defaults(version: str) -> None:
    """What an empty event of levels means."""
    power = levels(version, {})

    assert {name: power.named(name) for name in LEVEL_DEFAULTS} == dict(LEVEL_DEFAULTS)
    assert power.of(BOB) == 0
    assert power.of(ALICE) == (INFINITE if int(version) >= 12 else 0)
    assert power.required_for("m.room.message", is_state=False) == 0
    assert power.required_for("m.room.topic", is_state=True) == 50
    assert power.notification("room") == 50


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_stated(version: str) -> None:
    """What the event says, counts."""
    power = levels(
        version,
        {
            "users": {BOB: 7},
            "users_default": 3,
            "events": {"m.room.message": 11, "m.room.topic": 12},
            "events_default": 1,
            "state_default": 2,
            "ban": 61,
            "kick": 62,
            "redact": 63,
            "invite": 64,
            "notifications": {"room": 20},
        },
    )

    assert (power.of(BOB), power.of(CAROL)) == (7, 3)
    assert power.required_for("m.room.message", False) == 11
    assert power.required_for("m.room.topic", True) == 12
    assert (power.required_for("x", False), power.required_for("x", True)) == (1, 2)
    assert [power.named(name) for name in ("ban", "kick", "redact", "invite")] == [61, 62, 63, 64]
    assert (power.notification("room"), power.notification("other")) == (20, 50)
    assert power.may_send(BOB, "m.room.topic", True) is False
    assert power.may_send(BOB, "x", True) is True


@pytest.mark.parametrize("version", VERSIONS)
def test_a_room_without_levels(version: str) -> None:
    """Until v11 the creator has 100 and nobody else any; since v12 creators need no such event."""
    room = a_room(version, has_levels=False)
    power = power_levels_of(room.state, room.version)

    assert power.of(ALICE) == (INFINITE if int(version) >= 12 else 100)
    assert power.of(BOB) == 0
    assert power.required_for("m.room.topic", True) == 50
    assert power_levels_of({}, room.version).of(ALICE) == 0


@pytest.mark.parametrize("version", until(9))
def test_odd_values_fall_back(version: str) -> None:
    """The first event of levels may hold what is no level: then the default counts."""
    power = levels(version, {"ban": [], "events": {"m.room.message": {}}, "notifications": 5, "users": {BOB: None}})

    assert power.named("ban") == 50
    assert power.required_for("m.room.message", False) == 0
    assert power.notification("room") == 50
    assert power.of(BOB) == 0


def test_who_made_the_room() -> None:
    """Until v10 whom the content names; in v11 the sender; since v12 the additional creators too."""
    content: dict[str, Any] = {"creator": CAROL, "additional_creators": [BOB]}
    creates = {version: a_room(version).event("m.room.create", content, state_key="") for version in VERSIONS}

    assert all(creators_of(creates[version]) == {CAROL} for version in until(10))
    assert creators_of(creates["11"]) == {ALICE}
    assert creators_of(creates["12"]) == {ALICE, BOB}
    assert creators_of(a_room("10").event("m.room.create", {"creator": 5}, state_key="")) == set()
    assert creators_of(a_room("12").event("m.room.create", {"additional_creators": 5}, state_key="")) == {ALICE}


@pytest.mark.parametrize("version", VERSIONS)
def test_creators_stand_above_all(version: str) -> None:
    """Since v12 no number reaches a creator; before, additional creators are nobody."""
    power = levels(version, {"users": {CAROL: 2**53 - 1}}, additional_creators=[BOB])

    if int(version) >= 12:
        assert power.of(ALICE) == power.of(BOB) == INFINITE > power.of(CAROL)
    else:
        assert power.of(ALICE) == power.of(BOB) == 0
