"""What the room directory and the space hierarchy show of rooms."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, delete, exists, func, or_, select, tuple_, update

from homeserver.core.identifiers import RoomAlias, RoomID
from homeserver.store.like import ESCAPE, literally
from homeserver.store.prepared import Prepared, PreparedIn, Row, upsert
from homeserver.store.schema.appservices import network_rooms as n
from homeserver.store.schema.rooms import room_summaries as s
from homeserver.store.schema.rooms import rooms
from homeserver.store.write import Write


@frozen
class Network:
    """Whose directory is meant: that of a network which an application service bridges to."""

    appservice_id: str
    network_id: str
    scope: str = "one"

    @property
    def params(self) -> dict[str, str]:
        """What the statements are told of it."""
        return {"bridge": self.appservice_id, "network": self.network_id} if self.scope == "one" else {}


MATRIX: Final = Network("", "", "matrix")
"""What is published here, whatever the networks show."""
ALL_NETWORKS: Final = Network("", "", "all")


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


def _select() -> Select[tuple[Any, ...]]:
    columns = (s.c.room_nid, rooms.c.room_id, *(column for column in s.c if column is not s.c.room_nid))
    return select(*columns).select_from(s.join(rooms, rooms.c.nid == s.c.room_nid))


_REPLACE = upsert(s)
_BY_NIDS = PreparedIn(lambda nids: _select().where(s.c.room_nid.in_(nids)))
_DELETE = Prepared(delete(s).where(s.c.room_nid == bindparam("which")))
# A room that everybody has left is not to be found.
_SHOWN = rooms.c.blocked.is_(False) & (s.c.joined_members > 0)
_OF_NETWORKS = exists().where(n.c.room_nid == s.c.room_nid)
_OF_NETWORK = _OF_NETWORKS.where(n.c.appservice_id == bindparam("bridge"), n.c.network_id == bindparam("network"))
_PUBLIC = {
    "matrix": _SHOWN & rooms.c.is_public,
    "all": _SHOWN & (rooms.c.is_public | _OF_NETWORKS),
    "one": _SHOWN & _OF_NETWORK,
}
_TERM = or_(
    s.c.name.ilike(bindparam("like"), escape=ESCAPE),
    s.c.topic.ilike(bindparam("like"), escape=ESCAPE),
    s.c.canonical_alias.ilike(bindparam("like"), escape=ESCAPE),
)
_PLACE = tuple_(s.c.joined_members, s.c.room_nid)
_BELOW = tuple_(bindparam("members"), bindparam("nid")) > _PLACE
_ABOVE = tuple_(bindparam("members"), bindparam("nid")) < _PLACE


@cache
def _page(scope: str, *, searched: bool, backward: bool, types: int | None, untyped: bool) -> Prepared:
    """*types*: how many types of rooms are wanted; None: all of them.  *untyped*: rooms without a type are."""
    wanted = [_PUBLIC[scope], _ABOVE if backward else _BELOW]
    if searched:
        wanted.append(_TERM)
    if types is not None:
        of_type = s.c.room_type.in_([bindparam(f"type_{index}") for index in range(types)])
        wanted.append(or_(of_type, s.c.room_type.is_(None)) if untyped else of_type)
    order = (s.c.joined_members, s.c.room_nid) if backward else (s.c.joined_members.desc(), s.c.room_nid.desc())
    return Prepared(_select().where(*wanted).order_by(*order).limit(bindparam("limit")))


_COUNT = {
    scope: Prepared(select(func.count()).select_from(s.join(rooms, rooms.c.nid == s.c.room_nid)).where(condition))
    for scope, condition in _PUBLIC.items()
}
_SET = {
    column.name: Prepared(update(s).where(s.c.room_nid == bindparam("which")).values({column.name: bindparam("new")}))
    for column in s.c
    if column is not s.c.room_nid
}


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
    )


def change(tx: Write, room_nid: int, changes: Mapping[str, object]) -> None:
    """Of what is shown of the room this is different now, by column."""
    for column, value in changes.items():
        tx.run(_SET[column], which=room_nid, new=value)


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
    room_types: frozenset[str | None] | None = None,
    network: Network = MATRIX,
) -> list[RoomSummary]:
    """
    The first *limit* published rooms after a place ``(joined members, room nid)``, the most members first.

    *term*: is found in name, topic or alias, whatever the case of its letters; None: any.  *backward*: the last *limit*
    before the place, still the most members first.  *room_types*: a room's must be among them, which may hold None: no
    type; None itself: any.
    """
    start = after if after is not None else ((-1, -1) if backward else (2**62, 2**62))
    params: dict[str, Any] = {"members": start[0], "nid": start[1], "limit": limit, **network.params}
    if term is not None:
        params["like"] = f"%{literally(term)}%"
    types = None if room_types is None else sorted(each for each in room_types if each is not None)
    for index, name in enumerate(types or ()):
        params[f"type_{index}"] = name
    untyped = room_types is not None and None in room_types
    statement = _page(
        network.scope,
        searched=term is not None,
        backward=backward,
        types=None if types is None else len(types),
        untyped=untyped,
    )
    found = [_summary(row) for row in statement.all(tx, **params)]
    return found[::-1] if backward else found


def public_count(tx: Connection, network: Network = MATRIX) -> int:
    """How many rooms are published."""
    return int(_COUNT[network.scope].scalar(tx, **network.params))


def _summary(row: Row) -> RoomSummary:
    return RoomSummary(*row)
