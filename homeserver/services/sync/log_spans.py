"""
What the log says in a span: looked through once for all who wait for the same.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import define, field, frozen

from homeserver.core.log import RECEIPT, LogEntry, Position
from homeserver.services.log_tail import LogTail

SHARED_MAX: Final = 16
"""Spans that are kept."""

_NONE: Final[Mapping[str, Position]] = {}
_NO_ROOMS: Final[frozenset[str]] = frozenset()


@frozen(eq=False)
class Changes:
    """
    What happened in a span, to whomever: ``{kind: {subject: where last}}``, of each kind what happened last at the end.

    None: the span begins before what is in memory, and anything may have changed.
    """

    subjects: Mapping[str, Mapping[str, Position]] | None
    readers: Mapping[int, AbstractSet[str]] = field(factory=dict)
    """The rooms in which receipts of local users moved, by the mark that stands for a user."""
    kinds: frozenset[str] = field(init=False)
    """Of all entries, where they are known."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "kinds", frozenset(self.subjects or ()))

    def touches(self, kind: str, subject: str) -> bool:
        """Whether there may be an entry of that kind and subject."""
        return self.subjects is None or subject in self.subjects.get(kind, _NONE)

    def of_kind(self, kind: str) -> AbstractSet[str] | None:
        """The subjects of all entries of a kind; None: not known."""
        return None if self.subjects is None else self.subjects.get(kind, _NONE).keys()

    def last_of(self, kind: str) -> Mapping[str, Position]:
        """Where the last entry of each subject is; of a span that is known."""
        assert self.subjects is not None, "the caller has looked"
        return self.subjects.get(kind, _NONE)

    def read_by(self, mark: int) -> AbstractSet[str] | None:
        """The rooms in which the user's receipts may have moved; None: not known."""
        return None if self.subjects is None else self.readers.get(mark, _NO_ROOMS)


ANYTHING: Final = Changes(None)


def changes_of(entries: Iterable[LogEntry]) -> Changes:
    """What *entries* say."""
    subjects: dict[str, dict[str, Position]] = {}
    readers: dict[int, set[str]] = {}
    for entry in entries:
        of_kind = subjects.setdefault(entry.kind, {})
        # What comes again moves to the end.
        of_kind.pop(entry.subject, None)
        of_kind[entry.subject] = entry.position
        if entry.kind == RECEIPT and entry.ref is not None:
            readers.setdefault(entry.ref, set()).add(entry.subject)
    return Changes(subjects, readers)


@define(eq=False)
class LogSpans:
    """Spans of the log's tail; one of more than *entries_max* entries is not looked through."""

    tail: LogTail
    entries_max: int
    _shared: dict[tuple[Position, Position], Changes] = field(init=False, factory=dict)

    def between(self, after: Position, upto: Position) -> Changes:
        """What happened at positions in ``(after, upto]``."""
        found = self._shared.get((after, upto))
        if found is None:
            entries = self.tail.between(after, upto) if upto - after <= self.entries_max else None
            found = self._shared[after, upto] = ANYTHING if entries is None else changes_of(entries)
            while len(self._shared) > SHARED_MAX:
                del self._shared[next(iter(self._shared))]
        return found
