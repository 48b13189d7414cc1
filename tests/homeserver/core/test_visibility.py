"""Who may see an event."""

import pytest

from homeserver.core.identifiers import ServerName
from homeserver.core.visibility import Visibility, may_see, server_may_see, visibility_of
from tests.builders import BOB, CAROL, a_room

ROOM = a_room(join_rule="public").with_member(BOB)
MESSAGE = ROOM.message()

VISIBILITIES: tuple[Visibility, ...] = ("world_readable", "shared", "invited", "joined")

SEEN = {
    # (visibility, membership at the event, joined later)
    ("world_readable", None, False), ("world_readable", None, True), ("world_readable", "leave", False),
    ("world_readable", "leave", True), ("world_readable", "invite", False), ("world_readable", "invite", True),
    ("world_readable", "ban", False), ("world_readable", "ban", True), ("world_readable", "knock", False),
    ("world_readable", "knock", True),
    ("shared", None, True), ("shared", "leave", True), ("shared", "invite", True), ("shared", "ban", True),
    ("shared", "knock", True),
    ("invited", "invite", False), ("invited", "invite", True),
    *((visibility, "join", later) for visibility in VISIBILITIES for later in (False, True)),
}  # fmt: skip


@pytest.mark.parametrize("visibility", VISIBILITIES)
@pytest.mark.parametrize("membership", [None, "leave", "invite", "join", "ban", "knock"])
@pytest.mark.parametrize("joined_later", [False, True])
def test_messages(visibility: Visibility, membership: str | None, joined_later: bool) -> None:
    """Every combination of setting, membership and later joining, as the rules of the spec say."""
    seen = may_see(MESSAGE, BOB, visibility=visibility, membership=membership, joined_later=joined_later)

    assert seen is ((visibility, membership, joined_later) in SEEN)


@pytest.mark.parametrize(("before", "after"), [("joined", "world_readable"), ("world_readable", "joined")])
def test_a_change_of_visibility_is_seen_from_both_sides(before: Visibility, after: Visibility) -> None:
    """Whoever may see by the setting before or after sees the change of it."""
    change = ROOM.event("m.room.history_visibility", {"history_visibility": after}, state_key="")

    assert may_see(change, CAROL, visibility=before, membership=None, joined_later=False)


def test_a_change_between_closed_settings_is_not_seen() -> None:
    """Neither side opens it to somebody outside."""
    change = ROOM.event("m.room.history_visibility", {"history_visibility": "invited"}, state_key="")

    assert not may_see(change, CAROL, visibility="joined", membership=None, joined_later=True)


@pytest.mark.parametrize(("before", "after"), [(None, "join"), ("join", "leave"), ("join", "ban")])
def test_own_membership_is_seen_from_both_sides(before: str | None, after: str) -> None:
    """One's own joining and leaving are always seen, others' are not by those outside."""
    event = ROOM.membership(BOB, after)

    assert may_see(event, BOB, visibility="joined", membership=before, joined_later=False)
    assert not may_see(event, CAROL, visibility="joined", membership=None, joined_later=False)


def test_a_ban_from_outside_is_not_seen() -> None:
    """Neither before nor after was the user in the room."""
    event = ROOM.membership(BOB, "ban")

    assert not may_see(event, BOB, visibility="joined", membership="leave", joined_later=False)


@pytest.mark.parametrize("content", [None, {}, {"history_visibility": "everyone"}, {"history_visibility": ["joined"]}])
def test_what_is_not_understood_is_shared(content: dict[str, object] | None) -> None:
    """The default of the spec."""
    assert visibility_of(content) == "shared"  # type: ignore[arg-type]


def test_a_server_sees_what_any_of_its_users_sees() -> None:
    """One joined user opens an event to the server, and one who joined later a shared one."""
    server = ServerName("two.example")

    def seen(visibility: Visibility, memberships: list[str], joined_later: bool = False) -> bool:
        return server_may_see(
            MESSAGE, server, visibility=visibility, memberships=memberships, joined_later=joined_later
        )

    assert seen("joined", ["leave", "join"])
    assert not seen("joined", ["leave", "invite"])
    assert seen("invited", ["leave", "invite"])
    assert not seen("shared", [])
    assert seen("shared", [], joined_later=True)
    assert seen("world_readable", [])


def test_a_server_sees_its_users_come_and_go() -> None:
    """The membership event of its own user counts with the membership after it."""
    joining = ROOM.membership(BOB, "join")

    assert server_may_see(joining, ServerName("two.example"), visibility="joined", memberships=[], joined_later=False)
    assert not server_may_see(
        joining, ServerName("three.example"), visibility="joined", memberships=[], joined_later=False
    )


def test_a_server_sees_the_opening_of_a_room() -> None:
    """A change of visibility is given to whoever may see it by either setting."""
    change = ROOM.event("m.room.history_visibility", {"history_visibility": "world_readable"}, state_key="")

    assert server_may_see(change, ServerName("x"), visibility="joined", memberships=[], joined_later=False)
