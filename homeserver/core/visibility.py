"""
History visibility: who may see an event, by the state of the room at that event.

Spec: client-server-api#room-history-visibility
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal, TypeAlias, cast, get_args

from homeserver.core.canonical import JSON
from homeserver.core.events import Event
from homeserver.core.identifiers import ServerName, UserID, server_of

HISTORY_VISIBILITY: Final = "m.room.history_visibility"

Visibility: TypeAlias = Literal["world_readable", "shared", "invited", "joined"]
DEFAULT_VISIBILITY: Final[Visibility] = "shared"
_VISIBILITIES: Final = frozenset(get_args(Visibility))


def visibility_of(content: Mapping[str, JSON] | None) -> Visibility:
    """What the content of an ``m.room.history_visibility`` says; absent (None) or not understood, ``shared``."""
    value = content.get("history_visibility") if content is not None else None
    return cast(Visibility, value) if isinstance(value, str) and value in _VISIBILITIES else DEFAULT_VISIBILITY


def may_see(
    event: Event, user_id: UserID, *, visibility: Visibility, membership: str | None, joined_later: bool
) -> bool:
    """
    Whether a user may see an event.

    *visibility* and *membership* are those of the state before the event; *joined_later*: the user joined at any point
    after it.  A change of either is seen by whoever may see it by the state before or after it.
    """
    if _admits(visibility, membership, joined_later):
        return True
    if event.state_key is None:
        return False
    if event.type == HISTORY_VISIBILITY and event.state_key == "":
        return _admits(visibility_of(event.content), membership, joined_later)
    if event.type == "m.room.member" and event.state_key == user_id:
        return _admits(visibility, event.membership, joined_later)
    return False


def server_may_see(
    event: Event,
    server: ServerName,
    *,
    visibility: Visibility,
    memberships: Collection[str],
    joined_later: bool,
) -> bool:
    """
    Whether a server may be given an event: when any of its users may see it.

    *memberships*: those of its users in the state before the event; *joined_later*: one of them joined after it.
    """
    if _admits_any(visibility, memberships, joined_later):
        return True
    if event.state_key is None:
        return False
    if event.type == HISTORY_VISIBILITY and event.state_key == "":
        return _admits_any(visibility_of(event.content), memberships, joined_later)
    if event.type == "m.room.member" and server_of(UserID(event.state_key)) == server:
        return _admits(visibility, event.membership, joined_later)
    return False


def _admits_any(visibility: Visibility, memberships: Collection[str], joined_later: bool) -> bool:
    return _admits(visibility, None, joined_later) or any(
        _admits(visibility, membership, joined_later) for membership in memberships
    )


def _admits(visibility: Visibility, membership: str | None, joined_later: bool) -> bool:
    # The five rules, in the order of the spec.
    return (
        visibility == "world_readable"
        or membership == "join"
        or (visibility == "shared" and joined_later)
        or (visibility == "invited" and membership == "invite")
    )
