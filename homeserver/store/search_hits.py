"""What a search finds, before anybody has looked whether it may be shown."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, FromClause, Select, bindparam, func, select

from homeserver.core.identifiers import UserID
from homeserver.core.search_words import Sought
from homeserver.store.prepared import Prepared, PreparedIn
from homeserver.store.schema.events import events as e
from homeserver.store.schema.rooms import room_summaries
from homeserver.store.schema.search import search_documents as d
from homeserver.store.search_dialects import dialect_named, dialect_of

COUNTED_MAX: Final = 1_000
"""So many more than are asked for are counted, so that a search for a frequent word ends early."""
RANKED_MAX: Final = 5_000
"""Of more texts that match only the newest are compared."""
MATCHED_MAX: Final = 100_000
"""Of a word that is more frequent, only the newest texts are looked at for any that pass the filter."""


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
    rank: float | None
    """How close the match is; None where nobody asked."""


@frozen
class Hits:
    """The first of what matches, and how many there are, as far as anybody counted."""

    first: Sequence[Hit]
    total: int


@cache
def _statement(*, by_rank: bool, senders: bool) -> Prepared:
    def build(name: str) -> Any:
        dialect = dialect_named(name)

        def narrowed(query: Select[Any], source: FromClause) -> Select[Any]:
            in_rooms = dialect.is_among(d.c.room_nid, "rooms")
            query = query.where(in_rooms, d.c.key.bitwise_and(bindparam("keys")) != 0)
            if not senders:
                return query.select_from(source)
            of_senders = dialect.is_among(e.c.sender, "senders")
            return query.select_from(source.join(e, e.c.nid == d.c.nid)).where(of_senders)

        m = dialect.matching(narrowed, by_rank=by_rank).subquery("matches")
        order = [m.c.rank.desc()] if by_rank else []
        found = (
            select(m, func.count().over().label("total"))
            .order_by(*order, m.c.origin_server_ts.desc(), m.c.nid.desc())
            .limit(bindparam("limit"))
            .subquery("found")
        )
        order = [found.c.rank.desc()] if by_rank else []
        return (
            select(found.c.nid, found.c.room_nid, e.c.sender, found.c.rank, found.c.total)
            .select_from(found.join(e, e.c.nid == found.c.nid))
            .order_by(*order, found.c.origin_server_ts.desc(), found.c.nid.desc())
        )

    # Frequent words are looked for backwards from the newest text, others in the index.
    return Prepared(build, planned_each_time=True)


_ENCRYPTED = PreparedIn(
    lambda nids: select(room_summaries.c.room_nid).where(
        room_summaries.c.room_nid.in_(nids), room_summaries.c.encryption.is_not(None)
    )
)


def unencrypted(tx: Connection, room_nids: Collection[int]) -> list[int]:
    """Those of the rooms in which anything can be found.  Spec: client-server-api#room_events"""
    encrypted = {row[0] for row in _ENCRYPTED.all(tx, room_nids)}
    return [nid for nid in room_nids if nid not in encrypted]


def hits(tx: Connection, query: SearchQuery) -> Hits:
    """What matches *query*."""
    if not query.room_nids or not query.sought or (query.senders is not None and not query.senders):
        return Hits((), 0)
    dialect = dialect_of(tx)
    params: dict[str, Any] = {
        **dialect.query(query.sought, query.room_nids),
        "newest": query.newest,
        # More than the limit, or nobody would know that there is more.
        "scanned": RANKED_MAX if query.by_rank else query.limit + COUNTED_MAX,
        "matched": MATCHED_MAX,
        "rooms": dialect.listed(query.room_nids),
        "keys": query.keys,
        "limit": query.limit,
    }
    if query.senders is not None:
        params["senders"] = dialect.listed(query.senders)
    statement = _statement(by_rank=query.by_rank, senders=query.senders is not None)
    rows = statement.all(tx, **params)
    return Hits([Hit(*row[:4]) for row in rows], rows[0][4] if rows else 0)
