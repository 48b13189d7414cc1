"""
The newest entries of the log, in memory, for everyone who follows it.

What follows the log (sync, push, the federation's outbox) reads on from its own position: from here as long as the tail
reaches back so far, and else from the store.
"""

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred

from homeserver.core.log import LogEntry, Position

Follower = Callable[[Sequence[LogEntry]], None]


@define(eq=False)
class LogTail:
    """The log's head as this process has seen it, and at least the newest *entries_max* entries up to it."""

    head: Position
    entries_max: int = 100_000
    _reaches_back_to: Position = field(init=False)
    _entries: list[LogEntry] = field(init=False, factory=list)
    _followers: list[Follower] = field(init=False, factory=list)
    _waiting: list[tuple[Position, Deferred[None]]] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self._reaches_back_to = self.head

    def follow(self, follower: Follower) -> None:
        """*follower* is called with every commit's entries from now on, after the head has moved, oldest first."""
        self._followers.append(follower)

    def extend(self, entries: Sequence[LogEntry]) -> None:
        """The log now ends with *entries*; everyone who follows it knows."""
        if not entries:
            return
        self._entries.extend(entries)
        self._trim()
        self.head = entries[-1].position
        for follower in self._followers:
            follower(entries)
        self._release()

    def between(self, after: Position, upto: Position) -> Sequence[LogEntry] | None:
        """The entries at positions in ``(after, upto]``, oldest first; None when the tail begins later."""
        if after < self._reaches_back_to:
            return None
        if after >= self.head:
            return ()
        # Positions have no gaps, so an index is a subtraction.
        first = after - self._reaches_back_to
        return self._entries[first : first + (upto - after)]

    async def reach(self, position: Position) -> None:
        """The head is at *position* or later: a reader that saw it in the store waits for the tail to catch up."""
        if self.head >= position:
            return
        reached: Deferred[None] = Deferred()
        self._waiting.append((position, reached))
        await reached

    def _trim(self) -> None:
        # Half at a time: cutting the front off a list moves all the rest.
        if len(self._entries) > 2 * self.entries_max:
            cut = len(self._entries) - self.entries_max
            self._reaches_back_to = self._entries[cut - 1].position
            del self._entries[:cut]

    def _release(self) -> None:
        if not self._waiting:
            return
        ready = [item for item in self._waiting if item[0] <= self.head]
        self._waiting = [item for item in self._waiting if item[0] > self.head]
        for _, reached in ready:
            reached.callback(None)
