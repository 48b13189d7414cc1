"""
The serial of what is never stored: typing and presence.

It starts at the time of the start in milliseconds, so that it only grows over restarts as long as there is less than
one change a millisecond.
"""

from collections.abc import Callable

from attrs import define, field


@define(eq=False)
class EphemeralSerial:
    """How many changes there have been; *start* is what it was when this process began: nothing older is known."""

    start: int
    head: int
    listeners: list[Callable[[], None]] = field(factory=list)
    """Called at every change."""

    @classmethod
    def starting_at(cls, now_ms: int) -> "EphemeralSerial":
        """The serial of a process that starts now."""
        return cls(now_ms, now_ms)

    def advance(self) -> int:
        """The serial of one more change."""
        self.head += 1
        for listener in self.listeners:
            listener()
        return self.head

    def knows(self, serial: int) -> bool:
        """Whether all changes after *serial* are known here: it is of this process, not of one before or beside it."""
        return self.start <= serial <= self.head
