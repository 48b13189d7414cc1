"""
State resolution v2 and v2.1 word by word as the spec defines them, with whole states and whole auth chains.

Slow and plain: what the real one is held against.  Spec: rooms/v12#state-resolution
"""

from collections.abc import Mapping, Sequence

from homeserver.core.auth_events import CREATE, POWER_LEVELS, rule_keys_of
from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.power_levels import Level, power_levels_of

State = Mapping[StateKey, EventID]
Events = Mapping[EventID, Event]


def reference_resolve(states: Sequence[State], events: Events, *, revised: bool) -> dict[StateKey, EventID]:
    """The resolution of *states*; *revised*: by v2.1."""
    keys = {key for state in states for key in state}
    unconflicted = {
        key: states[0][key] for key in keys if len({state.get(key) for state in states}) == 1 and key in states[0]
    }
    conflicted = {state[key] for state in states for key in state if key not in unconflicted}
    chains = [_chain(state.values(), events) for state in states]
    full = conflicted | (chains[0].union(*chains) - chains[0].intersection(*chains))
    if revised:
        full |= {x for x in events if _lies_between(x, conflicted, events)}
    power = {event_id for event_id in full if _is_power_event(events[event_id])}
    first = power | {x for event_id in power for x in _chain([event_id], events) if x in full}
    partial = _apply(_power_order(first, events), {} if revised else unconflicted, events)
    rest = _mainline_order(full - first, partial.get(POWER_LEVELS), events)
    return {**_apply(rest, partial, events), **unconflicted}


def _chain(event_ids: object, events: Events) -> set[EventID]:
    found: set[EventID] = set()
    pending = [cited for event_id in event_ids for cited in events[event_id].auth_events]  # type: ignore[attr-defined]
    while pending:
        event_id = pending.pop()
        if event_id not in found:
            found.add(event_id)
            pending.extend(events[event_id].auth_events)
    return found


def _lies_between(event_id: EventID, conflicted: set[EventID], events: Events) -> bool:
    above = any(event_id in _chain([x], events) for x in conflicted)
    return above and not _chain([event_id], events).isdisjoint(conflicted)


def _is_power_event(event: Event) -> bool:
    removes = event.membership in ("leave", "ban") and event.sender != event.state_key
    return event.type in ("m.room.power_levels", "m.room.join_rules") or removes


def _cited(event: Event, events: Events) -> dict[StateKey, Event]:
    cited = {events[event_id].key: events[event_id] for event_id in event.auth_events}
    if event.version.auth.room_id_is_create_hash:
        cited[CREATE] = events[EventID("$" + event.room_id[1:])]
    return cited


def _power_order(chosen: set[EventID], events: Events) -> list[EventID]:
    def rank(event_id: EventID) -> tuple[Level, int, EventID]:
        event = events[event_id]
        level = power_levels_of(_cited(event, events), event.version).of(event.sender)
        return (-level, event.origin_server_ts, event_id)

    order: list[EventID] = []
    left = set(chosen)
    while left:
        free = [event_id for event_id in left if left.isdisjoint(events[event_id].auth_events)]
        order.append(min(free, key=rank))
        left.remove(order[-1])
    return order


def _levels_before(event_id: EventID, events: Events) -> EventID | None:
    return next((x for x in events[event_id].auth_events if events[x].key == POWER_LEVELS), None)


def _mainline_order(chosen: set[EventID], levels: EventID | None, events: Events) -> list[EventID]:
    mainline: list[EventID] = []
    while levels is not None:
        mainline.append(levels)
        levels = _levels_before(levels, events)

    def rank(event_id: EventID) -> tuple[float, int, EventID]:
        before = _levels_before(event_id, events)
        while before is not None and before not in mainline:
            before = _levels_before(before, events)
        position = float("inf") if before is None else mainline.index(before)
        return (-position, events[event_id].origin_server_ts, event_id)

    return sorted(chosen, key=rank)


def _apply(order: list[EventID], start: State, events: Events) -> dict[StateKey, EventID]:
    state = dict(start)
    for event_id in order:
        event = events[event_id]
        now = {key: events[state[key]] for key in rule_keys_of(event) if key in state}
        if check_event(event, {**_cited(event, events), **now}):
            state[event.key] = event_id
    return state
