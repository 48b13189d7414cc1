"""Stories of rooms, in data: who does what, and what the rules say to it."""

from typing import Any

import pytest

from homeserver.core.authorization.citations import check_auth_events
from homeserver.core.authorization.rules import check_event
from homeserver.core.identifiers import UserID
from homeserver.core.verdicts import Denied, Verdict
from tests import stories
from tests.builders import ALICE, BOB, CAROL, Room, a_room
from tests.versions import between

PEOPLE = {"@alice": ALICE, "@bob": BOB, "@carol": CAROL, "@mod": UserID("@mod:one.example")}
TOLD = [
    (name, version) for name in stories.named("authorization") for version in between(*stories.read(name)["versions"])
]


@pytest.mark.parametrize(("name", "version"), TOLD)
def test_story(name: str, version: str) -> None:
    """Each step gets the verdict that the story tells for this version; what is allowed happens."""
    story = _with_people(stories.read(name), version)
    room = a_room(version, **story["room"])
    for user_id in story["joined"]:
        room = room.with_member(user_id)
    for number, step in enumerate(story["story"]):
        room, verdict = _take(step, room)
        assert _told(verdict) == _expected(step["then"], version), f"step {number}: {step}"


def test_there_are_stories() -> None:
    """The folder is where this test looks for it."""
    assert len(TOLD) >= 50


def _take(step: dict[str, Any], room: Room) -> tuple[Room, Verdict]:
    event = room.event(step["type"], step["content"], sender=step["by"], state_key=step.get("state_key"))
    assert check_auth_events(event, [room.events[event_id] for event_id in event.auth_events], ())
    verdict = check_event(event, room.state)
    return (room.adding(event) if verdict else room), verdict


def _told(verdict: Verdict) -> str:
    return verdict.rule if isinstance(verdict, Denied) else "allowed"


def _expected(then: str | dict[str, str], version: str) -> str:
    """What holds from the latest version on that is not after *version*."""
    if isinstance(then, str):
        return then
    return then[str(max(int(first) for first in then if int(first) <= int(version)))]


def _with_people(value: Any, version: str) -> Any:
    """
    *value* with ``@bob`` and the like, keys included, made user IDs.

    ``@founder`` is the creator as the levels name one: since v12 they do not.
    """
    if isinstance(value, dict):
        people = PEOPLE | ({"@founder": ALICE} if int(version) <= 11 else {})
        parts = {key: part for key, part in value.items() if key != "@founder" or key in people}
        return {people.get(key, key): _with_people(part, version) for key, part in parts.items()}
    if isinstance(value, list):
        return [_with_people(part, version) for part in value]
    return PEOPLE.get(value, value) if isinstance(value, str) else value
