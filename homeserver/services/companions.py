"""What is written in the same transaction as an event, by those who must never miss one."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from homeserver.core.events import Event
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


class StateCompanion(Protocol):
    """Whoever keeps something about what is current."""

    def beside_state(self, entries: Sequence[Event]) -> Beside | None:
        """
        What is written with the event by which *entries* are current, none of which is that event itself: the room's
        state was resolved, or this server comes into a room that has them.  None: nothing.
        """


def beside_state(companions: Iterable[StateCompanion], entries: Sequence[Event]) -> tuple[Beside, ...]:
    """All that the companions want to write with the event."""
    if not entries:
        return ()
    return tuple(write for each in companions if (write := each.beside_state(entries)) is not None)
