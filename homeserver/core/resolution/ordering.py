"""
Who comes first: the two orders in which v2 takes events.

Spec: rooms/v2#definitions
"""

from collections.abc import Collection, Mapping
from heapq import heapify, heappop, heappush

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID
from homeserver.core.power_levels import Level, PowerLevels, power_levels_of
from homeserver.core.resolution.auth_chains import AuthChains


def reverse_topological_power_order(event_ids: Collection[EventID], events: Mapping[EventID, Event]) -> list[EventID]:
    """
    These events, each after those of them that it cites; among those free to come, the most powerful sender's first,
    then the earliest, then the least ID.

    *events* must hold them, all that they cite, and the create event.
    """
    chosen = frozenset(event_ids)
    waiting: dict[EventID, int] = {}
    cited_by: dict[EventID, list[EventID]] = {event_id: [] for event_id in chosen}
    for event_id in chosen:
        cited = {auth_id for auth_id in events[event_id].auth_events if auth_id in chosen}
        waiting[event_id] = len(cited)
        for auth_id in cited:
            cited_by[auth_id].append(event_id)
    levels = _sender_levels(chosen, events)
    ranks = {event_id: (-levels[event_id], events[event_id].origin_server_ts, event_id) for event_id in chosen}
    free = [ranks[event_id] for event_id, count in waiting.items() if not count]
    heapify(free)
    order: list[EventID] = []
    while free:
        event_id = heappop(free)[2]
        order.append(event_id)
        for later in cited_by[event_id]:
            waiting[later] -= 1
            if not waiting[later]:
                heappush(free, ranks[later])
    return order


def mainline_order(
    event_ids: Collection[EventID], levels: EventID | None, events: Mapping[EventID, Event], chains: AuthChains
) -> list[EventID]:
    """
    These events, those first that stand on older power levels of the mainline of *levels*; then the earliest, then the
    least ID.
    """
    positions = chains.mainline_positions(levels, event_ids)
    return sorted(event_ids, key=lambda event_id: (-positions[event_id], events[event_id].origin_server_ts, event_id))


def create_event_of(event: Event) -> EventID | None:
    """Since v12: the create event, which the room ID names; before, it is among the auth events (None)."""
    if event.version.auth.room_id_is_create_hash and event.type != "m.room.create":
        return EventID("$" + event.room_id[1:])
    return None


def _sender_levels(event_ids: Collection[EventID], events: Mapping[EventID, Event]) -> dict[EventID, Level]:
    """The power level of each event's sender by what the event cites."""
    known: dict[tuple[EventID | None, EventID | None], PowerLevels] = {}
    levels: dict[EventID, Level] = {}
    for event_id in event_ids:
        event = events[event_id]
        cited = {auth.key: auth for auth_id in event.auth_events if (auth := events[auth_id]).is_state}
        create_id = create_event_of(event)
        if create_id is not None:
            cited[CREATE] = events[create_id]
        named = (_id_of(cited.get(POWER_LEVELS)), _id_of(cited.get(CREATE)))
        if named not in known:
            known[named] = power_levels_of(cited, event.version)
        levels[event_id] = known[named].of(event.sender)
    return levels


def _id_of(event: Event | None) -> EventID | None:
    return None if event is None else event.event_id
