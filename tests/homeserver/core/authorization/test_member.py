"""The rules of memberships: joining, leaving, kicking, banning, knocking, inviting by user ID."""

from typing import Any

import pytest

from homeserver.core.authorization.rules import check_event
from homeserver.core.canonical import JSON
from homeserver.core.events import Event
from homeserver.core.identifiers import UserID
from homeserver.core.verdicts import ALLOWED, Denied
from tests.builders import ALICE, BOB, CAROL, VERSIONS, Room, a_room, an_empty_room
from tests.versions import since, until

MEMBERSHIPS = [None, "invite", "join", "leave", "ban", "knock"]


def a_room_with(version: str, user_id: UserID, membership: str | None, **room: Any) -> Room:
    """A room in which the user has come to this membership; None: was never there."""
    built = a_room(version, **room)
    return built if membership is None else built.with_member(user_id, membership)


def member(room: Room, content: dict[str, JSON], *, sender: UserID = BOB, target: str = BOB) -> Event:
    return room.event("m.room.member", content, sender=sender, state_key=target)


# What every member event must have.


@pytest.mark.parametrize("version", VERSIONS)
def test_a_target_and_a_membership(version: str) -> None:
    """Rule 5.1: without a state key or a membership it is refused."""
    room = a_room(version)

    assert check_event(room.event("m.room.member", {"membership": "join"}), room.state) == Denied("member.state_key")
    assert check_event(member(room, {}), room.state) == Denied("member.membership")


@pytest.mark.parametrize("odd", ["", "Join", "org.example", None, 5, ["join"], {"join": 1}])
def test_unknown_memberships(odd: Any) -> None:
    """Rule 5.8: a membership that nobody knows is refused."""
    for version in VERSIONS:
        room = a_room(version, join_rule="public")

        assert check_event(member(room, {"membership": odd}), room.state) == Denied("member.unknown")


@pytest.mark.parametrize("membership", ["join", "leave", "invite"])
@pytest.mark.parametrize("odd", [None, 5, "carol", "@carol", []])
def test_who_lets_in_is_a_user(membership: str, odd: Any) -> None:
    """Rule 5.2 since v8: no server can have signed for what is no user, whatever the membership."""
    for version in VERSIONS:
        room = a_room(version, join_rule="public")
        sender = ALICE if membership == "invite" else BOB
        event = member(room, {"membership": membership, "join_authorised_via_users_server": odd}, sender=sender)
        refused = check_event(event, room.state) == Denied("member.authorised_via")

        assert refused is (int(version) >= 8)


# Joining.


@pytest.mark.parametrize("version", VERSIONS)
def test_the_creator_joins_first(version: str) -> None:
    """Rule 5.3.1: right after the create event the creator joins, whatever else holds; later, or others, do not."""
    opened = an_empty_room(version)
    content: dict[str, JSON] = {"room_version": version, "creator": ALICE}
    opened = opened.with_state("m.room.create", content)

    assert check_event(opened.membership(ALICE, "join"), opened.state) == ALLOWED
    assert check_event(opened.membership(BOB, "join"), opened.state) == Denied("member.join.not_invited")
    later = opened.with_messages(1)
    assert check_event(later.membership(ALICE, "join"), later.state) == Denied("member.join.not_invited")
    both = later.event(
        "m.room.member",
        {"membership": "join"},
        sender=ALICE,
        state_key=ALICE,
        prev_events=[opened.last.event_id, later.last.event_id],
    )
    assert check_event(both, later.state) == Denied("member.join.not_invited")


@pytest.mark.parametrize("version", until(10))
def test_the_creator_is_whom_the_content_names(version: str) -> None:
    """Until v10 that is content.creator."""
    opened = an_empty_room(version).with_state("m.room.create", {"creator": BOB})

    assert check_event(opened.membership(BOB, "join"), opened.state) == ALLOWED
    assert check_event(opened.membership(ALICE, "join"), opened.state) == Denied("member.join.not_invited")


@pytest.mark.parametrize("version", since(11))
def test_the_creator_is_who_sent_the_event(version: str) -> None:
    """Since v11 that is the sender of m.room.create alone, not an additional creator."""
    content: dict[str, JSON] = {"room_version": version, "creator": BOB, "additional_creators": [BOB]}
    opened = an_empty_room(version).with_state("m.room.create", content)

    assert check_event(opened.membership(ALICE, "join"), opened.state) == ALLOWED
    assert check_event(opened.membership(BOB, "join"), opened.state) == Denied("member.join.not_invited")


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_joins_another(version: str) -> None:
    """Rule 5.3.2: a join is sent by who joins."""
    room = a_room(version, join_rule="public")

    event = member(room, {"membership": "join"}, sender=ALICE, target=BOB)
    assert check_event(event, room.state) == Denied("member.join.for_another")


# join rule: the first version that knows it, who gets in by it
JOIN_RULES: list[tuple[Any, int, set[str | None]]] = [
    ("public", 1, {None, "invite", "join", "leave", "knock"}),
    ("invite", 1, {"invite", "join"}),
    ("knock", 7, {"invite", "join"}),
    ("restricted", 8, {"invite", "join"}),
    ("knock_restricted", 10, {"invite", "join"}),
    ("private", 99, set()),
    ("", 99, set()),
    (5, 99, set()),
    (None, 99, set()),
]


@pytest.mark.parametrize("membership", MEMBERSHIPS)
@pytest.mark.parametrize(("rule", "known_since", "let_in"), JOIN_RULES)
def test_join_rules(membership: str | None, rule: Any, known_since: int, let_in: set[str | None]) -> None:
    """Rules 5.3.3 to 5.3.7: the banned never get in; the others by a join rule that the version knows."""
    for version in VERSIONS:
        room = a_room_with(version, BOB, membership).with_state("m.room.join_rules", {"join_rule": rule})
        allowed = bool(check_event(room.membership(BOB, "join"), room.state))

        assert allowed is (int(version) >= known_since and membership in let_in)


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_join_rule(version: str) -> None:
    """A room that has no join rule, or an empty one, lets in by invitation."""
    for room in (a_room(version, join_rule=None), a_room(version).with_state("m.room.join_rules", {})):
        invited = room.with_member(BOB, "invite")
        assert check_event(room.membership(BOB, "join"), room.state) == Denied("member.join.not_invited")
        assert check_event(invited.membership(BOB, "join"), invited.state) == ALLOWED


@pytest.mark.parametrize("version", since(8))
@pytest.mark.parametrize("rule", ["restricted", "knock_restricted"])
@pytest.mark.parametrize(
    ("authorizer", "verdict"),
    [
        (None, Denied("member.join.authorizer_not_joined")),
        (ALICE, ALLOWED),
        (CAROL, Denied("member.join.authorizer_power_level")),
        (BOB, Denied("member.join.authorizer_not_joined")),
        ("@nobody:one.example", Denied("member.join.authorizer_not_joined")),
    ],
)
def test_being_let_in(version: str, rule: str, authorizer: str | None, verdict: object) -> None:
    """Rule 5.3.5 since v8: a joined member who may invite lets in others; since v10 by knock_restricted too."""
    users = {} if int(version) >= 12 else {ALICE: 100}
    room = a_room(version, power_levels={"users": users, "invite": 1}).with_member(CAROL)  # type: ignore[dict-item]
    room = room.with_state("m.room.join_rules", {"join_rule": rule})
    content: dict[str, JSON] = {"membership": "join"}
    if authorizer is not None:
        content["join_authorised_via_users_server"] = authorizer
    if rule == "knock_restricted" and int(version) < 10:
        verdict = Denied("member.join.rule")

    assert check_event(member(room, content), room.state) == verdict


# Inviting by user ID.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("membership", MEMBERSHIPS)
def test_whom_one_invites(version: str, membership: str | None) -> None:
    """Rule 5.4.3: neither who is in the room nor who is banned."""
    room = a_room_with(version, BOB, membership)
    verdict = Denied("member.invite.membership") if membership in {"join", "ban"} else ALLOWED

    assert check_event(room.membership(BOB, "invite"), room.state) == verdict


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("membership", MEMBERSHIPS)
def test_who_invites(version: str, membership: str | None) -> None:
    """Rules 5.4.2, 5.4.4: members of the invite level."""
    for level, by_level in ((20, ALLOWED), (19, Denied("member.invite.power_level"))):
        room = a_room_with(version, BOB, membership, power_levels={"users": {BOB: level}, "invite": 20})
        verdict = by_level if membership == "join" else Denied("member.invite.sender_not_joined")
        assert check_event(room.membership(CAROL, "invite", by=BOB), room.state) == verdict


# Leaving, kicking, unbanning.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("membership", MEMBERSHIPS)
def test_leaving(version: str, membership: str | None) -> None:
    """Rule 5.5.1: who is joined or invited may leave; since v7 a knock can be taken back."""
    room = a_room_with(version, BOB, membership)
    left = {"join", "invite"} | ({"knock"} if int(version) >= 7 else set())
    verdict = ALLOWED if membership in left else Denied("member.leave.not_there")

    assert check_event(room.membership(BOB, "leave"), room.state) == verdict


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("membership", [membership for membership in MEMBERSHIPS if membership != "join"])
def test_kicking_takes_being_there(version: str, membership: str | None) -> None:
    """Rules 5.5.2, 5.6.1: who is not joined neither kicks nor bans, whatever their level."""
    room = a_room_with(version, BOB, membership, power_levels={"users": {BOB: 100}}).with_member(CAROL)

    kick, ban = (room.membership(CAROL, deed, by=BOB) for deed in ("leave", "ban"))
    assert check_event(kick, room.state) == Denied("member.leave.sender_not_joined")
    assert check_event(ban, room.state) == Denied("member.ban.sender_not_joined")


@pytest.mark.parametrize("membership", ["join", "invite", "leave", "knock"])
@pytest.mark.parametrize(
    ("bob", "carol", "allowed"), [(50, 49, True), (50, 50, False), (49, 0, False), (51, 50, True), (90, 91, False)]
)
def test_kicking_and_banning_take_levels(membership: str, bob: int, carol: int, allowed: bool) -> None:
    """Rules 5.5.4, 5.6.2: the kick or ban level, and more than the target has."""
    for version in VERSIONS:
        users: dict[str, JSON] = {BOB: bob, CAROL: carol}
        room = a_room(version, join_rule="public", power_levels={"users": users})
        room = room.with_member(BOB).with_member(CAROL, membership)

        kick, ban = (room.membership(CAROL, deed, by=BOB) for deed in ("leave", "ban"))
        assert check_event(kick, room.state) == (ALLOWED if allowed else Denied("member.leave.power_level"))
        assert check_event(ban, room.state) == (ALLOWED if allowed else Denied("member.ban.power_level"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("kick", "ban", "verdict"),
    [
        (50, 50, ALLOWED),
        (50, 51, Denied("member.leave.unban_power_level")),
        (51, 50, Denied("member.leave.power_level")),
        (0, 0, ALLOWED),
    ],
)
def test_unbanning_takes_both_levels(version: str, kick: int, ban: int, verdict: object) -> None:
    """Rule 5.5.3: to undo a ban takes the level of banning and that of kicking."""
    levels: dict[str, JSON] = {"users": {BOB: 50}, "kick": kick, "ban": ban}
    room = a_room(version, join_rule="public", power_levels=levels).with_member(BOB).with_member(CAROL, "ban")

    assert check_event(room.membership(CAROL, "leave", by=BOB), room.state) == verdict


@pytest.mark.parametrize("version", VERSIONS)
def test_the_banned_do_not_let_themselves_go(version: str) -> None:
    """A ban is no membership that its target can leave, even with the level of unbanning."""
    room = a_room(version, power_levels={"users": {BOB: 100}}).with_member(BOB, "ban")

    assert check_event(room.membership(BOB, "leave"), room.state) == Denied("member.leave.not_there")


@pytest.mark.parametrize("version", since(12))
def test_nobody_removes_a_creator(version: str) -> None:
    """Since v12 not even another creator; and creators remove everybody else."""
    room = a_room(version, join_rule="public", power_levels={"users": {CAROL: 2**53 - 1}}, additional_creators=[BOB])
    room = room.with_members(BOB, CAROL)

    for by, target, allowed in ((BOB, ALICE, False), (ALICE, BOB, False), (CAROL, ALICE, False), (BOB, CAROL, True)):
        for deed in ("leave", "ban"):
            assert bool(check_event(room.membership(target, deed, by=by), room.state)) is allowed


# Knocking.


@pytest.mark.parametrize("membership", MEMBERSHIPS)
@pytest.mark.parametrize(
    ("rule", "known_since"),
    [("knock", 7), ("knock_restricted", 10), ("public", 99), ("invite", 99), ("restricted", 99), ("private", 99)],
)
def test_knocking(membership: str | None, rule: str, known_since: int) -> None:
    """Rule 5.7 since v7: where the join rule lets knock, who is neither in, invited nor banned may."""
    for version in VERSIONS:
        room = a_room_with(version, BOB, membership).with_state("m.room.join_rules", {"join_rule": rule})
        verdict = check_event(room.membership(BOB, "knock"), room.state)

        if int(version) < 7:
            assert verdict == Denied("member.unknown")
        elif int(version) < known_since:
            assert verdict == Denied("member.knock.rule")
        elif membership in {"ban", "invite", "join"}:
            assert verdict == Denied("member.knock.membership")
        else:
            assert verdict == ALLOWED


@pytest.mark.parametrize("version", since(7))
def test_nobody_knocks_for_another(version: str) -> None:
    """Rule 5.7.2: a knock is sent by who knocks."""
    room = a_room(version, join_rule="knock")

    event = member(room, {"membership": "knock"}, sender=ALICE, target=BOB)
    assert check_event(event, room.state) == Denied("member.knock.for_another")
