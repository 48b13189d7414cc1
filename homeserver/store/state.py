"""
State: the current one of each room through time, and the states before events that do not lie on that line.

The state as of a position is, for each ``(type, state_key)``, the newest change at or before it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, bindparam, delete, func, insert, select

from homeserver.core.canonical import encode_json, load_json
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, insert_new
from homeserver.store.schema.events import event_states, events, states
from homeserver.store.schema.rooms import state_changes as c
from homeserver.store.write import Write

Delta: TypeAlias = dict[StateKey, int | None]
"""{(type, state_key): event nid}; None: nothing, where there was something."""

MEMBER = "m.room.member"
NOW: Final = 2**62
"""After every position."""


@frozen
class StoredState:
    """A state as a difference from *parent*, from the room's state as of *base_position*, or from nothing."""

    nid: int
    room_nid: int
    parent: int | None
    base_position: int | None
    delta: Delta


_CHANGE = Insertion(c)
_KEY = (c.c.type, c.c.state_key)


def _newest(dialect: str, *conditions: ColumnElement[bool]) -> Subquery:
    """For each key under *conditions* the columns of its newest change at or before ``upto``."""
    where = (c.c.room_nid == bindparam("room_nid"), c.c.position <= bindparam("upto"), *conditions)
    if dialect == "sqlite":
        # The other columns are those of the row that has the maximum.
        columns = (*_KEY, c.c.event_nid, c.c.membership, func.max(c.c.position).label("position"))
        return select(*columns).where(*where).group_by(*_KEY).subquery("newest")
    last = select(*_KEY, func.max(c.c.position).label("position")).where(*where).group_by(*_KEY).subquery("last")
    same = and_(*(c.c[name] == last.c[name] for name in ("type", "state_key", "position")))
    newest = select(*_KEY, c.c.event_nid, c.c.membership, c.c.position).select_from(c.join(last, same))
    return newest.where(c.c.room_nid == bindparam("room_nid")).subquery("newest")


def _present(columns: Sequence[str], *conditions: ColumnElement[bool]) -> Prepared:
    """*columns* of what the keys have, of those that have anything."""

    def build(dialect: str) -> Select[Any]:
        newest = _newest(dialect, *conditions)
        return select(*(newest.c[name] for name in columns)).where(newest.c.event_nid.is_not(None))

    return Prepared(build)


def _present_ids(dialect: str) -> Select[Any]:
    newest = _newest(dialect)
    return select(newest.c.type, newest.c.state_key, events.c.event_id).select_from(
        newest.join(events, events.c.nid == newest.c.event_nid)
    )


_AS_OF = _present(("type", "state_key", "event_nid"))
_CURRENT_IDS = Prepared(_present_ids)
_MEMBERS = _present(("state_key", "membership", "event_nid"), c.c.type == MEMBER)
_OF_TYPE = _present(("state_key", "event_nid"), c.c.type == bindparam("type"))
_ENTRY = Prepared(
    select(c.c.event_nid, c.c.membership)
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.type == bindparam("type"),
        c.c.state_key == bindparam("state_key"),
        c.c.position <= bindparam("upto"),
    )
    .order_by(c.c.position.desc())
    .limit(1)
)
_SINCE = Prepared(
    select(c.c.type, c.c.state_key, c.c.event_nid)
    .where(
        c.c.room_nid == bindparam("room_nid"),
        c.c.position > bindparam("after"),
        c.c.position <= bindparam("upto"),
    )
    .order_by(c.c.position)
)
_MEMBER_CHANGES = Prepared(
    select(c.c.position, c.c.state_key, c.c.membership)
    .where(c.c.room_nid == bindparam("room_nid"), c.c.position > bindparam("after"), c.c.type == MEMBER)
    .order_by(c.c.position)
)
_FIRST_POSITION = Prepared(select(func.min(c.c.position)).where(c.c.room_nid == bindparam("room_nid")))
_ROOMS_OF = Prepared(
    select(c.c.room_nid, c.c.membership, c.c.event_nid)
    .where(c.c.type == MEMBER, c.c.state_key == bindparam("user_id"))
    .order_by(c.c.room_nid, c.c.position)
)
_STATE = Prepared(select(states).where(states.c.nid == bindparam("nid")))
_INSERT_STATE = Prepared(
    insert(states)
    .values(
        room_nid=bindparam("room_nid"),
        parent=bindparam("parent"),
        base_position=bindparam("base_position"),
        delta=bindparam("delta"),
    )
    .returning(states.c.nid)
)
_ASSIGN = insert_new(event_states)
_STATE_OF = Prepared(select(event_states.c.state_nid).where(event_states.c.event_nid == bindparam("event_nid")))
_STATES_OF = PreparedIn(lambda nids: select(event_states).where(event_states.c.event_nid.in_(nids)))
_CHILD = select(states.c.nid).where(states.c.parent == bindparam("state_nid"))
_USER = select(event_states.c.event_nid).where(event_states.c.state_nid == bindparam("state_nid"))
_FORGET = Prepared(delete(states).where(states.c.nid == bindparam("state_nid"), ~_CHILD.exists(), ~_USER.exists()))
_FORGET_OF_EVENT = Prepared(delete(event_states).where(event_states.c.event_nid == bindparam("event_nid")))


def change(
    tx: Write, room_nid: int, position: int, key: StateKey, event_nid: int | None, *, membership: str | None = None
) -> None:
    """From *position* on the event is current for *key*; None: nothing is.  *membership* of an m.room.member."""
    tx.insert(_CHANGE, (room_nid, *key, position, event_nid, membership))


def state_as_of(tx: Connection, room_nid: int, position: int) -> dict[StateKey, int]:
    """{(type, state_key): event nid} of all that was current after *position*."""
    return {(kind, key): nid for kind, key, nid in _AS_OF.all(tx, room_nid=room_nid, upto=position)}


def current(tx: Connection, room_nid: int) -> dict[StateKey, EventID]:
    """{(type, state_key): event id} of all that is current."""
    return {(kind, key): event for kind, key, event in _CURRENT_IDS.all(tx, room_nid=room_nid, upto=NOW)}


def joined(tx: Connection, room_nid: int) -> set[UserID]:
    """All users, of this server and others, that are joined to the room."""
    rows = _MEMBERS.all(tx, room_nid=room_nid, upto=NOW)
    return {user for user, membership, _ in rows if membership == "join"}


def entry_as_of(tx: Connection, room_nid: int, key: StateKey, position: int) -> int | None:
    """The nid of the event that was current for *key* after *position*; None: there was none."""
    row = _ENTRY.first(tx, room_nid=room_nid, type=key[0], state_key=key[1], upto=position)
    return None if row is None else row[0]


def entries_as_of(tx: Connection, room_nid: int, keys: Iterable[StateKey], position: int) -> dict[StateKey, int]:
    """{(type, state_key): event nid} of those *keys* that had one after *position*."""
    found = {key: entry_as_of(tx, room_nid, key, position) for key in keys}
    return {key: nid for key, nid in found.items() if nid is not None}


def holders(tx: Connection, room_nids: Iterable[int], key: StateKey) -> list[int]:
    """Those of the rooms that have something under *key* now."""
    return [nid for nid in room_nids if entry_as_of(tx, nid, key, NOW) is not None]


def of_type_as_of(tx: Connection, room_nid: int, kind: str, position: int) -> dict[str, int]:
    """{state_key: event nid} of one type, as it was after *position*."""
    return dict(_OF_TYPE.all(tx, room_nid=room_nid, type=kind, upto=position))


def difference(tx: Connection, room_nid: int, after: int, upto: int) -> Delta:
    """What is current after *upto* for each key that changed at positions in ``(after, upto]``."""
    return {(kind, key): nid for kind, key, nid in _SINCE.all(tx, room_nid=room_nid, after=after, upto=upto)}


def first_position(tx: Connection, room_nid: int) -> int | None:
    """The position from which on the state is known; None: it never was."""
    position: int | None = _FIRST_POSITION.scalar(tx, room_nid=room_nid)
    return position


def members_as_of(tx: Connection, room_nid: int, position: int) -> dict[UserID, tuple[str, int]]:
    """{user id: (membership, event nid)} of all who had one after *position*."""
    rows = _MEMBERS.all(tx, room_nid=room_nid, upto=position)
    return {user: (membership, nid) for user, membership, nid in rows}


def member_changes(tx: Connection, room_nid: int, after: int) -> list[tuple[Position, UserID, str | None]]:
    """Whose membership changed after a position, where, and what it was from there on; in order."""
    return [
        (Position(at), UserID(key), membership)
        for at, key, membership in _MEMBER_CHANGES.all(tx, room_nid=room_nid, after=after)
    ]


def membership_as_of(tx: Connection, room_nid: int, user_id: UserID, position: int) -> str | None:
    """The user's membership after *position*; None: never any."""
    row = _ENTRY.first(tx, room_nid=room_nid, type=MEMBER, state_key=user_id, upto=position)
    return None if row is None else row[1]


def rooms_of(tx: Connection, user_id: UserID) -> dict[int, str]:
    """{room nid: membership} that a user, local or not, has now, as far as this server knows."""
    now = {nid: membership for nid, membership, event in _ROOMS_OF.all(tx, user_id=user_id) if event is not None}
    return {nid: membership for nid, membership in now.items() if membership is not None}


def insert_state(
    tx: Write, room_nid: int, delta: Delta, *, parent: int | None = None, base_position: int | None = None
) -> int:
    """The nid of a state that differs by *delta* from a *parent*, from an earlier current state, or from nothing."""
    assert parent is None or base_position is None, "a state differs from one thing"
    encoded = encode_json([[kind, key, nid] for (kind, key), nid in delta.items()])
    row = tx.first(_INSERT_STATE, room_nid=room_nid, parent=parent, base_position=base_position, delta=encoded)
    assert row is not None, "an insert returns its row"
    return int(row[0])


def stored_state(tx: Connection, nid: int) -> StoredState | None:
    """The state of this number, as the difference that it is stored as."""
    row = _STATE.first(tx, nid=nid)
    if row is None:
        return None
    number, room_nid, parent, base_position, encoded = row
    delta = {(kind, key): event for kind, key, event in load_json(encoded)}
    return StoredState(number, room_nid, parent, base_position, delta)


def resolve_state(tx: Connection, nid: int) -> dict[StateKey, int]:
    """The whole of a stored state, {(type, state_key): event nid}."""
    deltas: list[Delta] = []
    upwards: int | None = nid
    whole: Delta = {}
    while upwards is not None:
        state = stored_state(tx, upwards)
        assert state is not None, "a state that is referred to is there"
        deltas.append(state.delta)
        upwards = state.parent
        if state.base_position is not None:
            whole.update(state_as_of(tx, state.room_nid, state.base_position))
    for delta in reversed(deltas):
        whole.update(delta)
    return {key: event for key, event in whole.items() if event is not None}


def entries_of(tx: Connection, nid: int, keys: Iterable[StateKey]) -> dict[StateKey, int]:
    """As ``resolve_state``, those of *keys* alone: the rest is not read."""
    found: Delta = {}
    wanted = set(keys)
    upwards: int | None = nid
    while upwards is not None and wanted:
        state = stored_state(tx, upwards)
        assert state is not None, "a state that is referred to is there"
        for key in wanted & state.delta.keys():
            found[key] = state.delta[key]
        wanted -= state.delta.keys()
        upwards = state.parent
        if state.base_position is not None:
            found.update(entries_as_of(tx, state.room_nid, wanted, state.base_position))
    return {key: event for key, event in found.items() if event is not None}


def assign(tx: Write, event_nid: int, state_nid: int) -> None:
    """The state before the event is this stored one, not the one as of its place in the log."""
    tx.run(_ASSIGN, event_nid=event_nid, state_nid=state_nid)


def state_before(tx: Connection, event_nid: int) -> int | None:
    """The nid of the state before the event; None: it is the current state as of just before its place."""
    nid: int | None = _STATE_OF.scalar(tx, event_nid=event_nid)
    return nid


def states_before(tx: Connection, event_nids: Iterable[int]) -> dict[int, int]:
    """{event nid: state nid} of those events that have a state of their own."""
    return dict(_STATES_OF.all(tx, event_nids))


def forget_state(tx: Write, event_nid: int) -> None:
    """The event has no state of its own any more; states that nothing refers to are gone."""
    nid = state_before(tx.connection, event_nid)
    tx.run(_FORGET_OF_EVENT, event_nid=event_nid)
    while nid is not None:
        state = stored_state(tx.connection, nid)
        if state is None or tx.run(_FORGET, state_nid=nid) == 0:
            return
        nid = state.parent
