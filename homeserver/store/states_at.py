"""The state before an event, wherever it is kept."""

from collections.abc import Iterable

from sqlalchemy import Connection

from homeserver.core.canonical import load_json
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, ServerName, server_of
from homeserver.core.timeline import Ordering, position_of
from homeserver.store import events, state


def before(tx: Connection, room_nid: int, event_nid: int, ordering: Ordering | None) -> dict[StateKey, int] | None:
    """
    {(type, state_key): event nid} before the event; None when it is not known, as for an outlier.

    *ordering*: the event's own.
    """
    own = state.state_before(tx, event_nid)
    if own is not None:
        return state.resolve_state(tx, own)
    if ordering is None:
        return None
    return state.state_as_of(tx, room_nid, position_of(ordering) - 1)


def entries_before(
    tx: Connection, room_nid: int, event_nid: int, ordering: Ordering | None, keys: Iterable[StateKey]
) -> dict[StateKey, int] | None:
    """Of the same, those entries whose keys are *keys*."""
    own = state.state_before(tx, event_nid)
    if own is not None:
        return state.entries_of(tx, own, keys)
    if ordering is None:
        return None
    return state.entries_as_of(tx, room_nid, keys, position_of(ordering) - 1)


def ids_before(
    tx: Connection, room_nid: int, event_nid: int, ordering: Ordering | None
) -> dict[StateKey, EventID] | None:
    """As ``before``, by event ID."""
    found = before(tx, room_nid, event_nid, ordering)
    return None if found is None else _by_id(tx, found)


def ids_as_of(tx: Connection, room_nid: int, position: int) -> dict[StateKey, EventID]:
    """The room's current state after *position*, by event ID."""
    return _by_id(tx, state.state_as_of(tx, room_nid, position))


def _by_id(tx: Connection, found: dict[StateKey, int]) -> dict[StateKey, EventID]:
    ids = events.ids_of(tx, found.values())
    return {key: ids[nid] for key, nid in found.items()}


def memberships_before(
    tx: Connection, room_nid: int, event_nid: int, ordering: Ordering | None, server: ServerName
) -> set[str]:
    """The memberships that users of *server* had before the event; empty when the state there is not known."""
    own = state.state_before(tx, event_nid)
    if own is None:
        if ordering is None:
            return set()
        members = state.members_as_of(tx, room_nid, position_of(ordering) - 1)
        return {membership for user_id, (membership, _) in members.items() if server_of(user_id) == server}
    whole = state.resolve_state(tx, own)
    nids = [nid for (kind, key), nid in whole.items() if kind == state.MEMBER and key.endswith(f":{server}")]
    found = (load_json(event.pdu).get("content", {}).get("membership") for event in events.by_nids(tx, nids).values())
    return {membership for membership in found if isinstance(membership, str)}
