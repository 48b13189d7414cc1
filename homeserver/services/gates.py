"""What many want at once is looked up by the first of them; the others wait, and find it."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from attrs import define, field
from twisted.internet.defer import Deferred


@define(eq=False)
class Gates:
    """A gate for each thing that is being looked up."""

    _shut: dict[Hashable, list[Deferred[None]]] = field(init=False, factory=dict)

    @asynccontextmanager
    async def enter(self, key: Hashable) -> AsyncIterator[bool]:
        """
        Within it: True, and whoever enters meanwhile waits for the end; or False, as somebody was there first and is
        done, in whatever way.
        """
        waiting = self._shut.get(key)
        if waiting is not None:
            turn: Deferred[None] = Deferred()
            waiting.append(turn)
            await turn
            yield False
            return
        waiting = self._shut[key] = []
        try:
            yield True
        finally:
            del self._shut[key]
            for turn in waiting:
                turn.callback(None)
