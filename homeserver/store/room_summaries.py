"""What the room directory and the space hierarchy show of rooms."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, delete, func, or_, select, tuple_

from homeserver.core.identifiers import RoomAlias, RoomID
from homeserver.store.prepared import Prepared, PreparedIn, Row, upsert
from homeserver.store.schema.rooms import room_summaries as s
from homeserver.store.schema.rooms import rooms
from homeserver.store.write import Write


@frozen
class RoomSummary:
    """A room in a list.  Spec: client-server-api#published-room-directory"""

    room_nid: int
    room_id: RoomID
    name: str | None
    topic: str | None
    canonical_alias: RoomAlias | None
    avatar_url: str | None
    room_type: str | None
    join_rule: str
    encryption: str | None
    guest_can_join: bool
    world_readable: bool
    joined_members: int
    invited_members: int


def _select() -> Select[tuple[Any, ...]]:
    columns = (s.c.room_nid, rooms.c.room_id, *(column for column in s.c if column is not s.c.room_nid))
    return select(*columns).select_from(s.join(rooms, rooms.c.nid == s.c.room_nid))


_REPLACE = upsert(s)
_BY_NIDS = PreparedIn(lambda nids: _select().where(s.c.room_nid.in_(nids)))
_DELETE = Prepared(delete(s).where(s.c.room_nid == bindparam("which")))
_PUBLIC = rooms.c.is_public & rooms.c.blocked.is_(False)
_FOUND = _PUBLIC & or_(
    s.c.name.ilike(bindparam("like"), escape="\\"),
    s.c.topic.ilike(bindparam("like"), escape="\\"),
    s.c.canonical_alias.ilike(bindparam("like"), escape="\\"),
)
_PLACE = tuple_(s.c.joined_members, s.c.room_nid)
_BELOW = tuple_(bindparam("members"), bindparam("nid")) > _PLACE
_ABOVE = tuple_(bindparam("members"), bindparam("nid")) < _PLACE


def _page(condition: Any, *, backward: bool) -> Prepared:
    order = (s.c.joined_members, s.c.room_nid) if backward else (s.c.joined_members.desc(), s.c.room_nid.desc())
    return Prepared(
        _select().where(condition, _ABOVE if backward else _BELOW).order_by(*order).limit(bindparam("limit"))
    )


_PAGES = {
    (searched, backward): _page(_FOUND if searched else _PUBLIC, backward=backward)
    for searched in (False, True)
    for backward in (False, True)
}
_COUNT = Prepared(select(func.count()).select_from(s.join(rooms, rooms.c.nid == s.c.room_nid)).where(_PUBLIC))


def replace(tx: Write, summary: RoomSummary) -> None:
    """This is what is shown of the room."""
    tx.run(
        _REPLACE,
        room_nid=summary.room_nid,
        name=summary.name,
        topic=summary.topic,
        canonical_alias=summary.canonical_alias,
        avatar_url=summary.avatar_url,
        room_type=summary.room_type,
        join_rule=summary.join_rule,
        encryption=summary.encryption,
        guest_can_join=summary.guest_can_join,
        world_readable=summary.world_readable,
        joined_members=summary.joined_members,
        invited_members=summary.invited_members,
    )


def delete_one(tx: Write, room_nid: int) -> None:
    """Nothing is shown of the room."""
    tx.run(_DELETE, which=room_nid)


def by_nids(tx: Connection, room_nids: Iterable[int]) -> dict[int, RoomSummary]:
    """{room nid: summary} of those that are there."""
    return {summary.room_nid: summary for summary in map(_summary, _BY_NIDS.all(tx, room_nids))}


def public(
    tx: Connection,
    *,
    term: str | None,
    after: tuple[int, int] | None,
    limit: int,
    backward: bool = False,
) -> list[RoomSummary]:
    """
    The first *limit* published rooms after a place ``(joined members, room nid)``, the most members first.

    *term*: is found in name, topic or alias, whatever the case of its letters; None: any.  *backward*: the last *limit*
    before the place, still the most members first.
    """
    start = after if after is not None else ((-1, -1) if backward else (2**62, 2**62))
    params: dict[str, Any] = {"members": start[0], "nid": start[1], "limit": limit}
    if term is not None:
        escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        params["like"] = f"%{escaped}%"
    found = [_summary(row) for row in _PAGES[term is not None, backward].all(tx, **params)]
    return found[::-1] if backward else found


def public_count(tx: Connection) -> int:
    """How many rooms are published."""
    return int(_COUNT.scalar(tx))


def _summary(row: Row) -> RoomSummary:
    return RoomSummary(*row)
