"""The ends of a room's DAG: events that no other event follows yet."""

from collections.abc import Callable, Iterable, Mapping

from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Status, TimelineEvent


def passed_over(prev_events: Iterable[EventID], known: Callable[[EventID], TimelineEvent | None]) -> set[EventID]:
    """
    The events that are no end of the DAG any more once an accepted event follows *prev_events*.

    What was soft-failed or rejected is not an end itself; who follows it has seen what it followed.
    """
    passed: set[EventID] = set()
    pending = list(prev_events)
    while pending:
        event_id = pending.pop()
        if event_id in passed:
            continue
        passed.add(event_id)
        entry = known(event_id)
        if entry is not None and entry.status in {Status.SOFT_FAILED, Status.REJECTED}:
            pending.extend(entry.event.prev_events)
    return passed


def advance(
    extremities: Mapping[EventID, int], passed: set[EventID], event_id: EventID, depth: int
) -> dict[EventID, int]:
    """The ends once *event_id* is one of them and those in *passed* are not; with depths."""
    remaining = {other: its_depth for other, its_depth in extremities.items() if other not in passed}
    remaining[event_id] = depth
    return remaining
