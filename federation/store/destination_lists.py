"""The servers that this one has met, as administrators look through them."""

from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Select, and_, bindparam, exists, func, select, union

from federation.store.schema import outages, outbox_edus, outbox_rooms, outbox_transactions, server_keys
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.store.like import ESCAPE, literally
from homeserver.store.prepared import Prepared, Row
from homeserver.store.schema.rooms import rooms
from homeserver.store.schema.rooms import state_changes as c


@frozen
class StoredDestination:
    """A server, and what waits for it."""

    server_name: ServerName
    failures: int | None
    """None: it answers."""
    since_ms: int | None
    retry_at_ms: int | None
    rooms_waiting: int
    edus_waiting: int
    is_being_sent: bool


_NAMES = union(
    select(server_keys.c.server_name),
    select(outages.c.server_name),
    select(outbox_rooms.c.destination),
    select(outbox_edus.c.destination),
    select(outbox_transactions.c.destination),
).subquery("names")
_n = _NAMES.c.server_name
_ROOMS = select(func.count()).where(outbox_rooms.c.destination == _n).correlate(_NAMES).scalar_subquery()
_EDUS = select(func.count()).where(outbox_edus.c.destination == _n).correlate(_NAMES).scalar_subquery()
_SENT = select(func.count()).where(outbox_transactions.c.destination == _n).correlate(_NAMES).scalar_subquery()
_SEARCHED = func.lower(_n).like(bindparam("search"), escape=ESCAPE)
_FAILING = outages.c.server_name.is_not(None)


def _select() -> Select[Any]:
    columns = (_n, outages.c.failures, outages.c.since_ms, outages.c.retry_at_ms, _ROOMS, _EDUS, _SENT)
    return select(*columns).select_from(_NAMES.outerjoin(outages, outages.c.server_name == _n))


def _page(failing: bool) -> Prepared:
    wanted = [_SEARCHED, _n > bindparam("after"), *([_FAILING] if failing else [])]
    return Prepared(_select().where(*wanted).order_by(_n).limit(bindparam("limit")))


def _count(failing: bool) -> Prepared:
    found = _NAMES.outerjoin(outages, outages.c.server_name == _n)
    wanted = [_SEARCHED, *([_FAILING] if failing else [])]
    return Prepared(select(func.count()).select_from(found).where(*wanted))


_PAGES = {failing: _page(failing) for failing in (True, False)}
_COUNTS = {failing: _count(failing) for failing in (True, False)}
_BY_NAME = Prepared(_select().where(_n == bindparam("name")))
_newer = c.alias("newer")
_SHARED = Prepared(
    select(rooms.c.room_id)
    .distinct()
    .select_from(c.join(rooms, rooms.c.nid == c.c.room_nid))
    .where(
        rooms.c.joined,
        c.c.type == "m.room.member",
        c.c.membership == "join",
        c.c.state_key.like(bindparam("users"), escape=ESCAPE),
        ~exists().where(
            and_(
                _newer.c.room_nid == c.c.room_nid,
                _newer.c.type == c.c.type,
                _newer.c.state_key == c.c.state_key,
                _newer.c.position > c.c.position,
            )
        ),
    )
    .order_by(rooms.c.room_id)
)


def page(tx: Connection, search: str, after: str, limit: int, *, failing: bool) -> list[StoredDestination]:
    """The first *limit* servers after a name in which *search* occurs; *failing*: only those that do not answer."""
    rows = _PAGES[failing].all(tx, search=f"%{literally(search.lower())}%", after=after, limit=limit)
    return [_destination(row) for row in rows]


def count(tx: Connection, search: str, *, failing: bool) -> int:
    """How many there are."""
    return int(_COUNTS[failing].scalar(tx, search=f"%{literally(search.lower())}%"))


def by_name(tx: Connection, name: ServerName) -> StoredDestination | None:
    """The server; None: this one never met it."""
    row = _BY_NAME.first(tx, name=name)
    return None if row is None else _destination(row)


def shared_rooms(tx: Connection, name: ServerName) -> list[RoomID]:
    """The rooms of this server that users of the other are joined to."""
    return [RoomID(row[0]) for row in _SHARED.all(tx, users=f"%:{literally(name)}")]


def _destination(row: Row) -> StoredDestination:
    name, failures, since_ms, retry_at_ms, rooms_waiting, edus_waiting, sent = row
    return StoredDestination(ServerName(name), failures, since_ms, retry_at_ms, rooms_waiting, edus_waiting, bool(sent))
