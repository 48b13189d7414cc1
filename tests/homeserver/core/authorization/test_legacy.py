"""Rules of early versions: aliases, and redactions that are authorized."""

import pytest

from homeserver.core.authorization.rules import check_event
from homeserver.core.identifiers import EventID
from homeserver.core.verdicts import ALLOWED, Denied
from tests.builders import ALICE, BOB, a_room
from tests.versions import since, until


@pytest.mark.parametrize("version", until(5))
def test_aliases_by_server(version: str) -> None:
    """Until v5 a server lists its aliases under its name, member of the room or not; under no other, and under one."""
    room = a_room(version)
    for state_key, expected in (
        ("two.example", ALLOWED),
        ("one.example", Denied("aliases.another_server")),
        ("", Denied("aliases.another_server")),
        (None, Denied("aliases.state_key")),
    ):
        event = room.event("m.room.aliases", {"aliases": []}, sender=BOB, state_key=state_key)
        assert check_event(event, room.state) == expected


@pytest.mark.parametrize("version", since(6))
def test_aliases_are_a_state_like_others(version: str) -> None:
    """Since v6 only members with the level may, under any key."""
    room = a_room(version)
    stranger = room.event("m.room.aliases", {"aliases": []}, sender=BOB, state_key="two.example")
    member = room.event("m.room.aliases", {"aliases": []}, sender=ALICE, state_key="two.example")

    assert check_event(stranger, room.state) == Denied("sender.not_joined")
    assert check_event(member, room.state) == ALLOWED


@pytest.mark.parametrize("version", until(2))
@pytest.mark.parametrize(
    ("level", "redacts", "allowed"),
    [
        (50, "$x:one.example", True),
        (49, "$x:one.example", False),
        (0, "$x:two.example", True),
        (0, "$x:three.example", False),
    ],
)
def test_redactions_are_authorized(version: str, level: int, redacts: str, allowed: bool) -> None:
    """Until v2, rule 11: the redact level, or an event whose ID names the server that the redaction's ID names."""
    room = a_room(version, join_rule="public", power_levels={"users": {BOB: level}}).with_member(BOB)
    event = room.event("m.room.redaction", {}, sender=BOB, redacts=EventID(redacts))

    assert check_event(event, room.state) == (ALLOWED if allowed else Denied("redaction.power_level"))


@pytest.mark.parametrize("version", until(2))
def test_a_redaction_of_nothing(version: str) -> None:
    """Until v2 a redaction that names no event takes the level."""
    room = a_room(version, join_rule="public").with_member(BOB)

    assert check_event(room.event("m.room.redaction", {}, sender=BOB), room.state) == Denied("redaction.power_level")
    assert check_event(room.event("m.room.redaction", {}, sender=ALICE), room.state) == ALLOWED
