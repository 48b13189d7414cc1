"""When something last happened in rooms, and when something was last said."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.core.timeline import Ordering, position_of
from homeserver.store.prepared import Prepared, PreparedIn
from homeserver.store.schema.events import events
from homeserver.store.schema.rooms import rooms, state_changes
from homeserver.store.windows import MEMBER

LOOKED_AT_MAX: Final = 1_000
"""Events of a room among which one is looked for that says something."""

_NEWEST_EVENT = (
    select(func.max(events.c.ordering))
    .where(events.c.room_nid == rooms.c.nid, events.c.ordering.is_not(None))
    .scalar_subquery()
)
_NEWEST_CHANGE = (
    select(func.max(state_changes.c.position)).where(state_changes.c.room_nid == rooms.c.nid).scalar_subquery()
)
_NEWEST = PreparedIn(lambda nids: select(rooms.c.nid, _NEWEST_EVENT, _NEWEST_CHANGE).where(rooms.c.nid.in_(nids)))
_LATEST_TYPES = Prepared(
    select(events.c.ordering, events.c.type)
    .where(events.c.room_nid == bindparam("room_nid"), events.c.ordering <= bindparam("upto"))
    .order_by(events.c.ordering.desc())
    .limit(bindparam("limit"))
)
_EVER_JOINED = PreparedIn(
    lambda nids: (
        select(state_changes.c.room_nid)
        .distinct()
        .where(
            state_changes.c.room_nid.in_(nids),
            state_changes.c.type == MEMBER,
            state_changes.c.state_key == bindparam("user_id"),
            state_changes.c.membership == "join",
        )
    )
)


def newest(tx: Connection, room_nids: Iterable[int]) -> dict[int, Position]:
    """{room nid: the position of its newest event, or change of state}; 0 where there is none."""
    return {
        nid: Position(max(0 if ordering is None else position_of(ordering), changed or 0))
        for nid, ordering, changed in _NEWEST.all(tx, room_nids)
    }


def newest_of_types(tx: Connection, room_nid: int, types: frozenset[str]) -> Ordering | None:
    """
    The place of the newest event of one of these types; None: there is no event.

    Where the newest thousand hold none, the oldest of these stands for it.
    """
    place: Ordering | None = None
    step = 16
    seen = 0
    end = Ordering(2**62)
    while seen < LOOKED_AT_MAX:
        rows = _LATEST_TYPES.all(tx, room_nid=room_nid, upto=end, limit=step)
        for ordering, kind in rows:
            place = Ordering(ordering)
            if kind in types:
                return place
        if len(rows) < step or place is None:
            break
        seen, step, end = seen + step, step * 4, Ordering(place - 1)
    return place


def ever_joined(tx: Connection, user_id: UserID, room_nids: Iterable[int]) -> set[int]:
    """Those of the rooms that the user was joined to at some time, as far as this server knows."""
    return {row[0] for row in _EVER_JOINED.all(tx, room_nids, user_id=user_id)}
