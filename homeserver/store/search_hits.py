"""What a search finds, before anybody has looked whether it may be shown."""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, func, select

from homeserver.core.canonical import encode_json
from homeserver.core.identifiers import UserID
from homeserver.core.search_words import Sought
from homeserver.store.prepared import Prepared, PreparedIn
from homeserver.store.schema.events import events as e
from homeserver.store.schema.rooms import room_summaries
from homeserver.store.schema.search import search_documents as d
from homeserver.store.search_dialects import dialect_named, dialect_of

SCANNED_MAX: Final = 100_000
"""Of a word that is more frequent only the newest texts are looked at."""


@frozen
class SearchQuery:
    """
    What is looked for, and among which texts: those of the rooms, up to *newest*, with any of the *keys*.

    *senders*: None: anybody.  *by_rank*: the closest match first, otherwise the newest.
    """

    sought: Sequence[Sought]
    room_nids: Collection[int]
    keys: int
    newest: int
    by_rank: bool
    limit: int
    senders: Collection[UserID] | None = None


@frozen
class Hit:
    """A text that matches."""

    nid: int
    room_nid: int
    sender: UserID
    rank: float


@frozen
class Hits:
    """The first of what matches, and how many there are."""

    first: Sequence[Hit]
    total: int


@cache
def _statement(*, by_rank: bool, senders: bool) -> Prepared:
    def build(name: str) -> Any:
        dialect = dialect_named(name)
        m = dialect.matching().subquery("matching")
        wanted = [
            d.c.room_nid.in_(dialect.among("rooms", numbers=True)),
            d.c.key.bitwise_and(bindparam("keys")) != 0,
        ]
        joined = m.join(d, d.c.nid == m.c.nid)
        if senders:
            joined = joined.join(e, e.c.nid == d.c.nid)
            wanted.append(e.c.sender.in_(dialect.among("senders", numbers=False)))
        order = [m.c.rank.desc()] if by_rank else []
        found = (
            select(d.c.nid, d.c.room_nid, d.c.origin_server_ts, m.c.rank, func.count().over().label("total"))
            .select_from(joined)
            .where(*wanted)
            .order_by(*order, d.c.origin_server_ts.desc(), d.c.nid.desc())
            .limit(bindparam("limit"))
            .subquery("found")
        )
        order = [found.c.rank.desc()] if by_rank else []
        return (
            select(found.c.nid, found.c.room_nid, e.c.sender, found.c.rank, found.c.total)
            .select_from(found.join(e, e.c.nid == found.c.nid))
            .order_by(*order, found.c.origin_server_ts.desc(), found.c.nid.desc())
        )

    return Prepared(build)


_ENCRYPTED = PreparedIn(
    lambda nids: select(room_summaries.c.room_nid).where(
        room_summaries.c.room_nid.in_(nids), room_summaries.c.encryption.is_not(None)
    )
)


def hits(tx: Connection, query: SearchQuery) -> Hits:
    """What matches *query*, but for texts of rooms that are encrypted.  Spec: client-server-api#room_events"""
    encrypted = {row[0] for row in _ENCRYPTED.all(tx, query.room_nids)}
    rooms = [nid for nid in query.room_nids if nid not in encrypted]
    if not rooms or not query.sought or (query.senders is not None and not query.senders):
        return Hits((), 0)
    params: dict[str, Any] = {
        **dialect_of(tx).query(query.sought, rooms),
        "newest": query.newest,
        "scanned": SCANNED_MAX,
        "rooms": _listed(rooms),
        "keys": query.keys,
        "limit": query.limit,
    }
    if query.senders is not None:
        # Nobody has a NUL in their name, and PostgreSQL takes none.
        params["senders"] = _listed(user_id for user_id in query.senders if "\0" not in user_id)
    statement = _statement(by_rank=query.by_rank, senders=query.senders is not None)
    rows = statement.all(tx, **params)
    return Hits([Hit(*row[:4]) for row in rows], rows[0][4] if rows else 0)


def _listed(values: Iterable[Any]) -> str:
    return encode_json(list(values)).decode()
