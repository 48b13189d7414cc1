"""
State resolution of room version 1.

Spec: rooms/v1#state-resolution
"""

from collections.abc import Iterable, Mapping
from hashlib import sha1

from homeserver.core.auth_events import JOIN_RULES, POWER_LEVELS, rule_keys_of
from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.conflict import Conflict, StateChanges
from homeserver.core.resolution.needs import Needs


def resolve_v1(conflict: Conflict, events: Mapping[EventID, Event]) -> StateChanges | Needs:
    """The resolution, as changes of ``conflict.common``."""
    # A key that some states do not have is no conflict here.
    choices = {key: {value for value in values if value is not None} for key, values in conflict.disputed.items()}
    resolved: dict[StateKey, EventID | None] = dict(conflict.agreed)
    resolved.update((key, next(iter(ids))) for key, ids in choices.items() if len(ids) == 1)
    contested = {key: ids for key, ids in choices.items() if len(ids) > 1}
    missing = _missing(contested.values(), resolved, conflict, events)
    if missing:
        return Needs(missing)
    candidates = {key: _oldest_first(ids, events) for key, ids in contested.items()}

    for is_phase in (_is_power_levels, _is_join_rules, _is_member):
        # What one key gets does not depend on what another of the same phase gets.
        chosen = {
            key: _last_of_unbroken(key, candidates[key], resolved, conflict, events)
            for key in candidates
            if is_phase(key)
        }
        resolved.update(chosen)
        candidates = {key: listed for key, listed in candidates.items() if key not in chosen}
    resolved.update({key: _newest_allowed(listed, resolved, conflict, events) for key, listed in candidates.items()})
    return resolved


def _last_of_unbroken(
    key: StateKey,
    candidates: list[Event],
    resolved: Mapping[StateKey, EventID | None],
    conflict: Conflict,
    events: Mapping[EventID, Event],
) -> EventID:
    """The oldest event is taken as it is, and each next one that the state with the last one taken allows."""
    state = {**resolved, key: candidates[0].event_id}
    for event in candidates[1:]:
        if not check_event(event, _auth_state(event, state, conflict, events)):
            break
        state[key] = event.event_id
    taken = state[key]
    assert taken is not None, "it starts as the oldest candidate"
    return taken


def _newest_allowed(
    candidates: list[Event],
    resolved: Mapping[StateKey, EventID | None],
    conflict: Conflict,
    events: Mapping[EventID, Event],
) -> EventID | None:
    for event in reversed(candidates):
        if check_event(event, _auth_state(event, resolved, conflict, events)):
            return event.event_id
    return None


def _auth_state(
    event: Event, resolved: Mapping[StateKey, EventID | None], conflict: Conflict, events: Mapping[EventID, Event]
) -> dict[StateKey, Event]:
    state: dict[StateKey, Event] = {}
    for key in rule_keys_of(event):
        event_id = resolved[key] if key in resolved else conflict.undisputed(key)
        if event_id is not None:
            state[key] = events[event_id]
    return state


def _missing(
    contested: Iterable[set[EventID]],
    resolved: Mapping[StateKey, EventID | None],
    conflict: Conflict,
    events: Mapping[EventID, Event],
) -> frozenset[EventID]:
    """What must be loaded: first the events in conflict, then those of the state that the rules hold them against."""
    disputed = {event_id for ids in contested for event_id in ids}
    missing = frozenset(event_id for event_id in disputed if event_id not in events)
    if missing:
        return missing
    keys = {key for event_id in disputed for key in rule_keys_of(events[event_id])}
    needed = (resolved[key] if key in resolved else conflict.undisputed(key) for key in keys)
    return frozenset(event_id for event_id in needed if event_id is not None and event_id not in events)


def _oldest_first(event_ids: Iterable[EventID], events: Mapping[EventID, Event]) -> list[Event]:
    """By ascending depth, then by descending SHA-1 of the ID."""
    by_hash = sorted((events[event_id] for event_id in event_ids), key=_hash_of_id, reverse=True)
    return sorted(by_hash, key=lambda event: event.depth)


def _hash_of_id(event: Event) -> bytes:
    return sha1(event.event_id.encode(), usedforsecurity=False).digest()


def _is_power_levels(key: StateKey) -> bool:
    return key == POWER_LEVELS


def _is_join_rules(key: StateKey) -> bool:
    return key == JOIN_RULES


def _is_member(key: StateKey) -> bool:
    return key[0] == "m.room.member"
