"""
State resolution since room version 2, and its revision 2.1 since version 12.

Spec: rooms/v2#algorithm and rooms/v12#algorithm
"""

from collections.abc import Collection, Iterable, Mapping

from attrs import field, frozen

from homeserver.core.auth_events import CREATE, POWER_LEVELS, rule_keys_of
from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.auth_chains import AuthChains
from homeserver.core.resolution.conflict import Conflict, StateChanges
from homeserver.core.resolution.needs import Needs
from homeserver.core.resolution.ordering import create_event_of, mainline_order, reverse_topological_power_order


def resolve_v2(
    conflict: Conflict,
    events: Mapping[EventID, Event],
    chains: AuthChains,
    rejected: Collection[EventID],
    *,
    from_nothing: bool,
) -> StateChanges | Needs:
    """
    The resolution, as changes of ``conflict.common``.

    *from_nothing* makes it v2.1: checks start from an empty state, and what lies between events in conflict is in
    conflict too.
    """
    full = _full_conflicted_set(conflict, chains, with_subgraph=from_nothing)
    if isinstance(full, Needs):
        return full
    missing = _missing(full, events)
    if missing:
        return Needs(missing)
    checks = Checks(conflict, events, rejected, starts_empty=from_nothing)
    missing = checks.missing(full)
    if missing:
        return Needs(missing)
    # Only state events can be part of a state, whatever an event cites.
    full = frozenset(event_id for event_id in full if events[event_id].is_state)

    # Step 1: power events, and what of the conflict authorized them.
    power = {event_id for event_id in full if is_power_event(events[event_id])}
    power |= chains.ancestors_among(power, full)
    # Step 2.
    checks.apply(reverse_topological_power_order(power, events))
    # Steps 3 and 4.
    levels = checks.current(POWER_LEVELS)
    unknown = chains.unknown(() if levels is None else (levels,))
    if unknown:
        return Needs(chain_ids=unknown)
    checks.apply(mainline_order(full - power, levels, events, chains))
    # Step 5.
    return checks.outcome()


def is_power_event(event: Event) -> bool:
    """Whether a state event might take away someone's ability to do something in the room."""
    if event.type in {"m.room.power_levels", "m.room.join_rules"}:
        return event.is_state
    return event.membership in {"leave", "ban"} and event.is_state and event.sender != event.state_key


@frozen(eq=False)
class Checks:
    """The iterative auth checks, and the state that grows by them."""

    conflict: Conflict
    events: Mapping[EventID, Event]
    rejected: Collection[EventID]
    starts_empty: bool
    resolved: dict[StateKey, EventID] = field(factory=dict)
    """The events that passed; the undisputed state stands behind them, unless it starts empty."""

    def current(self, key: StateKey) -> EventID | None:
        """What the state resolved so far has under the key."""
        event_id = self.resolved.get(key)
        if event_id is None and not self.starts_empty:
            return self.conflict.undisputed(key)
        return event_id

    def missing(self, event_ids: Iterable[EventID]) -> frozenset[EventID]:
        """What must be loaded before these events, which are, can be checked and ordered."""
        needed: set[EventID] = set()
        keys: set[StateKey] = set()
        for event_id in event_ids:
            event = self.events[event_id]
            needed.update(event.auth_events)
            create_id = create_event_of(event)
            if create_id is not None:
                needed.add(create_id)
            keys.update(rule_keys_of(event))
        standing = (self.current(key) for key in keys)
        needed.update(event_id for event_id in standing if event_id is not None)
        return _missing(needed, self.events)

    def apply(self, event_ids: Iterable[EventID]) -> None:
        """Each event that the state before it allows becomes part of the state."""
        for event_id in event_ids:
            event = self.events[event_id]
            if check_event(event, self._auth_state(event)):
                self.resolved[event.key] = event_id

    def outcome(self) -> StateChanges:
        """What came of it; of what was not disputed nothing changes."""
        changes: dict[StateKey, EventID | None] = dict(self.conflict.agreed)
        changes.update((key, self.resolved.get(key)) for key in self.conflict.disputed)
        # What only the auth chains held may have passed as well, under a key that no state has.
        changes.update(
            (key, event_id)
            for key, event_id in self.resolved.items()
            if key not in self.conflict.disputed and self.conflict.undisputed(key) is None
        )
        return changes

    def _auth_state(self, event: Event) -> dict[StateKey, Event]:
        state: dict[StateKey, Event] = {}
        lacking: set[StateKey] = set()
        for key in rule_keys_of(event):
            event_id = self.current(key)
            if event_id is None:
                lacking.add(key)
            else:
                state[key] = self.events[event_id]
        if lacking:
            state.update(self._cited(event, lacking))
        return state

    def _cited(self, event: Event, keys: set[StateKey]) -> dict[StateKey, Event]:
        """What the event itself cites under these keys.  Rejected auth events do not stand in for state."""
        cited = [self.events[auth_id] for auth_id in event.auth_events if auth_id not in self.rejected]
        found = {auth.key: auth for auth in cited if auth.is_state and auth.key in keys}
        create_id = create_event_of(event)
        if CREATE in keys and create_id is not None and create_id not in self.rejected:
            found[CREATE] = self.events[create_id]
        return found


def _full_conflicted_set(conflict: Conflict, chains: AuthChains, *, with_subgraph: bool) -> frozenset[EventID] | Needs:
    branches = conflict.disputed_events()
    disputed = frozenset[EventID]().union(*branches)
    unknown = chains.unknown(disputed)
    if unknown:
        return Needs(chain_ids=unknown)
    difference = chains.difference(branches, conflict.undisputed_events())
    if difference is None:
        return Needs(chain_ids=chains.unknown(conflict.undisputed_events()))
    full = disputed | difference
    return full | chains.between(disputed) if with_subgraph else full


def _missing(event_ids: Iterable[EventID], events: Mapping[EventID, Event]) -> frozenset[EventID]:
    return frozenset(event_id for event_id in event_ids if event_id not in events)
