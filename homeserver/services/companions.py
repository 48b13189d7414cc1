"""What is written in the same transaction as an event, by those who must never miss one."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from homeserver.core.timeline import TimelineEvent
from homeserver.store.write import Write

Beside: TypeAlias = Callable[[Write, int, TimelineEvent], None]
"""Writes something beside an event that was just stored, given the room's nid; what it raises undoes the event too."""


class Companion(Protocol):
    """Whoever keeps something about certain events."""

    def beside(self, entry: TimelineEvent) -> Beside | None:
        """What is to be written with the event, which has no nid yet; None: nothing."""


def beside(companions: Iterable[Companion], entry: TimelineEvent) -> tuple[Beside, ...]:
    """All that the companions want to write with the event."""
    return tuple(write for each in companions if (write := each.beside(entry)) is not None)
