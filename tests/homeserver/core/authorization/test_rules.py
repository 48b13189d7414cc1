"""The rules of all events: the room, who may be in it, what level it takes."""

import pytest

from homeserver.core.authorization.rules import check_event
from homeserver.core.verdicts import ALLOWED, Denied
from tests.builders import ALICE, BOB, CAROL, DAVE, VERSIONS, a_room
from tests.versions import since


@pytest.mark.parametrize("version", VERSIONS)
def test_no_room_without_create(version: str) -> None:
    """In a state without m.room.create nothing is allowed."""
    room = a_room(version)
    state = {key: event for key, event in room.state.items() if key[0] != "m.room.create"}

    assert check_event(room.message(), state) == Denied("create.missing")


@pytest.mark.parametrize("version", since(12))
def test_the_room_id_names_the_create_event(version: str) -> None:
    """Rule 2 since v12: an event of one room is not allowed by the state of another."""
    room, other = a_room(version), a_room(version, create_content={"other": True})

    assert room.room_id != other.room_id
    assert check_event(room.message(), other.state) == Denied("create.another_room")


@pytest.mark.parametrize("version", VERSIONS)
def test_rooms_that_do_not_federate(version: str) -> None:
    """Rule 4: where m.federate is false, only the creator's server takes part; other values mean nothing."""
    for value, expected in ((False, Denied("create.not_federated")), (True, ALLOWED), (None, ALLOWED), (0, ALLOWED)):
        room = a_room(version, join_rule="public", create_content={"m.federate": value})
        assert check_event(room.membership(BOB, "join"), room.state) == expected
        assert check_event(room.membership(DAVE, "join"), room.state) == ALLOWED


@pytest.mark.parametrize("membership", ["leave", "invite", "ban", "knock", None])
def test_who_is_not_joined_says_nothing(membership: str | None) -> None:
    """Rule 6: messages, states, levels and redactions come from members only."""
    for version in VERSIONS:
        room = a_room(version, power_levels={"users": {BOB: 99}, "state_default": 0})
        if membership is not None:
            room = room.with_member(BOB, membership, by=ALICE)
        for event in (
            room.message(sender=BOB),
            room.event("m.room.topic", {}, sender=BOB, state_key=""),
            room.event("m.room.power_levels", {}, sender=BOB, state_key=""),
            room.event("m.room.third_party_invite", {}, sender=BOB, state_key="token"),
            room.event("m.room.redaction", {}, sender=BOB, redacts=room.last.event_id),
        ):
            assert check_event(event, room.state) == Denied("sender.not_joined")


@pytest.mark.parametrize(
    ("levels", "state_key", "needed"),
    [
        ({}, None, 0),
        ({}, "", 50),
        ({"events_default": 10}, None, 10),
        ({"events_default": 10}, "", 50),
        ({"state_default": 20}, "", 20),
        ({"state_default": 20}, None, 0),
        ({"events": {"org.example.thing": 30}, "state_default": 20, "events_default": 10}, "", 30),
        ({"events": {"org.example.thing": 30}, "state_default": 20, "events_default": 10}, None, 30),
    ],
)
def test_the_required_level(levels: dict[str, object], state_key: str | None, needed: int) -> None:
    """Rule 8: the level of the type, else of states or of messages; whoever has it may, whoever has less may not."""
    for version in VERSIONS:
        for level, expected in ((needed, ALLOWED), (needed - 1, Denied("sender.power_level"))):
            power_levels = {**levels, "users": {BOB: level}}
            room = a_room(version, join_rule="public", power_levels=power_levels).with_member(BOB)  # type: ignore[arg-type]
            event = room.event("org.example.thing", {}, sender=BOB, state_key=state_key)
            assert check_event(event, room.state) == expected


@pytest.mark.parametrize(
    ("state_key", "allowed"),
    [(BOB, True), ("", True), ("thing", True), ("_" + CAROL, True), (CAROL, False), ("@", False), (BOB + "x", False)],
)
def test_states_in_anothers_name(state_key: str, allowed: bool) -> None:
    """Rule 9: a state key that looks like a user ID is its sender's."""
    for version in VERSIONS:
        room = a_room(version, join_rule="public", power_levels={"state_default": 0}).with_member(BOB)
        event = room.event("org.example.thing", {}, sender=BOB, state_key=state_key)

        assert check_event(event, room.state) == (ALLOWED if allowed else Denied("state_key.another_user"))


@pytest.mark.parametrize("version", VERSIONS)
def test_inviting_addresses(version: str) -> None:
    """Rule 7: m.room.third_party_invite takes the level of inviting, and no other."""
    for level, expected in ((30, ALLOWED), (29, Denied("third_party_invite.power_level"))):
        levels = {"users": {BOB: level}, "invite": 30, "state_default": 100}
        room = a_room(version, join_rule="public", power_levels=levels).with_member(BOB)  # type: ignore[arg-type]
        event = room.event("m.room.third_party_invite", {"display_name": "x"}, sender=BOB, state_key="token")
        assert check_event(event, room.state) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_redacting_needs_no_more_than_sending(version: str) -> None:
    """Since v3 whoever may send a redaction may send it about anything; before, it takes the level or the server."""
    room = a_room(version, join_rule="public").with_member(BOB).with_messages(1)
    redaction = room.event("m.room.redaction", {}, sender=BOB, redacts=room.last.event_id)
    expected = ALLOWED if int(version) >= 3 else Denied("redaction.power_level")

    assert check_event(redaction, room.state) == expected
