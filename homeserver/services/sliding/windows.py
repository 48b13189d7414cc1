"""Which of a user's rooms the lists of a request show."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import frozen

from homeserver.core.identifiers import RoomID
from homeserver.core.sliding.requests import Ranges
from homeserver.services.sliding.room_orders import RoomOrder

FEW: Final = 8
"""Of so many times more rooms than match, those that match are put in order; of fewer, the order is walked along."""


@frozen(eq=False)
class Window:
    """One list: of the rooms that *matching* holds (None: all) those at *ranges* (None: all)."""

    name: str
    ranges: Ranges | None
    matching: Collection[RoomID] | None


def picked(order: RoomOrder, windows: Iterable[Window]) -> dict[RoomID, list[str]]:
    """Every room that any of *windows* shows, with their names."""
    found: dict[RoomID, list[str]] = {}
    for window in windows:
        for room_id in _within(_in_order(order, window), window.ranges):
            names = found.get(room_id)
            if names is None:
                found[room_id] = [window.name]
            else:
                names.append(window.name)
    return found


def counted(order: RoomOrder, window: Window) -> int:
    """How many rooms there are, whatever the ranges."""
    if window.matching is None:
        return len(order.positions) - len(order.hidden & order.positions.keys())
    return len(window.matching) - len(order.hidden.intersection(window.matching))


def _in_order(order: RoomOrder, window: Window) -> Iterator[RoomID]:
    """The rooms of the list, that where something happened last first."""
    positions, matching, hidden = order.positions, window.matching, order.hidden
    if matching is None:
        return reversed(positions) if not hidden else (each for each in reversed(positions) if each not in hidden)
    if len(matching) * FEW < len(positions):
        there: Sequence[RoomID] = [each for each in matching if each in positions and each not in hidden]
        return iter(sorted(there, key=lambda room_id: positions[room_id], reverse=True))
    return (each for each in reversed(positions) if each in matching and each not in hidden)


def _within(rooms: Iterator[RoomID], ranges: Ranges | None) -> Iterator[RoomID]:
    if ranges is None:
        yield from rooms
        return
    reached = 0
    for first, last in ranges:
        # In ascending order; what an earlier range showed is gone by.
        if last >= reached:
            start = max(first, reached)
            yield from islice(rooms, start - reached, last + 1 - reached)
            reached = last + 1
