"""
The door to state resolution.

Spec: rooms/v2#state-resolution
"""

from collections.abc import Collection, Mapping, Sequence

from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.auth_chains import AuthChains
from homeserver.core.resolution.conflict import Conflict, StateChanges, StateIDs, applied_to, changes_between
from homeserver.core.resolution.needs import Needs
from homeserver.core.resolution.v1 import resolve_v1
from homeserver.core.resolution.v2 import resolve_v2
from homeserver.core.versions import RoomVersion

_NONE: frozenset[EventID] = frozenset()


def resolve(
    version: RoomVersion,
    states: Sequence[StateIDs],
    events: Mapping[EventID, Event],
    chains: AuthChains,
    rejected: Collection[EventID] = _NONE,
) -> dict[StateKey, EventID] | Needs:
    """
    The one state that *states* resolve to, or what must be known before it can be said.

    *events* and *chains* hold what is loaded so far: at first they may be empty.  *rejected*: those of the events that
    were rejected.  In room version 1 *chains* are not looked at.
    """
    distinct: list[StateIDs] = []
    for state in states:
        if not any(state is known or state == known for known in distinct):
            distinct.append(state)
    if len(distinct) <= 1:
        return dict(distinct[0]) if distinct else {}
    common = distinct[0]
    branches = [changes_between(common, state) for state in distinct]
    changes = resolve_branches(version, common, branches, events, chains, rejected)
    return changes if isinstance(changes, Needs) else applied_to(common, changes)


def resolve_branches(
    version: RoomVersion,
    common: StateIDs,
    branches: Sequence[StateChanges],
    events: Mapping[EventID, Event],
    chains: AuthChains,
    rejected: Collection[EventID] = _NONE,
) -> StateChanges | Needs:
    """
    The same for states that are known as differences from one of any kind, answered as a difference from it.

    A branch without changes stands for *common* itself.  The common state is walked only where the auth chains of the
    branches differ.
    """
    conflict = Conflict.among(common, branches)
    if not conflict.disputed:
        return conflict.agreed
    if version.resolution == "v1":
        return resolve_v1(conflict, events)
    return resolve_v2(conflict, events, chains, rejected, from_nothing=version.resolution == "v2.1")
