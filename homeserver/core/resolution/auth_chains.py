"""
The auth chains of a room: who cites whom as auth event, all the way back to its creation.

Spec: rooms/v2#definitions

An event gets the next number when it is added, after all that it cites: so numbers fall along every chain, and a walk
that follows the highest number first has met all descendants of an event before it meets the event.  That is how two
chains are compared without walking what they share, and how a walk stops below the oldest event that it looks for.
Whole chains are not kept: in a room of 20,000 members they would be 20,000 sets of up to 20,000.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from attrs import define, field, frozen

from homeserver.core.events import Event
from homeserver.core.identifiers import EventID

_NO_LEVELS = -1


@frozen
class ChainLink:
    """What the auth chains must know of one event."""

    event_id: EventID
    event_type: str
    auth_events: tuple[EventID, ...]

    @classmethod
    def of(cls, event: Event) -> "ChainLink":
        return cls(event.event_id, event.type, event.auth_events)


@define(eq=False)
class AuthChains:
    """The auth events of one room as a graph; it only grows."""

    _numbers: dict[EventID, int] = field(factory=dict)
    _event_ids: list[EventID] = field(factory=list, repr=False)
    _cited: list[tuple[int, ...]] = field(factory=list, repr=False)
    """By number: the numbers of its auth events, all lower than its own."""
    _levels: list[int] = field(factory=list, repr=False)
    """By number: the m.room.power_levels among its auth events."""
    _are_levels: bytearray = field(factory=bytearray, repr=False)

    def __contains__(self, event_id: EventID) -> bool:
        return event_id in self._numbers

    def __len__(self) -> int:
        return len(self._event_ids)

    def add(self, link: ChainLink) -> None:
        """The event is known; all that it cites must be known already, and what is known stays as it is."""
        if link.event_id in self._numbers:
            return
        numbers = self._numbers
        cited = tuple(numbers[event_id] for event_id in link.auth_events)
        numbers[link.event_id] = len(self._event_ids)
        self._event_ids.append(link.event_id)
        self._cited.append(cited)
        self._levels.append(next((number for number in cited if self._are_levels[number]), _NO_LEVELS))
        self._are_levels.append(link.event_type == "m.room.power_levels")

    def add_all(self, links: Iterable[ChainLink]) -> frozenset[EventID]:
        """
        The events are known, in whatever order they come; answers what they cite that nobody told of.

        What leads there stays unknown, until it is told again together with what is missing.
        """
        pending = {link.event_id: link for link in links if link.event_id not in self._numbers}
        missing: set[EventID] = set()
        entered: set[EventID] = set()
        for start in list(pending):
            stack = [start]
            while stack:
                link = pending.get(stack[-1])
                if link is None or link.event_id in self._numbers:
                    stack.pop()
                    continue
                unknown = [event_id for event_id in link.auth_events if event_id not in self._numbers]
                if link.event_id not in entered:
                    entered.add(link.event_id)
                    missing.update(event_id for event_id in unknown if event_id not in pending)
                    stack.extend(event_id for event_id in unknown if event_id in pending and event_id not in entered)
                    if unknown:
                        continue
                stack.pop()
                if not unknown:
                    self.add(link)
        return frozenset(missing)

    def unknown(self, event_ids: Iterable[EventID]) -> frozenset[EventID]:
        """Those that were not added."""
        return frozenset(event_id for event_id in event_ids if event_id not in self._numbers)

    def difference(self, branches: Sequence[Iterable[EventID]], shared: Iterable[EventID]) -> frozenset[EventID] | None:
        """
        What is in the auth chains of some branches and not of all: the auth difference.

        *branches*: for each, the events of its state that are not in every state; *shared*: those that are.  None when
        one of the shared must be known to tell, and is not: ``unknown`` says which.
        """
        every = (1 << len(branches)) - 1
        flags: dict[int, int] = {}
        for bit, branch in enumerate(branches):
            for event_id in branch:
                for number in self._cited[self._numbers[event_id]]:
                    flags[number] = flags.get(number, 0) | 1 << bit
        partly = self._paint(flags, every)
        if not partly:
            return frozenset()
        # Only a younger event can have one of them in its chain.
        oldest = min(partly)
        numbers = self._numbers
        try:
            younger = [number for event_id in shared if (number := numbers[event_id]) > oldest]
        except KeyError:
            return None
        return self._named(partly.difference(self._ancestors(younger, oldest)))

    def between(self, event_ids: Collection[EventID]) -> frozenset[EventID]:
        """These events, and all on the paths from one of them to another."""
        ends = {self._numbers[event_id] for event_id in event_ids}
        if not ends:
            return frozenset()
        reaching: set[int] = set()
        for number in sorted(ends | self._ancestors(ends, min(ends))):
            if number in ends or not reaching.isdisjoint(self._cited[number]):
                reaching.add(number)
        return self._named(reaching)

    def ancestors_among(self, event_ids: Iterable[EventID], among: Collection[EventID]) -> frozenset[EventID]:
        """Those of *among* that are in the auth chain of one of these events."""
        wanted = {self._numbers[event_id] for event_id in among}
        if not wanted:
            return frozenset()
        starts = (self._numbers[event_id] for event_id in event_ids)
        return self._named(wanted & self._ancestors(starts, min(wanted)))

    def mainline_positions(self, levels: EventID | None, event_ids: Iterable[EventID]) -> Mapping[EventID, int]:
        """
        Where each event joins the mainline of *levels*, an m.room.power_levels: 0 at *levels* itself.

        Who never joins it gets a position past its end; with no *levels* nobody does.
        """
        number = _NO_LEVELS if levels is None else self._numbers[levels]
        positions: dict[int, int] = {}
        while number != _NO_LEVELS:
            positions[number] = len(positions)
            number = self._levels[number]
        positions[_NO_LEVELS] = len(positions)
        return {event_id: self._join(self._levels[self._numbers[event_id]], positions) for event_id in event_ids}

    def _join(self, number: int, positions: dict[int, int]) -> int:
        passed: list[int] = []
        while number not in positions:
            passed.append(number)
            number = self._levels[number]
        for earlier in passed:
            positions[earlier] = positions[number]
        return positions[number]

    def _paint(self, flags: dict[int, int], every: int) -> set[int]:
        """
        *flags* carried down all chains, as far as the branches differ; answers who did not get them all.

        What has every flag passes every flag on: once nothing else is left, the rest is shared.
        """
        heap = [-number for number in flags]
        heapify(heap)
        differing = sum(flag != every for flag in flags.values())
        partly: set[int] = set()
        while differing:
            number = -heappop(heap)
            flag = flags[number]
            if flag != every:
                partly.add(number)
                differing -= 1
            for cited in self._cited[number]:
                before = flags.get(cited)
                if before is None:
                    flags[cited] = flag
                    heappush(heap, -cited)
                    differing += flag != every
                elif before | flag != before:
                    flags[cited] = before | flag
                    differing -= before | flag == every
        return partly

    def _ancestors(self, starts: Iterable[int], oldest: int) -> set[int]:
        """All that these cite, directly or not, down to the number *oldest*."""
        found: set[int] = set()
        pending = list(starts)
        while pending:
            for number in self._cited[pending.pop()]:
                if number >= oldest and number not in found:
                    found.add(number)
                    pending.append(number)
        return found

    def _named(self, numbers: Iterable[int]) -> frozenset[EventID]:
        return frozenset(self._event_ids[number] for number in numbers)
