"""
What several states disagree on.

Spec: rooms/v2#definitions
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID

StateIDs: TypeAlias = Mapping[StateKey, EventID]
StateChanges: TypeAlias = Mapping[StateKey, EventID | None]
"""What differs from another state; None: the key is not there."""


@frozen(eq=False)
class Conflict:
    """
    Several states as differences from one map, which is not copied.

    *common*: any state that they are told from.  *agreed*: keys in which all of them differ from it alike.
    *disputed*: for each other key in which one differs, the event of each state.
    """

    common: StateIDs
    agreed: StateChanges
    disputed: Mapping[StateKey, tuple[EventID | None, ...]]

    @classmethod
    def among(cls, common: StateIDs, branches: Sequence[StateChanges]) -> "Conflict":
        """The conflict of the states that *branches* make of *common*."""
        agreed: dict[StateKey, EventID | None] = {}
        disputed: dict[StateKey, tuple[EventID | None, ...]] = {}
        for key in dict.fromkeys(key for branch in branches for key in branch):
            usual = common.get(key)
            values = tuple(branch.get(key, usual) for branch in branches)
            if any(value != values[0] for value in values):
                disputed[key] = values
            elif values[0] != usual:
                agreed[key] = values[0]
        return cls(common, agreed, disputed)

    def undisputed(self, key: StateKey) -> EventID | None:
        """What all states have under the key; None when they differ, or none has it."""
        if key in self.disputed:
            return None
        return self.agreed[key] if key in self.agreed else self.common.get(key)

    def undisputed_events(self) -> Iterator[EventID]:
        """The events that all states have."""
        for key, event_id in self.common.items():
            if key not in self.disputed and key not in self.agreed:
                yield event_id
        yield from (event_id for event_id in self.agreed.values() if event_id is not None)

    def disputed_events(self) -> list[frozenset[EventID]]:
        """For each state, its events that not all have."""
        return [
            frozenset(event_id for event_id in branch if event_id is not None)
            for branch in zip(*self.disputed.values(), strict=True)
        ]


def changes_between(old: StateIDs, new: StateIDs) -> StateChanges:
    """What makes *new* of *old*."""
    changes: dict[StateKey, EventID | None] = {
        key: event_id for key, event_id in new.items() if old.get(key) != event_id
    }
    if sum(key not in old for key in changes) + len(old) > len(new):
        changes.update((key, None) for key in old if key not in new)
    return changes


def applied_to(common: StateIDs, changes: StateChanges) -> dict[StateKey, EventID]:
    """*common* after the changes."""
    state = dict(common)
    for key, event_id in changes.items():
        if event_id is None:
            state.pop(key, None)
        else:
            state[key] = event_id
    return state
