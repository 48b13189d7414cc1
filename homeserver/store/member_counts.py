"""How many members rooms have, counted as a whole or on from what was counted before."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen
from sqlalchemy import Connection, and_, bindparam, func, or_, select

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared
from homeserver.store.schema.rooms import state_changes as c
from homeserver.store.windows import MEMBER, history_of_key

MOVED_MAX: Final = 100
"""Changes of members since, that are looked at one by one."""
_PRESENT: Final = frozenset({"join", "invite"})


@frozen
class MemberCounts:
    """How many members a room has, and the first of them to arrive: *heroes* are joined or invited."""

    joined: int
    invited: int
    heroes: tuple[UserID, ...]
    former: tuple[UserID, ...]
    """The first of those that left or are banned; looked for only where there are too few heroes."""
    known: int = 0
    """All who ever had to do with the room."""


_CHANGES = Prepared(
    select(c.c.position).where(c.c.room_nid == bindparam("room_nid"), c.c.type == MEMBER).limit(bindparam("limit"))
)
_MOVED = Prepared(
    select(c.c.state_key)
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.position > bindparam("after"),
        c.c.position <= bindparam("upto"),
        c.c.type == MEMBER,
    )
    # By the position, of which there are few, and not by the members.
    .order_by(c.c.position)
    .limit(bindparam("limit"))
)
_NEWEST_MEMBER = (
    select(c.c.state_key, func.max(c.c.position).label("position"), func.min(c.c.position).label("since"))
    .where(c.c.room_nid == bindparam("room_nid"), c.c.type == MEMBER, c.c.position <= bindparam("upto"))
    .group_by(c.c.state_key)
    .subquery("newest")
)
_MEMBERS = c.join(
    _NEWEST_MEMBER,
    and_(
        c.c.room_nid == bindparam("room_nid"),
        c.c.type == MEMBER,
        c.c.state_key == _NEWEST_MEMBER.c.state_key,
        c.c.position == _NEWEST_MEMBER.c.position,
    ),
)
_COUNTS = Prepared(
    select(c.c.membership, func.count())
    .select_from(_MEMBERS)
    .where(c.c.event_nid.is_not(None))
    .group_by(c.c.membership)
)
_HEROES = Prepared(
    select(c.c.state_key)
    .select_from(_MEMBERS)
    .where(c.c.event_nid.is_not(None), or_(c.c.membership == "join", c.c.membership == "invite"))
    .order_by(_NEWEST_MEMBER.c.since, c.c.state_key)
    .limit(bindparam("limit"))
)
_FORMER = Prepared(
    select(c.c.state_key)
    .select_from(_MEMBERS)
    .where(c.c.event_nid.is_not(None), or_(c.c.membership == "leave", c.c.membership == "ban"))
    .order_by(_NEWEST_MEMBER.c.since, c.c.state_key)
    .limit(bindparam("limit"))
)


@frozen
class _Move:
    """What a member was and is, and since when the room knows them."""

    user_id: UserID
    before: str | None
    now: str | None
    since: Position


def member_counts(
    tx: Connection, room_nid: int, position: Position, heroes: int, changes_max: int | None = None
) -> MemberCounts | None:
    """
    The members after *position*, and at most so many *heroes*; None when members came and went more often than
    *changes_max* times.
    """
    if changes_max is not None and len(_CHANGES.all(tx, room_nid=room_nid, limit=changes_max + 1)) > changes_max:
        return None
    counts: dict[str, int] = dict(_COUNTS.all(tx, room_nid=room_nid, upto=position))
    joined, invited = counts.get("join", 0), counts.get("invite", 0)
    first = [row[0] for row in _HEROES.all(tx, room_nid=room_nid, upto=position, limit=heroes)]
    former = (
        [row[0] for row in _FORMER.all(tx, room_nid=room_nid, upto=position, limit=heroes)] if len(first) < 2 else []
    )
    known = sum(counts.values())
    return MemberCounts(joined, invited, tuple(map(UserID, first)), tuple(map(UserID, former)), known)


def counted_on(
    tx: Connection, room_nid: int, counts: MemberCounts, after: Position, upto: Position, heroes: int
) -> MemberCounts | None:
    """
    The members after *upto*, of whom *counts* were there after *after*; None: they must be counted afresh, as many have
    come or gone, or somebody from whom the room has its name.
    """
    keys = _MOVED.all(tx, room_nid=room_nid, after=after, upto=upto, limit=MOVED_MAX + 1)
    if len(keys) > MOVED_MAX:
        return None
    moves = [_move(tx, room_nid, UserID(key), after, upto) for (key,) in dict.fromkeys(keys)]
    if any(move.now != move.before for move in moves) and not _keeps_heroes(tx, room_nid, counts, moves, upto, heroes):
        return None
    return evolve(
        counts,
        joined=counts.joined + _gain(moves, "join"),
        invited=counts.invited + _gain(moves, "invite"),
        known=counts.known + sum((move.now is not None) - (move.before is not None) for move in moves),
    )


def _keeps_heroes(
    tx: Connection, room_nid: int, counts: MemberCounts, moves: Sequence[_Move], upto: Position, heroes: int
) -> bool:
    if len(counts.heroes) < heroes:
        return False
    last = history_of_key(tx, room_nid, (MEMBER, counts.heroes[-1]), upto)[0][0]
    # Who came after the last of them is none; nor does it matter who was none and goes.
    return all(
        (move.now in _PRESENT) == (move.user_id in counts.heroes) or (move.now in _PRESENT and move.since > last)
        for move in moves
    )


def _move(tx: Connection, room_nid: int, user_id: UserID, after: Position, upto: Position) -> _Move:
    history = history_of_key(tx, room_nid, (MEMBER, user_id), upto)
    # What has no event is no membership.
    told = [(position, None if event_id is None else membership) for position, membership, event_id in history]
    before = [membership for position, membership in told if position <= after]
    return _Move(user_id, before[-1] if before else None, told[-1][1], told[0][0])


def _gain(moves: Sequence[_Move], membership: str) -> int:
    return sum((move.now == membership) - (move.before == membership) for move in moves)
