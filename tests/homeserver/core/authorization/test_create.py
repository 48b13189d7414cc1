"""The rules of m.room.create."""

from typing import Any

import pytest

from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.pdu import parse_pdu
from homeserver.core.verdicts import ALLOWED, Denied
from tests.builders import ALICE, BOB, VERSIONS, a_room, an_empty_room
from tests.versions import since, until


def a_create(version: str, **content: Any) -> Event:
    """A create event with this content, ``creator`` included where the version wants it."""
    creator = {"creator": ALICE} if int(version) <= 10 else {}
    content = {key: value for key, value in {**creator, **content}.items() if value is not ...}
    return an_empty_room(version).event("m.room.create", content, state_key="")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_room_opens(version: str) -> None:
    """A sound create event is allowed, with the version named or left out, whatever the state."""
    assert check_event(a_create(version, room_version=version), {}) == ALLOWED
    assert check_event(a_create(version), {}) == ALLOWED
    assert check_event(a_create(version, room_version="1"), a_room(version).state) == ALLOWED


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_comes_before(version: str) -> None:
    """Rule 1.1: a create event has no prev_events."""
    room = an_empty_room(version)
    create = room.event("m.room.create", {"creator": ALICE}, state_key="", prev_events=[EventID("$a:one")], depth=2)

    assert check_event(create, {}) == Denied("create.prev_events")


@pytest.mark.parametrize("version", until(11))
def test_the_room_belongs_to_the_senders_server(version: str) -> None:
    """Rule 1.2 until v11: the server that the room ID names is the sender's."""
    create = a_create(version)
    elsewhere = parse_pdu({**create.pdu, "room_id": RoomID("!room:two.example")}, create.version)

    assert check_event(elsewhere, {}) == Denied("create.room_id")


@pytest.mark.parametrize("version", since(12))
def test_the_room_is_named_after_the_event(version: str) -> None:
    """Rule 1.2 since v12: a create event names no room."""
    create = a_create(version)
    naming = parse_pdu({**create.pdu, "room_id": create.room_id}, create.version)

    assert check_event(naming, {}) == Denied("create.room_id")


@pytest.mark.parametrize("unknown", ["", "0", "13", "org.example", 1, None, ["1"], {}])
def test_unknown_versions(unknown: Any) -> None:
    """Rule 1.3: a version that nobody knows opens no room."""
    for version in VERSIONS:
        assert check_event(a_create(version, room_version=unknown), {}) == Denied("create.room_version")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_creator_is_named(version: str) -> None:
    """Rule 1.4 until v10: the content names the creator; since v11 it need not."""
    expected = ALLOWED if int(version) >= 11 else Denied("create.creator")

    assert check_event(a_create(version, creator=...), {}) == expected


@pytest.mark.parametrize("odd", [None, "@bob:two.example", {}, ["bob"], [5], [BOB, "@bob"], ["@" + "b" * 255 + ":two"]])
def test_odd_creators(odd: Any) -> None:
    """Rule 1.4 since v12: additional creators are a list of user IDs; before, nobody looks at them."""
    for version in VERSIONS:
        expected = Denied("create.additional_creators") if int(version) >= 12 else ALLOWED

        assert check_event(a_create(version, additional_creators=odd), {}) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_additional_creators(version: str) -> None:
    """Several, none and historical user IDs are fine."""
    for creators in ([], [BOB, "@:three.example", "@É a:three.example"]):
        assert check_event(a_create(version, additional_creators=creators), {}) == ALLOWED
