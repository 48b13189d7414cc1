"""
Parts of rooms by event ID alone: stretches of a timeline, states and how they changed.

Who reads these has most of the events in memory already.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Join, Select, and_, bindparam, func, select

from homeserver.core.canonical import INTEGER_MAX
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.timeline import Ordering
from homeserver.store import rooms as stored_rooms
from homeserver.store import state
from homeserver.store.prepared import Prepared, PreparedIn
from homeserver.store.schema.events import events
from homeserver.store.schema.rooms import state_changes as c

MEMBER = "m.room.member"


@frozen
class StateChange:
    """From *position* on the event is current for *key*; None: nothing is."""

    key: StateKey
    position: Position
    event_id: EventID | None


_LATEST = Prepared(
    select(events.c.ordering, events.c.event_id)
    .where(
        events.c.room_nid == bindparam("room_nid"),
        events.c.ordering > bindparam("after"),
        events.c.ordering <= bindparam("upto"),
    )
    .order_by(events.c.ordering.desc())
    .limit(bindparam("limit"))
)


def _with_ids(*conditions: Any) -> Select[Any]:
    """The newest change of each key under *conditions*, with the ID of its event."""
    n = (
        select(c.c.type, c.c.state_key, func.max(c.c.position).label("position"))
        .where(c.c.room_nid == bindparam("room_nid"), c.c.position <= bindparam("upto"), *conditions)
        .group_by(c.c.type, c.c.state_key)
        .subquery("newest")
    )
    same: Join = c.join(
        n,
        and_(
            c.c.room_nid == bindparam("room_nid"),
            c.c.type == n.c.type,
            c.c.state_key == n.c.state_key,
            c.c.position == n.c.position,
        ),
    ).join(events, events.c.nid == c.c.event_nid)
    return select(c.c.type, c.c.state_key, events.c.event_id).select_from(same)


def _of_rooms(room_nids: Sequence[Any], *conditions: Any) -> Select[Any]:
    """The same of several rooms, with the room."""
    key = (c.c.room_nid, c.c.type, c.c.state_key)
    n = (
        select(*key, func.max(c.c.position).label("position"))
        .where(c.c.room_nid.in_(room_nids), c.c.position <= bindparam("upto"), *conditions)
        .group_by(*key)
        .subquery("newest")
    )
    same = and_(*(c.c[name] == n.c[name] for name in ("room_nid", "type", "state_key", "position")))
    return select(*key, events.c.event_id).select_from(c.join(n, same).join(events, events.c.nid == c.c.event_nid))


_STATES = PreparedIn(_of_rooms)
_STATES_WITHOUT_MEMBERS = PreparedIn(lambda room_nids: _of_rooms(room_nids, c.c.type != MEMBER))
_MEMBERS_AMONG = PreparedIn(lambda user_ids: _with_ids(c.c.type == MEMBER, c.c.state_key.in_(user_ids)))
_STATE = Prepared(_with_ids())
_STATE_WITHOUT_MEMBERS = Prepared(_with_ids(c.c.type != MEMBER))
_ENTRY = Prepared(
    select(events.c.event_id)
    .select_from(c.outerjoin(events, events.c.nid == c.c.event_nid))
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.type == bindparam("type"),
        c.c.state_key == bindparam("state_key"),
        c.c.position <= bindparam("upto"),
    )
    .order_by(c.c.position.desc())
    .limit(1)
)
_CHANGES = Prepared(
    select(c.c.type, c.c.state_key, c.c.position, events.c.event_id)
    .select_from(c.outerjoin(events, events.c.nid == c.c.event_nid))
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.position > bindparam("after"),
        c.c.position <= bindparam("upto"),
    )
    .order_by(c.c.position)
)
_CHANGES_OF_KEY = Prepared(
    select(c.c.position, c.c.membership, events.c.event_id)
    .select_from(c.outerjoin(events, events.c.nid == c.c.event_nid))
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.type == bindparam("type"),
        c.c.state_key == bindparam("state_key"),
        c.c.position <= bindparam("upto"),
    )
    .order_by(c.c.position)
)


def latest_ids(
    tx: Connection, room_nid: int, after: Ordering, upto: Ordering, limit: int
) -> list[tuple[Ordering, EventID]]:
    """The last *limit* events of the timeline at orderings in ``(after, upto]``, newest first."""
    return _LATEST.all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)


def state_ids(
    tx: Connection, room_nid: int, position: Position, *, members: Iterable[UserID] | None = None
) -> dict[StateKey, EventID]:
    """
    All that was current after *position*; *members*: of the members' events those alone, None: all of them.
    """
    statement = _STATE if members is None else _STATE_WITHOUT_MEMBERS
    found: dict[StateKey, EventID] = {
        (kind, key): event_id for kind, key, event_id in statement.all(tx, room_nid=room_nid, upto=position)
    }
    if members:
        found |= _members_among(tx, room_nid, members, position)
    return found


def states_of_rooms(
    tx: Connection, members: Mapping[int, Collection[UserID] | None], position: Position
) -> dict[int, dict[StateKey, EventID]]:
    """As ``state_ids`` of each of the rooms that are named with the *members* wanted; either all or none are None."""
    statement = _STATES if None in members.values() else _STATES_WITHOUT_MEMBERS
    found: dict[int, dict[StateKey, EventID]] = {room_nid: {} for room_nid in members}
    for room_nid, kind, key, event_id in statement.all(tx, members, upto=position):
        found[room_nid][kind, key] = event_id
    for room_nid, wanted in members.items():
        if wanted:
            found[room_nid] |= _members_among(tx, room_nid, wanted, position)
    return found


def _members_among(
    tx: Connection, room_nid: int, user_ids: Iterable[UserID], position: Position
) -> dict[StateKey, EventID]:
    rows = _MEMBERS_AMONG.all(tx, user_ids, room_nid=room_nid, upto=position)
    return {(kind, key): event_id for kind, key, event_id in rows}


def state_around(
    tx: Connection,
    room_nid: int,
    before: Position,
    upto: Position,
    keys: Collection[StateKey],
    *,
    members: Iterable[UserID] | None = None,
) -> dict[StateKey, EventID]:
    """As ``state_ids`` after *upto*, but for *keys*: of these, what was current after *before*."""
    found = state_ids(tx, room_nid, upto, members=members)
    if not keys:
        return found
    first = state.first_position(tx, room_nid)
    is_empty = first is None or first > before
    for key in keys:
        event_id = None if is_empty else entry_id(tx, room_nid, key, before)
        if event_id is None:
            found.pop(key, None)
        else:
            found[key] = event_id
    return found


def entry_id(tx: Connection, room_nid: int, key: StateKey, position: Position) -> EventID | None:
    """The event that was current for *key* after *position*; None: there was none."""
    event_id: EventID | None = _ENTRY.scalar(tx, room_nid=room_nid, type=key[0], state_key=key[1], upto=position)
    return event_id


def entry_ids(
    tx: Connection, room_nid: int, keys: Collection[StateKey], position: Position
) -> dict[StateKey, EventID | None]:
    """As ``entry_id`` for several keys."""
    return {key: entry_id(tx, room_nid, key, position) for key in keys}


def changes(tx: Connection, room_nid: int, after: Position, upto: Position) -> list[StateChange]:
    """The changes of the current state at positions in ``(after, upto]``, oldest first."""
    rows = _CHANGES.all(tx, room_nid=room_nid, after=after, upto=upto)
    return [StateChange((kind, key), position, event_id) for kind, key, position, event_id in rows]


def history_of_key(
    tx: Connection, room_nid: int, key: StateKey, upto: Position
) -> list[tuple[Position, str | None, EventID | None]]:
    """``(position, membership, event ID)`` of every change of one key at or before *upto*, oldest first."""
    return _CHANGES_OF_KEY.all(tx, room_nid=room_nid, type=key[0], state_key=key[1], upto=upto)


def once_joined(tx: Connection, user_id: UserID, room_nids: Iterable[int]) -> set[int]:
    """Those of the rooms that the user is or was joined to."""
    newest = Position(INTEGER_MAX)
    histories = {nid: history_of_key(tx, nid, (MEMBER, user_id), newest) for nid in room_nids}
    return {nid for nid, history in histories.items() if any(membership == "join" for _, membership, _ in history)}


def joined_room_ids(tx: Connection, user_id: UserID) -> list[RoomID]:
    """The rooms that a user, local or not, is joined to, as far as this server knows."""
    nids = [nid for nid, membership in state.rooms_of(tx, user_id).items() if membership == "join"]
    return [room.room_id for room in stored_rooms.by_nids(tx, nids).values()]


@frozen
class Span:
    """A stretch of one room's timeline: its last *limit* events at orderings in ``(after, upto]``."""

    room_nid: int
    after: Ordering
    upto: Ordering
    limit: int


def places_of(tx: Connection, spans: Iterable[Span]) -> list[list[tuple[Ordering, EventID]]]:
    """For each of *spans* its places, oldest first."""
    return [latest_ids(tx, span.room_nid, span.after, span.upto, span.limit)[::-1] for span in spans]


def memberships_as_of(
    tx: Connection, user_id: UserID, room_nids: Iterable[int], position: Position
) -> dict[int, str | None]:
    """{room nid: the user's membership after *position*}; None: never any."""
    return {nid: state.membership_as_of(tx, nid, user_id, position) for nid in room_nids}


@frozen
class Sketch:
    """An event of a timeline, as much of it as a row tells."""

    ordering: Ordering
    event_id: EventID
    type: str
    sender: UserID
    is_redacted: bool


_SKETCHES = Prepared(
    select(events.c.ordering, events.c.event_id, events.c.type, events.c.sender, events.c.redacted_by)
    .where(
        events.c.room_nid == bindparam("room_nid"),
        events.c.ordering > bindparam("after"),
        events.c.ordering <= bindparam("upto"),
    )
    .order_by(events.c.ordering)
    .limit(bindparam("limit"))
)
_PLACE_BACK = Prepared(
    select(events.c.ordering)
    .where(
        events.c.room_nid == bindparam("room_nid"),
        events.c.ordering > bindparam("after"),
        events.c.ordering <= bindparam("upto"),
    )
    .order_by(events.c.ordering.desc())
    .offset(bindparam("count"))
    .limit(1)
)


def sketches(tx: Connection, room_nid: int, after: Ordering, upto: Ordering, limit: int) -> list[Sketch]:
    """The first *limit* events of the timeline at orderings in ``(after, upto]``, oldest first."""
    rows = _SKETCHES.all(tx, room_nid=room_nid, after=after, upto=upto, limit=limit)
    return [
        Sketch(ordering, event_id, kind, sender, redacted_by is not None)
        for ordering, event_id, kind, sender, redacted_by in rows
    ]


def place_back(tx: Connection, room_nid: int, after: Ordering, upto: Ordering, count: int) -> Ordering:
    """The place after which there are *count* events up to *upto*; *after* where there are no more than that."""
    place: int | None = _PLACE_BACK.scalar(tx, room_nid=room_nid, after=after, upto=upto, count=count)
    return after if place is None else Ordering(place)


def joined_since(tx: Connection, room_nid: int, user_id: UserID, upto: Position) -> Position | None:
    """Since when the user has been joined without a break; None: they are not."""
    since: Position | None = None
    for position, membership, _ in history_of_key(tx, room_nid, (MEMBER, user_id), upto):
        if membership != "join":
            since = None
        elif since is None:
            since = position
    return since
