"""
Threads of rooms, by the replies to their roots.

Spec: client-server-api#threading
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, func, literal_column, select

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.relations import THREAD
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared, PreparedIn, Row
from homeserver.store.relations import IS_IN_ROOM
from homeserver.store.schema.events import relations as r

REPLIES_AT_ONCE: Final = 200
REPLIES_MAX: Final = 5_000


@frozen
class ThreadSummary:
    """What a thread's root says of its thread."""

    root: EventID
    count: int
    latest_nid: int
    latest: Ordering


@frozen
class ThreadPlace:
    """A thread, and where its last reply is."""

    root: EventID
    latest: Ordering


@frozen
class ThreadPage:
    """Threads, that last replied to first; *place*: there may be more with a last reply before it, None: none."""

    threads: Sequence[ThreadPlace]
    place: Ordering | None


# Where a partial index of threads is to be used: a parameter does not tell that it will do.
_IS_REPLY: Final = r.c.rel_type == literal_column("'m.thread'")
_LATEST_OF = (
    select(r.c.relates_to, func.count().label("count"), func.max(r.c.ordering).label("ordering"))
    .where(r.c.rel_type == THREAD, IS_IN_ROOM, r.c.ordering.is_not(None))
    .group_by(r.c.relates_to)
)


def _summaries(latest: Any) -> Any:
    newest = latest.subquery("newest")
    # With the type the index leads to the one reply; without it, to all that relates to the root.
    is_newest = (r.c.relates_to == newest.c.relates_to) & (r.c.rel_type == THREAD) & (r.c.ordering == newest.c.ordering)
    return select(r.c.relates_to, newest.c.count, r.c.event_nid, r.c.ordering).select_from(r.join(newest, is_newest))


_REPLIES = Prepared(
    select(r.c.relates_to, r.c.ordering)
    .where(_IS_REPLY, r.c.room_nid == bindparam("room_nid"), r.c.ordering < bindparam("before"))
    .order_by(r.c.ordering.desc())
    .limit(bindparam("limit"))
)
_NEWEST_REPLY = Prepared(
    select(r.c.ordering)
    .where(
        r.c.relates_to == bindparam("relates_to"),
        r.c.rel_type == THREAD,
        IS_IN_ROOM,
        r.c.ordering <= bindparam("upto"),
    )
    .order_by(r.c.ordering.desc())
    .limit(1)
)
_SUMMARIES_OF = PreparedIn(lambda roots: _summaries(_LATEST_OF.where(r.c.relates_to.in_(roots))))
_REPLIES_TO = PreparedIn(
    lambda roots: (
        select(r.c.relates_to).where(r.c.relates_to.in_(roots), r.c.rel_type == THREAD).limit(bindparam("limit"))
    )
)
_ANSWERED_BY = PreparedIn(
    lambda roots: (
        select(r.c.relates_to).distinct().where(r.c.relates_to.in_(roots), _IS_REPLY, r.c.sender == bindparam("sender"))
    )
)


def page(
    tx: Connection, room_nid: int, before: Ordering, upto: Ordering, limit: int, replies_max: int = REPLIES_MAX
) -> ThreadPage:
    """
    The *limit* threads of the room whose last reply up to *upto* came last before *before*; that first.

    At most *replies_max* replies are looked at: a busy thread may hide others behind them, and the page is shorter.
    """
    found: list[ThreadPlace] = []
    passed: set[EventID] = set()
    place, looked_at = before, 0
    while looked_at < replies_max:
        rows = _REPLIES.all(tx, room_nid=room_nid, before=place, limit=min(REPLIES_AT_ONCE, replies_max - looked_at))
        for root, ordering in rows:
            looked_at, place = looked_at + 1, Ordering(ordering)
            if root in passed:
                continue
            passed.add(root)
            # A thread that was replied to since has been on a page before this one.
            if _NEWEST_REPLY.scalar(tx, relates_to=root, room_nid=room_nid, upto=upto) == ordering:
                found.append(ThreadPlace(root, place))
                if len(found) == limit:
                    return ThreadPage(found, place)
        if not rows:
            return ThreadPage(found, None)
    return ThreadPage(found, place)


def summaries_of(
    tx: Connection, room_nid: int, roots: Collection[EventID], replies_max: int | None = None
) -> dict[EventID, ThreadSummary] | None:
    """{root: its thread} of those events that have one; None when they have more than *replies_max* replies."""
    if replies_max is not None and len(_REPLIES_TO.all(tx, roots, limit=replies_max + 1)) > replies_max:
        return None
    return {thread.root: thread for thread in map(_summary, _SUMMARIES_OF.all(tx, roots, room_nid=room_nid))}


def answered_by(tx: Connection, roots: Iterable[EventID], sender: UserID) -> set[EventID]:
    """Those of the roots in whose threads *sender* has replied."""
    return {row[0] for row in _ANSWERED_BY.all(tx, roots, sender=sender)}


def _summary(row: Row) -> ThreadSummary:
    fields: tuple[Any, ...] = row
    return ThreadSummary(*fields)
