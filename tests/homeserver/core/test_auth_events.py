"""The selection of auth events."""

from typing import Any

import pytest

from homeserver.core.auth_events import CREATE, JOIN_RULES, POWER_LEVELS, auth_keys_of, rule_keys_of, select_auth_events
from homeserver.core.events import StateKey
from tests.builders import ALICE, BOB, CAROL, VERSIONS, a_room, an_empty_room
from tests.versions import since, until


def member(user_id: str) -> StateKey:
    return ("m.room.member", user_id)


def keys_of(version: str, content: dict[str, Any], event_type: str = "m.room.member") -> set[StateKey]:
    """The keys of an event by Alice about Bob, without those that every event has."""
    keys = auth_keys_of(a_room(version).event(event_type, content, state_key=BOB))
    assert len(keys) == len(set(keys))
    always = {POWER_LEVELS, member(ALICE)} | ({CREATE} if int(version) <= 11 else set())
    assert always <= set(keys)
    return set(keys) - always


def third_party(token: Any) -> dict[str, Any]:
    return {"membership": "invite", "third_party_invite": {"signed": {"token": token}}}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_event(version: str) -> None:
    """The levels and the sender's membership, and until v11 the create event."""
    assert keys_of(version, {}, "m.room.topic") == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_create_has_none(version: str) -> None:
    """The create event cites nothing."""
    assert auth_keys_of(an_empty_room(version).event("m.room.create", {"creator": ALICE}, state_key="")) == []


@pytest.mark.parametrize(
    ("content", "also"),
    [
        ({"membership": "join"}, {JOIN_RULES}),
        ({"membership": "invite"}, {JOIN_RULES}),
        ({"membership": "knock"}, {JOIN_RULES}),
        ({"membership": "leave"}, set()),
        ({"membership": "ban"}, set()),
        ({"membership": ["join"]}, set()),
        ({}, set()),
        (third_party("abc"), {JOIN_RULES, ("m.room.third_party_invite", "abc")}),
        (third_party(5), {JOIN_RULES}),
        ({"membership": "invite", "third_party_invite": []}, {JOIN_RULES}),
        ({"membership": "invite", "third_party_invite": {"signed": "abc"}}, {JOIN_RULES}),
        ({**third_party("abc"), "membership": "leave"}, set()),
        ({"membership": "leave", "join_authorised_via_users_server": CAROL}, set()),
        ({"membership": "join", "join_authorised_via_users_server": 5}, {JOIN_RULES}),
    ],
)
def test_members(content: dict[str, Any], also: set[StateKey]) -> None:
    """The target's membership, and what its membership-to-be calls for."""
    for version in VERSIONS:
        assert keys_of(version, content) == {member(BOB)} | also


@pytest.mark.parametrize("version", VERSIONS)
def test_who_lets_in(version: str) -> None:
    """Since v8 the member who lets another in."""
    content = {"membership": "join", "join_authorised_via_users_server": CAROL}

    assert keys_of(version, content) == {member(BOB), JOIN_RULES} | ({member(CAROL)} if int(version) >= 8 else set())


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_twice(version: str) -> None:
    """Who is sender, target and authorizer at once is selected once."""
    content: dict[str, Any] = {"membership": "join", "join_authorised_via_users_server": ALICE}
    keys = auth_keys_of(a_room(version).event("m.room.member", content, state_key=ALICE))

    assert keys.count(member(ALICE)) == 1


@pytest.mark.parametrize("version", until(11))
def test_the_rules_look_at_what_is_cited(version: str) -> None:
    """Until v11 the rules need what the event cites."""
    event = a_room(version).message()

    assert rule_keys_of(event) == auth_keys_of(event)


@pytest.mark.parametrize("version", since(12))
def test_the_rules_look_at_create(version: str) -> None:
    """Since v12 the rules need the create event as well, though nothing cites it."""
    event = a_room(version).message()

    assert rule_keys_of(event) == [CREATE, *auth_keys_of(event)]
    assert rule_keys_of(a_room(version).create) == []


def test_selecting() -> None:
    """What the state lacks is passed over."""
    assert select_auth_events([CREATE, POWER_LEVELS, member(ALICE)], {CREATE: 1, member(ALICE): 2, member(BOB): 3}) == [
        1,
        2,
    ]
