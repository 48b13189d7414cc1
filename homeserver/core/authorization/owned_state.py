"""
State that belongs to a user by the beginning of its key: the rule, and the room versions that have it.

Spec: proposals/3757
"""

from typing import Final

from attrs import evolve

from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event
from homeserver.core.identifiers import ID_BYTES_MAX, is_user_id
from homeserver.core.verdicts import ALLOWED, Denied, Verdict
from homeserver.core.versions import V10, V11, V12, RoomVersion

SUFFIX_BYTES_MAX: Final = 256
"""Of what follows the user ID, the underscore included."""
STATE_KEY_BYTES_MAX: Final = ID_BYTES_MAX + SUFFIX_BYTES_MAX


def check_state_key(event: Event, situation: Situation) -> Verdict:
    """Whether the sender may set state with this key: their own, or that of somebody with less power."""
    key = event.state_key or ""
    if not key.startswith("@"):
        return ALLOWED if len(key.encode()) <= ID_BYTES_MAX else Denied("state_key.too_long")
    owner, suffix = owner_of(key)
    if not is_user_id(owner):
        return Denied("state_key.not_a_user")
    if len(suffix.encode()) > SUFFIX_BYTES_MAX:
        return Denied("state_key.too_long")
    if owner != event.sender and situation.level(event.sender) <= situation.level(owner):
        return Denied("state_key.another_user")
    return ALLOWED


def owner_of(key: str) -> tuple[str, str]:
    """What should be a user ID at the beginning of a key, up to the first underscore after the colon; and the rest."""
    # Names of servers have no underscore; localparts may.
    colon = key.find(":")
    end = key.find("_", colon) if colon >= 0 else -1
    return (key, "") if end < 0 else (key[:end], key[end:])


def _with_owners(version: RoomVersion) -> RoomVersion:
    return evolve(
        version,
        id=f"org.matrix.msc3757.{version.id}",
        auth=evolve(version.auth, state_key_rule=check_state_key),
        state_key_bytes_max=STATE_KEY_BYTES_MAX,
        stable=False,
    )


VERSIONS: Final = tuple(_with_owners(version) for version in (V10, V11, V12))
