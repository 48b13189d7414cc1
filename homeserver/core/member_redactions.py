"""
Kicks and bans that redact what their target has said: which are, and whether their sender may.

Spec: proposals/4293
"""

from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event, StateKey
from homeserver.core.malformed import Malformed
from homeserver.core.power_levels import parse_level, power_levels_of

NAMES: Final = ("redact_events", "org.matrix.msc4293.redact_events")
REDACTION: Final = "m.room.redaction"
_THERE: Final = frozenset({"join", "invite", "knock"})


def parse_flags(body: JSONObject) -> dict[str, JSON]:
    """What the body of a kick or ban says of this, under whichever name.  Raises Malformed."""
    flags: dict[str, JSON] = {name: body[name] for name in NAMES if name in body}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise Malformed("This must be true or false.", name)
    return flags


def asks_redaction(event: Event) -> bool:
    """Whether the event may be a kick or ban that redacts; an unban looks the same."""
    if event.membership not in {"leave", "ban"} or event.state_key == event.sender:
        return False
    return any(event.content.get(name) is True for name in NAMES)


def removes(event: Event, before: str) -> bool:
    """Whether the event, which asks for redaction, is a kick or ban of a user whose membership was *before*."""
    return event.membership == "ban" or before in _THERE


def may_redact_member(event: Event, auth_state: Mapping[StateKey, Event]) -> bool:
    """Whether the sender of a kick or ban may redact what others say; *auth_state* is the state before it."""
    levels = power_levels_of(auth_state, event.version)
    own = levels.of(event.sender)
    if own < levels.named("redact"):
        return False
    # No such event is sent, but rooms may expect it to need a level.
    by_type = levels.content.get("events")
    needed = parse_level(by_type.get(REDACTION), event.version) if isinstance(by_type, dict) else None
    return needed is None or own >= needed
