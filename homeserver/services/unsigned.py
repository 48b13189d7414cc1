"""What proposals add to the ``unsigned`` of events, for one reader and at one time."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.timeline import TimelineEvent


class Unsigned(Protocol):
    """Asked for every event that is shown: it knows from memory, and at once, what does not concern it."""

    def of(self, event: TimelineEvent, reader: UserID, now_ms: int) -> Mapping[str, JSON]:
        """Members of ``unsigned``; mostly none."""


def unsigned_of(
    every: Sequence[Unsigned], event: TimelineEvent, reader: UserID, now_ms: int
) -> Mapping[str, JSON] | None:
    """What all of them add."""
    more: JSONObject | None = None
    for each in every:
        found = each.of(event, reader, now_ms)
        if found:
            more = {**(more or {}), **found}
    return more
