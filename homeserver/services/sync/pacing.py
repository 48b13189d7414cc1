"""Long answers are written in many turns of the reactor, so that nobody else waits for them."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from homeserver.services.clock import Clock

T = TypeVar("T")

ROOMS_AT_ONCE: Final = 5
"""Rooms that one turn writes: of a room that nobody has in memory, about a millisecond each."""


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """*items* in pieces of *size*, the last perhaps shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))


@define(eq=False)
class Pace:
    """Counts rooms, and lets others go first after every few."""

    clock: Clock
    _done: int = field(init=False, default=0)

    def advance(self) -> bool:
        """One more room is written; says whether others should go first now."""
        self._done += 1
        return self._done % ROOMS_AT_ONCE == 0

    async def step(self) -> None:
        """One more room is written, and others went first if it was time."""
        if self.advance():
            await self.turn()

    async def turn(self) -> None:
        """Others went first."""
        turn: Deferred[None] = Deferred()
        self.clock.callLater(0, turn.callback, None)
        await turn
