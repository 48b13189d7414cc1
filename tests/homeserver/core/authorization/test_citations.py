"""The rules about the events that an event cites."""

from collections.abc import Sequence

import pytest

from homeserver.core.authorization.citations import check_auth_events
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID
from homeserver.core.verdicts import ALLOWED, Denied
from tests.builders import ALICE, BOB, VERSIONS, Room, a_room
from tests.versions import since, until


def cited(room: Room, event: Event) -> list[Event]:
    """The events that *event* cites."""
    return [room.events[event_id] for event_id in event.auth_events]


def check(event: Event, auth_events: Sequence[Event], *rejected: EventID) -> object:
    return check_auth_events(event, auth_events, rejected)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_selected_passes(version: str) -> None:
    """Every event of a sound room cites what it should; the create event cites nothing."""
    room = a_room(version).with_member(BOB).with_messages(1, sender=BOB).with_member(BOB, "leave", by=ALICE)

    for event in room.events.values():
        assert check(event, cited(room, event)) == ALLOWED


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_else(version: str) -> None:
    """Rule 3.2: an entry that the selection does not ask for is refused, state or not."""
    room = a_room(version).with_member(BOB).with_messages(1)
    event = room.message()
    for other in (room.state[("m.room.join_rules", "")], room.state[("m.room.member", BOB)], room.last):
        assert check(event, [*cited(room, event), other]) == Denied("auth_events.not_selected")


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_twice(version: str) -> None:
    """Rule 3.1: two entries for one state key are refused, be they two events or one."""
    room = a_room(version)
    old = room.state[("m.room.power_levels", "")]
    room = room.with_levels(ban=60)
    event = room.message()

    assert check(event, [*cited(room, event), old]) == Denied("auth_events.duplicate")
    assert check(event, [*cited(room, event), cited(room, event)[-1]]) == Denied("auth_events.duplicate")


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_rejected(version: str) -> None:
    """Rule 3.3: an entry that was rejected is refused."""
    room = a_room(version)
    event = room.message()
    for entry in cited(room, event):
        assert check(event, cited(room, event), entry.event_id) == Denied("auth_events.rejected")
    assert check(event, cited(room, event), room.last.event_id) == ALLOWED


@pytest.mark.parametrize("version", until(11))
def test_create_is_cited(version: str) -> None:
    """Rule 2.4 until v11: the create event is among the entries."""
    room = a_room(version)
    event = room.message()
    others = [entry for entry in cited(room, event) if entry.type != "m.room.create"]

    assert check(event, others) == Denied("auth_events.no_create")


@pytest.mark.parametrize("version", since(12))
def test_create_is_not_cited(version: str) -> None:
    """Since v12 the create event is none of the entries, and must not have been rejected."""
    room = a_room(version)
    event = room.message()

    assert check(event, [room.create, *cited(room, event)]) == Denied("auth_events.not_selected")
    assert check(event, cited(room, event), room.create.event_id) == Denied("create.rejected")


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_of_another_room(version: str) -> None:
    """Rule 3.5: entries are of the same room."""
    room, other = a_room(version), a_room(version, creator=BOB)
    event = room.message()
    entries = [other.state[entry.key] if entry.type == "m.room.power_levels" else entry for entry in cited(room, event)]

    assert check(event, entries) == Denied("auth_events.another_room")
