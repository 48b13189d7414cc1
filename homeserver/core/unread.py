"""
Counting what a user has not read.

Spec: client-server-api#receiving-notifications
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.log import Position
from homeserver.core.push_rules.evaluation import Actions
from homeserver.core.receipts import ReadUpTo
from homeserver.core.relations import MAIN_THREAD
from homeserver.core.timeline import Ordering


@frozen
class Count:
    """Events that notify, and those of them that highlight."""

    notify: int = 0
    highlight: int = 0

    def with_event(self, actions: Actions) -> "Count":
        """With one more event, if it notifies."""
        if not actions.notify:
            return self
        return Count(self.notify + 1, self.highlight + actions.highlight)

    def to_json(self) -> JSONObject:
        """The counts for clients."""
        return {"notification_count": self.notify, "highlight_count": self.highlight}


NOTHING: Final = Count()


@frozen
class Unread:
    """What a user has not read of a room, by thread; threads without anything are left out."""

    threads: Mapping[str, Count]

    @property
    def total(self) -> Count:
        """Of the whole room."""
        counts = self.threads.values()
        if len(counts) < 2:
            return next(iter(counts), NOTHING)
        return Count(sum(count.notify for count in counts), sum(count.highlight for count in counts))

    @property
    def main(self) -> Count:
        """Of what is in no thread."""
        return self.threads.get(MAIN_THREAD, NOTHING)

    def to_json(self, by_thread: bool) -> JSONObject:
        """
        What a sync says of it; *by_thread*: the client counts threads apart.

        Spec: client-server-api#get_matrixclientv3sync
        """
        if not by_thread:
            return {"unread_notifications": self.total.to_json()}
        threads: JSONObject = {
            thread_id: count.to_json() for thread_id, count in self.threads.items() if thread_id != MAIN_THREAD
        }
        parts: JSONObject = {"unread_notifications": self.main.to_json()}
        if threads:
            parts["unread_thread_notifications"] = threads
        return parts


@frozen(eq=False)
class Tally:
    """
    What is unread up to *upto*, after what was *read*.

    *marks*: the receipts that *read* follows from; *row_position*: the membership under which it was counted;
    *uncounted*: events looked at since it was last put down.
    """

    marks: frozenset[tuple[str, Ordering]]
    read: ReadUpTo
    row_position: Position
    upto: Ordering
    counts: Mapping[str, Count]
    uncounted: int = 0

    @property
    def unread(self) -> Unread:
        """What clients are told of it."""
        return Unread({thread: count for thread, count in self.counts.items() if count.notify})

    def counted(self, upto: Ordering, counts: Mapping[str, Count], looked_at: int) -> "Tally":
        """With the events up to *upto*, of which there were so many."""
        return Tally(self.marks, self.read, self.row_position, upto, counts, self.uncounted + looked_at)

    def restarted(self) -> "Tally":
        """Before anything was counted."""
        return evolve(self, upto=self.read.everywhere, counts={})

    def reread(self, marks: frozenset[tuple[str, Ordering]], read: ReadUpTo, row_position: Position) -> "Tally":
        """The same after the user has read on."""
        moved = evolve(self, marks=marks, read=read, row_position=row_position)
        still = {thread: count for thread, count in self.counts.items() if read.of(thread) < self.upto}
        if all(read.of(thread) == self.read.of(thread) for thread in still) and read.everywhere >= self.read.everywhere:
            return evolve(moved, counts=still)
        return moved.restarted()
