"""All rooms, as administrators look through them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from attrs import frozen
from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, exists, func, literal, or_, select

from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.room_queries import RoomOutline, RoomsQuery
from homeserver.store.closed_rooms import BLOCKED
from homeserver.store.keysets import page_of
from homeserver.store.like import ESCAPE, literally
from homeserver.store.prepared import Prepared
from homeserver.store.schema.events import backward_extremities, events
from homeserver.store.schema.jobs import closed_rooms
from homeserver.store.schema.rooms import memberships, rooms, state_changes
from homeserver.store.schema.rooms import room_summaries as s

_r = rooms.c
_newer = state_changes.alias("newer")
_IS_CURRENT = and_(
    state_changes.c.event_nid.is_not(None),
    ~exists().where(
        _newer.c.room_nid == state_changes.c.room_nid,
        _newer.c.type == state_changes.c.type,
        _newer.c.state_key == state_changes.c.state_key,
        _newer.c.position > state_changes.c.position,
    ),
)
_MEMBERS = func.coalesce(s.c.joined_members, 0)
_LOCAL = (
    select(func.count())
    .where(memberships.c.room_nid == _r.nid, memberships.c.membership == "join")
    .correlate(rooms)
    .scalar_subquery()
)
_STATE = (
    select(func.count())
    .select_from(state_changes)
    .where(state_changes.c.room_nid == _r.nid, _IS_CURRENT)
    .correlate(rooms)
    .scalar_subquery()
)
_EVENTS = select(func.count()).where(events.c.room_nid == _r.nid).correlate(rooms).scalar_subquery()
_BLOCKED: ColumnElement[bool] = exists().where(closed_rooms.c.room_id == _r.room_id, closed_rooms.c.cause == BLOCKED)
_FOUND = rooms.outerjoin(s, s.c.room_nid == _r.nid)
_DETAILS = Prepared(
    select(
        _r.room_id,
        s.c.name,
        s.c.canonical_alias,
        _MEMBERS,
        _LOCAL,
        _STATE,
        _EVENTS,
        _r.version,
        _r.creator,
        s.c.encryption,
        s.c.join_rule,
        _r.is_public,
        s.c.room_type,
        _BLOCKED.label("blocked"),
    )
    .select_from(_FOUND)
    .where(_r.nid == bindparam("nid"))
)
_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "name": func.coalesce(func.lower(s.c.name), ""),
    "alias": func.coalesce(s.c.canonical_alias, ""),
    "members": _MEMBERS,
    "local_members": _LOCAL,
    "state_events": _STATE,
    "events": _EVENTS,
    "version": func.coalesce(_r.version, ""),
    "creator": func.coalesce(_r.creator, ""),
    "encryption": func.coalesce(s.c.encryption, ""),
    "join_rule": func.coalesce(s.c.join_rule, ""),
    "public": func.coalesce(select(literal(1)).where(_r.is_public).correlate(rooms).scalar_subquery(), 0),
}
NUMBERS: Final = frozenset({"members", "local_members", "state_events", "events", "public"})
"""Orders by a number; the others are by text."""
_FLAGS: Mapping[str, ColumnElement[bool]] = {
    "is_public": _r.is_public,
    "is_encrypted": s.c.encryption.is_not(None),
    "is_space": and_(s.c.room_type.is_not(None), s.c.room_type == "m.space"),
    "is_blocked": _BLOCKED,
    "is_empty": ~exists().where(memberships.c.room_nid == _r.nid, memberships.c.membership == "join"),
}
Place = tuple[str | int, int]
"""Where a room stands in an order: what it is ordered by, and its nid."""


@frozen
class MissingBefore:
    """An event that is not here, and the depth at which history ends because of it."""

    event_id: EventID
    ordering: int


def page(tx: Connection, query: RoomsQuery, after: Place | None, limit: int) -> list[tuple[RoomOutline, Place]]:
    """The first *limit* rooms after a place in the order (None: from its beginning), each with its place."""
    statement = _page(_flags(query), query.search is not None, query.order_by, query.descending, after is None)
    params = _params(query)
    if after is not None:
        params |= {"after": after[0], "after_tie": after[1]}
    places: list[Place] = [(row[1], row[0]) for row in statement.all(tx, limit=limit, **params)]
    found = ((outline(tx, place[1]), place) for place in places)
    return [(room, place) for room, place in found if room is not None]


def count(tx: Connection, query: RoomsQuery) -> int:
    """How many rooms the query finds."""
    return int(_count(_flags(query), query.search is not None).scalar(tx, **_params(query)))


def outline(tx: Connection, room_nid: int) -> RoomOutline | None:
    """The room as it is listed; None: there is none."""
    row = _DETAILS.first(tx, nid=room_nid)
    return None if row is None else RoomOutline(RoomID(row[0]), *row[1:])


def missing_before(tx: Connection, room_nid: int, limit: int) -> list[MissingBefore]:
    """The events that are referred to and not here, the newest gap first."""
    return [MissingBefore(*row) for row in _MISSING.all(tx, room_nid=room_nid, limit=limit)]


_MISSING = Prepared(
    select(backward_extremities.c.event_id, backward_extremities.c.ordering)
    .where(backward_extremities.c.room_nid == bindparam("room_nid"))
    .order_by(backward_extremities.c.ordering.desc())
    .limit(bindparam("limit"))
)


def _flags(query: RoomsQuery) -> tuple[tuple[str, bool], ...]:
    wanted = ((name, getattr(query, name)) for name in _FLAGS)
    return tuple((name, value) for name, value in wanted if value is not None)


def _params(query: RoomsQuery) -> dict[str, Any]:
    if query.search is None:
        return {}
    return {"search": f"%{literally(query.search.lower())}%"}


@lru_cache(maxsize=256)
def _page(
    flags: tuple[tuple[str, bool], ...], searches: bool, order_by: str, descending: bool, from_beginning: bool
) -> Prepared:
    place = _ORDERS[order_by]
    statement = select(_r.nid, place.label("place")).select_from(_FOUND).where(*_conditions(flags, searches))
    return Prepared(page_of(statement, place, _r.nid, descending=descending, from_beginning=from_beginning))


@lru_cache(maxsize=256)
def _count(flags: tuple[tuple[str, bool], ...], searches: bool) -> Prepared:
    return Prepared(select(func.count()).select_from(_FOUND).where(*_conditions(flags, searches)))


def _conditions(flags: tuple[tuple[str, bool], ...], searches: bool) -> list[ColumnElement[bool]]:
    conditions = [_FLAGS[name] if value else ~_FLAGS[name] for name, value in flags]
    if searches:
        pattern: BindParameter[Any] = bindparam("search")
        texts = (s.c.name, s.c.canonical_alias, _r.room_id)
        conditions.append(or_(*(func.lower(func.coalesce(text, "")).like(pattern, escape=ESCAPE) for text in texts)))
    return conditions
