"""The rules of m.room.power_levels."""

from typing import Any

import pytest

from homeserver.core.authorization.rules import check_event
from homeserver.core.power_levels import LEVEL_DEFAULTS
from homeserver.core.verdicts import ALLOWED, Denied, Verdict
from tests.builders import ALICE, BOB, CAROL, DAVE, VERSIONS, a_room
from tests.versions import since, until

NAMED = sorted(LEVEL_DEFAULTS)


def change(version: str, before: dict[str, Any], after: dict[str, Any]) -> Verdict:
    """The verdict when Bob, of level 50, changes the levels."""
    users = {BOB: 50}
    before = {"events": {"m.room.power_levels": 50}, **before, "users": {**users, **before.get("users", {})}}
    after = {"events": {"m.room.power_levels": 50}, **after, "users": {**users, **after.get("users", {})}}
    after["users"] = {user: level for user, level in after["users"].items() if level is not None}
    room = a_room(version, join_rule="public", power_levels=before).with_member(BOB)
    return check_event(room.event("m.room.power_levels", after, sender=BOB, state_key=""), room.state)


def first(version: str, content: Any) -> Verdict:
    """The verdict about the first levels of a room."""
    room = a_room(version, has_levels=False)
    return check_event(room.event("m.room.power_levels", content, state_key=""), room.state)


@pytest.mark.parametrize(
    "odd", [None, [], "text", {BOB: None}, {BOB: []}, {BOB: True}, {BOB: "x"}, {"bob": 1}, {"": 1}]
)
def test_the_form_of_users(odd: Any) -> None:
    """Rule 10.3: users are user IDs with levels."""
    for version in VERSIONS:
        rule = "power_levels.not_a_user" if odd in ({"bob": 1}, {"": 1}) else "power_levels.users"

        assert first(version, {"users": odd}) == Denied(rule)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_levels(version: str) -> None:
    """Rule 10.5: the first event sets what it likes, users or none."""
    contents: list[dict[str, Any]] = [{}, {"users": {}}, {"users": {BOB: 1000}, "ban": 1000, "events": {"x": 1000}}]
    for content in contents:
        assert first(version, content) == ALLOWED


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("odd", ["50", "x", None, True, [], {}])
def test_levels_are_integers(name: str, odd: Any) -> None:
    """Rule 10.1 since v10: what is there is an integer; before, the first event is not held to it."""
    for version in VERSIONS:
        expected = Denied("power_levels.not_an_integer") if int(version) >= 10 else ALLOWED

        assert first(version, {name: odd}) == expected


@pytest.mark.parametrize("name", ["events", "notifications"])
@pytest.mark.parametrize("odd", [None, [], "text", 5, {"a": None}, {"a": "50"}, {"a": False}])
def test_tables_hold_integers(name: str, odd: Any) -> None:
    """Rule 10.2 since v10: events and notifications are objects of integers."""
    for version in VERSIONS:
        expected = Denied("power_levels.not_integers") if int(version) >= 10 else ALLOWED

        assert first(version, {name: odd}) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_strings_of_digits(version: str) -> None:
    """Until v9 a string of digits is a level."""
    expected = ALLOWED if int(version) <= 9 else Denied("power_levels.users")

    assert first(version, {"users": {BOB: " +050 "}}) == expected


@pytest.mark.parametrize("version", until(5))
def test_floats(version: str) -> None:
    """Until v5 a float is a level, cut off at the point: from 50.2 to 50.9 nothing changes."""
    assert first(version, {"users": {BOB: 50.57}}) == ALLOWED
    assert change(version, {"ban": 60.2}, {"ban": 60.9}) == ALLOWED
    assert change(version, {"ban": 60.2}, {"ban": 61.0}) == Denied("power_levels.above_current")


@pytest.mark.parametrize("version", since(12))
def test_creators_are_not_listed(version: str) -> None:
    """Rule 10.4 since v12: levels name no creator, not even with what they have."""
    room = a_room(version, additional_creators=[CAROL], join_rule="public")
    for creator in (ALICE, CAROL):
        event = room.event("m.room.power_levels", {"users": {creator: 100}}, state_key="")
        assert check_event(event, room.state) == Denied("power_levels.creator")
    assert check_event(room.event("m.room.power_levels", {"users": {BOB: 100}}, state_key=""), room.state) == ALLOWED


# One level: what it was, what it becomes, and what Bob, of level 50, may make of it.  None: it is not there.
CHANGES: list[tuple[int | None, int | None, str]] = [
    (None, 50, ""),
    (None, 51, "above_new"),
    (50, None, ""),
    (51, None, "above_current"),
    (50, 0, ""),
    (0, 50, ""),
    (0, 51, "above_new"),
    (51, 50, "above_current"),
    (51, 52, "above_current"),
    (51, 51, ""),
    (None, None, ""),
    (-5, -7, ""),
]


def verdict_of(rule: str) -> Verdict:
    return Denied(f"power_levels.{rule}") if rule else ALLOWED


@pytest.mark.parametrize("name", [name for name in NAMED if name not in {"state_default", "events_default"}])
@pytest.mark.parametrize(("old", "new", "rule"), CHANGES)
def test_named_levels(name: str, old: int | None, new: int | None, rule: str) -> None:
    """Rule 10.6: nobody touches what is above them, and nobody raises anything above themselves."""
    for version in VERSIONS:
        before = {} if old is None else {name: old}
        after = {} if new is None else {name: new}

        assert change(version, before, after) == verdict_of(rule)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("table", ["events", "notifications"])
@pytest.mark.parametrize(("old", "new", "rule"), CHANGES)
def test_tables(version: str, table: str, old: int | None, new: int | None, rule: str) -> None:
    """Rules 10.7, 10.8: the same for each type of event, and since v6 for each kind of notification."""
    allowed = {"m.room.power_levels": 50}
    before = {table: {**allowed, **({} if old is None else {"x": old})}}
    after = {table: {**allowed, **({} if new is None else {"x": new})}}
    if table == "notifications" and int(version) < 6:
        rule = ""

    assert change(version, before, after) == verdict_of(rule)


USER_CHANGES: list[tuple[int | None, int | None, str]] = [
    (None, 50, ""),
    (None, 51, "user_above"),
    (49, None, ""),
    (50, None, "user_not_below"),
    (51, None, "user_not_below"),
    (49, 50, ""),
    (49, 51, "user_above"),
    (50, 49, "user_not_below"),
    (51, 50, "user_not_below"),
    (50, 50, ""),
    (51, 51, ""),
    (0, -1, ""),
]


@pytest.mark.parametrize(("old", "new", "rule"), USER_CHANGES)
def test_other_users(old: int | None, new: int | None, rule: str) -> None:
    """Rules 10.9, 10.10: nobody touches an equal, and nobody lifts anybody above themselves."""
    for version in VERSIONS:
        before = {} if old is None else {"users": {CAROL: old}}
        after = {} if new is None else {"users": {CAROL: new}}

        assert change(version, before, after) == verdict_of(rule)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("new", "rule"), [(50, ""), (49, ""), (None, ""), (-100, ""), (51, "user_above")])
def test_oneself(version: str, new: int | None, rule: str) -> None:
    """One's own level can be lowered or given up, and not raised."""
    assert change(version, {}, {"users": {BOB: new}}) == verdict_of(rule)


@pytest.mark.parametrize("version", until(9))
def test_texts_and_numbers_are_the_same_level(version: str) -> None:
    """Until v9 writing a level another way changes nothing; what is no level cannot be set."""
    assert change(version, {"ban": 100, "users": {DAVE: 100}}, {"ban": "100", "users": {DAVE: " 0100"}}) == ALLOWED
    assert change(version, {"ban": 100}, {"ban": "99"}) == Denied("power_levels.above_current")
    no_levels: list[Any] = [True, None, [], "x"]
    for odd in no_levels:
        assert change(version, {"ban": 1}, {"ban": odd}) == Denied("power_levels.not_a_level")


@pytest.mark.parametrize("version", since(12))
def test_creators_change_everything(version: str) -> None:
    """Since v12 a creator may set and touch any level."""
    room = a_room(version, power_levels={"users": {BOB: 2**53 - 1}, "ban": 2**53 - 1}, additional_creators=[CAROL])
    room = room.with_member(CAROL)
    for creator in (ALICE, CAROL):
        event = room.event("m.room.power_levels", {"users": {BOB: 1}, "ban": 2**53 - 2}, sender=creator, state_key="")
        assert check_event(event, room.state) == ALLOWED
