"""
Presence: whether a user is there, from what their devices say and how long ago they did something.

Spec: client-server-api#presence
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias, get_args

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed

PresenceState: TypeAlias = Literal["online", "unavailable", "offline"]
_STATES: Final[Mapping[str, PresenceState]] = {state: state for state in get_args(PresenceState)}

IDLE_AFTER_MS: Final = 5 * 60_000
"""Who did nothing for so long is unavailable.  Spec: client-server-api#idle-timeout"""
ACTIVE_FOR_MS: Final = 60_000
"""For so long after doing something a user counts as currently active."""
STATUS_CHARACTERS_MAX: Final = 2_000

_RANK: Final[Mapping[PresenceState, int]] = {"offline": 0, "unavailable": 1, "online": 2}


@frozen
class Presence:
    """What others are shown of a user."""

    state: PresenceState = "offline"
    currently_active: bool = False
    status_msg: str | None = None
    last_active_ms: int | None = None
    """None: never, as far as is known."""
    profile: Mapping[str, JSON] | None = None
    """Name and avatar, of who changed them lately.  Spec: client-server-api#events-on-change-of-profile-information"""

    def looks_like(self, other: "Presence") -> bool:
        """
        Whether nobody need be told of the change from one to the other: how long ago a user was last active is told
        when something else is.  Spec: client-server-api#last-active-ago
        """
        return (self.state, self.currently_active, self.status_msg) == (
            other.state,
            other.currently_active,
            other.status_msg,
        )

    def within_bounds(self, now_ms: int) -> "Presence":
        """The same as another server may say it: with no longer status than our own users, nor activity to come."""
        status, active = self.status_msg, self.last_active_ms
        return Presence(
            self.state,
            self.currently_active and self.state == "online",
            None if status is None else status[:STATUS_CHARACTERS_MAX],
            None if active is None else max(0, min(active, now_ms)),
        )

    def content(self, now_ms: int) -> JSONObject:
        """The content of an ``m.presence``."""
        content: JSONObject = {"presence": self.state}
        if self.last_active_ms is not None:
            content["last_active_ago"] = max(0, now_ms - self.last_active_ms)
        if self.state == "online":
            content["currently_active"] = self.currently_active
        if self.status_msg is not None:
            content["status_msg"] = self.status_msg
        return content


ABSENT: Final = Presence()


@frozen
class DevicePresence:
    """What one device says, which holds until *until_ms*."""

    state: PresenceState
    until_ms: int
    is_set: bool = False
    """By the user's own word, and not by how the device syncs."""


def presence_of(
    devices: Iterable[DevicePresence], last_active_ms: int | None, status_msg: str | None, now_ms: int
) -> Presence:
    """
    The presence of the user of *devices*: the best that any of them says, and unavailable after doing nothing for long.
    """
    states = [device.state for device in devices if device.until_ms > now_ms]
    state: PresenceState = max(states, key=_RANK.__getitem__, default="offline")
    idle_ms = None if last_active_ms is None else now_ms - last_active_ms
    if state == "online" and (idle_ms is None or idle_ms >= IDLE_AFTER_MS):
        state = "unavailable"
    active = state == "online" and idle_ms is not None and idle_ms < ACTIVE_FOR_MS
    return Presence(state, active, status_msg, last_active_ms)


def next_change_ms(devices: Iterable[DevicePresence], last_active_ms: int | None, now_ms: int) -> int | None:
    """When ``presence_of`` next answers something else, if nothing happens until then; None: never."""
    times = [device.until_ms for device in devices]
    if times and last_active_ms is not None:
        times += [last_active_ms + ACTIVE_FOR_MS, last_active_ms + IDLE_AFTER_MS]
    return min((time for time in times if time > now_ms), default=None)


def parse_state(text: str) -> PresenceState:
    """One of the three states.  Raises Malformed."""
    if text not in _STATES:
        raise Malformed("A presence is online, unavailable or offline.", "presence")
    return _STATES[text]


def presence_event(user_id: UserID, presence: Presence, now_ms: int) -> JSONObject:
    """The ``m.presence`` event for clients."""
    content = presence.content(now_ms)
    if presence.profile is not None:
        content |= presence.profile
    return {"type": "m.presence", "sender": user_id, "content": content}
