"""
Sticky events: what makes one, and until when it is one.

Spec: proposals/4354
"""

from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON, JSONObject

FIELD: Final = "msc4354_sticky"
FIELDS: Final = (FIELD, "sticky")
"""The names of the field at the top of an event; others may use either."""
DURATION_MS_MAX: Final = 3_600_000

STICKY: Final = "sticky"
"""Of the log.  subject: room ID; ref: the nid of an event that is told from here on, as long as it is sticky."""


def duration_ms_of(pdu: Mapping[str, JSON]) -> int | None:
    """For how long the event is sticky; None: it is not."""
    for name in FIELDS:
        if name in pdu:
            return _duration_ms(pdu[name])
    return None


def sticky_field(duration_ms: int) -> JSONObject:
    """What makes an event sticky for so long."""
    return {FIELD: {"duration_ms": duration_ms}}


def ends_ms(origin_server_ts: int, received_ms: int, duration_ms: int) -> int:
    """When an event is sticky no more: no clock of another server lets it begin in the future."""
    return min(origin_server_ts, received_ms) + duration_ms


def _duration_ms(field: JSON) -> int | None:
    duration = field.get("duration_ms") if isinstance(field, dict) else None
    if type(duration) is not int or not 0 <= duration <= DURATION_MS_MAX:
        return None
    return duration
