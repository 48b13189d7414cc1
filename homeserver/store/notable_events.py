"""The newest events of several rooms together, as far as they may notify a user."""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, bindparam, select

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.timeline import ORDERING_SHIFT, Ordering
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import events


@frozen
class Notable:
    """An event, and where it stands."""

    ordering: Ordering
    room_nid: int
    event_id: EventID


_BETWEEN = (1 << ORDERING_SHIFT) - 1
"""The bits that are set in the places of older events that were fetched."""

_LATEST = Prepared(
    select(events.c.ordering, events.c.event_id, events.c.sender, events.c.redacted_by)
    .where(events.c.room_nid == bindparam("room_nid"), events.c.ordering < bindparam("before"))
    .order_by(events.c.ordering.desc())
    .limit(bindparam("limit"))
)


def before(
    tx: Connection, room_nids: Iterable[int], user_id: UserID, before: Ordering, per_room: int, limit: int
) -> tuple[list[Notable], Ordering | None]:
    """
    The newest events of the rooms before *before*, newest first, and before what to go on; None: there are no others.

    Left out is what notifies nobody (what was redacted, or fetched when it was old) and the user's own; of each room
    *per_room* events are looked at, and *limit* at most are told of.
    """
    found: list[Notable] = []
    complete_from: Ordering | None = None
    """Before this, events of some room were not looked at."""
    for room_nid in room_nids:
        rows = _LATEST.all(tx, room_nid=room_nid, before=before, limit=per_room)
        if len(rows) == per_room:
            oldest = Ordering(rows[-1][0])
            complete_from = oldest if complete_from is None else max(complete_from, oldest)
        found += [
            Notable(ordering, room_nid, event_id)
            for ordering, event_id, sender, redacted_by in rows
            if sender != user_id and redacted_by is None and not ordering & _BETWEEN
        ]
    found.sort(key=lambda each: each.ordering, reverse=True)
    if complete_from is not None:
        found = [each for each in found if each.ordering >= complete_from]
    if len(found) > limit:
        return found[:limit], found[limit - 1].ordering
    return found, complete_from
