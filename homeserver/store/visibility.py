"""How a room's history visibility, and one user's membership of it, changed: all that says who may see what."""

from collections.abc import Collection
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, select

from homeserver.core.events import StateKey
from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store import state
from homeserver.store.prepared import Prepared
from homeserver.store.schema.rooms import state_changes as c

SETTING: Final[StateKey] = ("m.room.history_visibility", "")


@frozen
class KeyChange:
    """From *position* on the event is current; None: none is.  *membership*: of an m.room.member."""

    position: Position
    event_nid: int | None
    membership: str | None


@frozen
class VisibilityChanges:
    """
    All changes of the two keys, oldest first.

    *own*: of events whose state before is not that of their place, ``{event nid: {key: event nid}}``.
    """

    settings: list[KeyChange]
    memberships: list[KeyChange]
    own: dict[int, dict[StateKey, int]]


_OF_KEY = Prepared(
    select(c.c.position, c.c.event_nid, c.c.membership)
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.type == bindparam("type"),
        c.c.state_key == bindparam("state_key"),
    )
    .order_by(c.c.position)
)


def changes_for(tx: Connection, room_nid: int, user_id: UserID, event_nids: Collection[int] = ()) -> VisibilityChanges:
    """What says which of the events the user may see."""
    member = (state.MEMBER, user_id)
    assigned = state.states_before(tx, event_nids) if event_nids else {}
    # Stretches of history that was fetched later share their states.
    entries = {nid: state.entries_of(tx, nid, (SETTING, member)) for nid in set(assigned.values())}
    return VisibilityChanges(
        _changes(tx, room_nid, SETTING),
        _changes(tx, room_nid, member),
        {nid: entries[state_nid] for nid, state_nid in assigned.items()},
    )


def _changes(tx: Connection, room_nid: int, key: StateKey) -> list[KeyChange]:
    rows = _OF_KEY.all(tx, room_nid=room_nid, type=key[0], state_key=key[1])
    return [KeyChange(Position(position), nid, membership) for position, nid, membership in rows]
