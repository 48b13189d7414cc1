"""Events that are sticky: told to everybody in their room for a while.  Spec: proposals/4354"""

from collections.abc import Collection

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select, update

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Insertion, Prepared, PreparedIn
from homeserver.store.schema.sticky_events import sticky_events as t
from homeserver.store.write import Write


@frozen
class StickyEvent:
    """
    One sticky event.

    *position*: where the log says that it is told; None: it is held back, for now or, *soft_failed*, until the room's
    state lets it in.
    """

    event_nid: int
    room_id: RoomID
    sender: UserID
    ends_ms: int
    position: Position | None
    soft_failed: bool = False


_INSERT = Insertion(t)
_OPEN = t.c.ends_ms > bindparam("now")
_IN_ROOMS = PreparedIn(
    lambda rooms: (
        select(*t.c)
        .where(t.c.room_id.in_(rooms), t.c.position > bindparam("after"), t.c.position <= bindparam("upto"), _OPEN)
        .order_by(t.c.position)
        .limit(bindparam("most"))
    )
)
_ROOMS = Prepared(
    select(t.c.room_id, func.max(t.c.ends_ms)).where(_OPEN, t.c.position.is_not(None)).group_by(t.c.room_id)
)
_DOUBTED = Prepared(select(t.c.sender, func.max(t.c.ends_ms)).where(_OPEN, t.c.soft_failed).group_by(t.c.sender))
_OF_SENDER = Prepared(select(*t.c).where(t.c.sender == bindparam("who"), _OPEN, t.c.soft_failed))
_HELD = Prepared(
    select(*t.c).where(t.c.position.is_(None), ~t.c.soft_failed, _OPEN).order_by(t.c.event_nid).limit(bindparam("most"))
)
_COUNT = Prepared(
    select(func.count(), func.min(t.c.ends_ms)).where(
        t.c.room_id == bindparam("room"), t.c.sender == bindparam("who"), t.c.position.is_not(None), _OPEN
    )
)
_TELL = Prepared(
    update(t)
    .where(t.c.event_nid == bindparam("which"), t.c.position.is_(None))
    .values(position=bindparam("at"), soft_failed=False)
)
_ABSOLVE = Prepared(
    update(t).where(t.c.event_nid == bindparam("which"), t.c.position.is_(None)).values(soft_failed=False)
)
_WAITING = Prepared(select(t.c.event_nid).where(t.c.event_nid == bindparam("which"), t.c.position.is_(None)))
_IS_DOUBTED = Prepared(select(t.c.event_nid).where(t.c.event_nid == bindparam("which"), t.c.soft_failed))
_PRUNE = Prepared(delete(t).where(t.c.ends_ms <= bindparam("now")))


def insert(tx: Write, event: StickyEvent) -> None:
    """The event is sticky."""
    tx.insert(_INSERT, (event.event_nid, event.room_id, event.sender, event.ends_ms, event.position, event.soft_failed))


def between(
    tx: Connection, room_ids: Collection[RoomID], after: Position, upto: Position, now_ms: int, limit: int
) -> list[StickyEvent]:
    """The first *limit* events of the rooms that are told at positions in ``(after, upto]``, and sticky still."""
    rows = _IN_ROOMS.all(tx, room_ids, after=after, upto=upto, now=now_ms, most=limit)
    return sorted((StickyEvent(*row) for row in rows), key=lambda event: event.position or 0)[:limit]


def rooms(tx: Connection, now_ms: int) -> dict[RoomID, int]:
    """The rooms with sticky events that are told, and when the last of each ends."""
    return {RoomID(row[0]): row[1] for row in _ROOMS.all(tx, now=now_ms)}


def doubted(tx: Connection, now_ms: int) -> dict[UserID, int]:
    """Those whose sticky events soft-failed, and when the last of each ends."""
    return {UserID(row[0]): row[1] for row in _DOUBTED.all(tx, now=now_ms)}


def soft_failed_of(tx: Connection, sender: UserID, now_ms: int) -> list[StickyEvent]:
    """The user's sticky events that soft-failed."""
    return [StickyEvent(*row) for row in _OF_SENDER.all(tx, who=sender, now=now_ms)]


def held(tx: Connection, now_ms: int, limit: int) -> list[StickyEvent]:
    """The first *limit* events that are held back for now."""
    return [StickyEvent(*row) for row in _HELD.all(tx, now=now_ms, most=limit)]


def told_of(tx: Connection, room_id: RoomID, sender: UserID, now_ms: int) -> tuple[int, int | None]:
    """How many of the user's events in the room are told, and when the first of them ends."""
    row = _COUNT.first(tx, room=room_id, who=sender, now=now_ms)
    return (0, None) if row is None else (row[0], row[1])


def is_waiting(tx: Connection, event_nid: int) -> bool:
    """Whether the event is held back, for whatever reason."""
    return _WAITING.first(tx, which=event_nid) is not None


def is_soft_failed(tx: Connection, event_nid: int) -> bool:
    """Whether the event is held back because the room's state does not let it in."""
    return _IS_DOUBTED.first(tx, which=event_nid) is not None


def tell(tx: Write, event_nid: int, position: Position) -> None:
    """The event is told from *position* on, if it was held back."""
    tx.run(_TELL, which=event_nid, at=position)


def absolve(tx: Write, event_nid: int) -> None:
    """The event waits for its turn, and for nothing else."""
    tx.run(_ABSOLVE, which=event_nid)


def prune(tx: Write, now_ms: int) -> int:
    """What is sticky no more is forgotten; says how much."""
    return tx.run(_PRUNE, now=now_ms)
