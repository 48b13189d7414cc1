"""Pages of a room's timeline by event ID alone: who reads these has most of the events in memory already."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import BigInteger, Connection, bindparam, cast, exists, func, literal_column, select, true, union_all

from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import backward_extremities, events


@frozen
class Page:
    """Some events, and whether the room's history may have gaps."""

    event_ids: Sequence[EventID]
    may_have_gaps: bool


@frozen
class Neighbors:
    """What is next to a place: the nearest first, both ways."""

    before: Sequence[EventID]
    after: Sequence[EventID]


_GAPS = exists().where(backward_extremities.c.room_nid == bindparam("room_nid"))
_IN_ROOM = select(events.c.event_id, _GAPS).where(
    events.c.room_nid == bindparam("room_nid"),
    events.c.ordering > bindparam("after"),
    events.c.ordering <= bindparam("upto"),
)
_FORWARD = Prepared(_IN_ROOM.order_by(events.c.ordering).limit(bindparam("limit")))
_BACKWARD = Prepared(_IN_ROOM.order_by(events.c.ordering.desc()).limit(bindparam("limit")))


def page(tx: Connection, room_nid: int, after: Ordering, upto: Ordering, limit: int, *, backward: bool) -> Page:
    """The first *limit* events at orderings in ``(after, upto]``, or the last of them, newest first."""
    rows = (_BACKWARD if backward else _FORWARD).all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)
    # Where nothing is, nothing tells.
    return Page([row[0] for row in rows], not rows or bool(rows[0][1]))


def _around_places(_: str) -> Any:
    """What is next to several places, of which each has a row for every event: PostgreSQL's way."""
    from sqlalchemy.dialects.postgresql import ARRAY

    e = events.c
    given = func.unnest(cast(bindparam("places"), ARRAY(BigInteger)))
    p = select(given.label("place")).subquery("places")
    in_room = select(e.event_id, e.ordering).where(e.room_nid == bindparam("room_nid"))
    before = in_room.where(e.ordering < p.c.place).order_by(e.ordering.desc()).limit(bindparam("before")).lateral("b")
    after = (
        in_room.where(e.ordering > p.c.place, e.ordering <= bindparam("upto"))
        .order_by(e.ordering)
        .limit(bindparam("after"))
        .lateral("a")
    )
    return union_all(
        select(p.c.place, literal_column("0"), before.c.ordering, before.c.event_id).join_from(p, before, true()),
        select(p.c.place, literal_column("1"), after.c.ordering, after.c.event_id).join_from(p, after, true()),
    )


_AROUND = Prepared(_around_places)


def around(
    tx: Connection, room_nid: int, places: Sequence[Ordering], before: int, after: int, upto: Ordering
) -> list[Neighbors]:
    """For each of *places* the last *before* events before it, and the first *after* events after it up to *upto*."""
    if tx.dialect.name == "sqlite":
        # Many short statements cost it less than one that gathers them.
        return [_around(tx, room_nid, place, before, after, upto) for place in places]
    params = {"room_nid": room_nid, "before": before, "after": after, "upto": upto}
    rows = _AROUND.all(tx, places=list(places), **params)
    found: dict[int, tuple[list[tuple[int, EventID]], list[tuple[int, EventID]]]] = {p: ([], []) for p in places}
    for place, side, ordering, event_id in rows:
        found[place][side].append((ordering, event_id))
    return [
        Neighbors(
            [event_id for _, event_id in sorted(found[place][0], reverse=True)],
            [event_id for _, event_id in sorted(found[place][1])],
        )
        for place in places
    ]


def _around(tx: Connection, room_nid: int, place: int, before: int, after: int, upto: int) -> Neighbors:
    older = _BACKWARD.all(tx, room_nid=room_nid, after=-(2**62), upto=place - 1, limit=before)
    newer = _FORWARD.all(tx, room_nid=room_nid, after=place, upto=upto, limit=after)
    return Neighbors([row[0] for row in older], [row[0] for row in newer])
