"""
The words of texts in the two databases.

Both are given the words as ``core.search_words`` cuts them, and look for phrases, beginnings and rooms among them.  The
room of a text is in the index too, so that a search in a few rooms reads of a frequent word no more than these have.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    bindparam,
    cast,
    func,
    insert,
    null,
    select,
)
from sqlalchemy import literal_column as literally
from sqlalchemy.types import UserDefinedType

from homeserver.core.canonical import encode_json
from homeserver.core.search_words import Sought
from homeserver.store.prepared import Prepared
from homeserver.store.schema.search import search_documents as d
from homeserver.store.schema.search import search_words as w
from homeserver.store.write import Write

ROOMS_NAMED_MAX: Final = 32
"""Of more rooms all texts with the words are looked at, and those of the rooms kept."""
MERGED_PAGES: Final = 64
"""Written anew in one step."""
POSITION_MAX: Final = 16_383
"""PostgreSQL counts no farther."""


Filters: TypeAlias = Callable[[Select[Any], FromClause], Select[Any]]
"""What narrows a select down to what is wanted, given from what it selects, the documents among it."""


class Dialect(Protocol):
    """How one database finds words."""

    def add(self, tx: Write, nid: int, room_nid: int, words: Sequence[str]) -> str | None:
        """The words are found once the document is stored; what its column ``words`` is to hold."""

    def remove(self, tx: Write, nid: int, room_nid: int, words: Sequence[str]) -> None:
        """The words, which were added so, are found no more once the document is deleted."""

    def clear(self, tx: Write) -> None:
        """No words are found once all documents are deleted."""

    def rewrite(self, tx: Write, *, begin: bool) -> bool:
        """A step of writing the index anew is done; whether there is more."""

    def matching(self, filters: Filters, *, by_rank: bool) -> Select[Any]:
        """
        ``nid``, ``room_nid``, ``origin_server_ts`` and ``rank`` of the newest ``scanned`` texts up to ``newest`` that
        match ``query`` and pass *filters*; the rank is NULL unless *by_rank*.
        """

    def query(self, sought: Iterable[Sought], room_nids: Collection[int]) -> dict[str, str]:
        """The parameters of ``matching`` that say what is looked for, and where."""

    def is_among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Whether the column is among the values that the parameter *name* is, as ``listed`` made it of them."""

    def listed(self, values: Iterable[Any]) -> Any:
        """*values* as one parameter."""


class _Sqlite:
    """FTS5 without content: a table of words alone, whose row numbers are the events'."""

    _INSERT = Prepared(insert(w).values(rowid=bindparam("nid"), room=bindparam("of_room"), words=bindparam("text")))
    _REMOVE = Prepared(
        insert(w).values(
            search_words="delete", rowid=bindparam("nid"), room=bindparam("of_room"), words=bindparam("text")
        )
    )
    _CLEAR = Prepared(insert(w).values(search_words="delete-all"))
    _MERGE = Prepared(insert(w).values(search_words="merge", rank=bindparam("pages")))
    _CHANGES = Prepared(select(func.total_changes()))

    def add(self, tx: Write, nid: int, room_nid: int, words: Sequence[str]) -> str | None:
        tx.run(self._INSERT, nid=nid, of_room=_room_word(room_nid), text=" ".join(words))
        return None

    def remove(self, tx: Write, nid: int, room_nid: int, words: Sequence[str]) -> None:
        tx.run(self._REMOVE, nid=nid, of_room=_room_word(room_nid), text=" ".join(words))

    def clear(self, tx: Write) -> None:
        tx.run(self._CLEAR)

    def rewrite(self, tx: Write, *, begin: bool) -> bool:
        before = self._CHANGES.scalar(tx.connection)
        # A negative number has what is in one piece merged too.
        tx.run(self._MERGE, pages=-MERGED_PAGES if begin else MERGED_PAGES)
        # As FTS5's manual says it: less than two rows were changed when there was nothing to do.
        return bool(self._CHANGES.scalar(tx.connection) - before >= 2)

    def matching(self, filters: Filters, *, by_rank: bool) -> Select[Any]:
        # The column of the room weighs nothing.
        rank: ColumnElement[Any] = -func.bm25(literally("search_words"), 0.0, 1.0) if by_rank else null()
        m = (
            select(literally("search_words.rowid").label("nid"), rank.label("rank"))
            .select_from(w)
            .where(
                w.c.search_words.op("MATCH")(bindparam("query")),
                literally("search_words.rowid") <= bindparam("newest"),
            )
            .order_by(literally("search_words.rowid").desc())
            .limit(bindparam("matched"))
            .subquery("matching")
        )
        # SQLite takes one match after the other as they come, the newest first, until it has enough: as long as it
        # need not join what matches, which it would gather for that, nor is asked to sort it.
        wanted = filters(select(d.c.nid).where(d.c.nid == m.c.nid), d).correlate(m).exists()
        picked = select(m).where(wanted).limit(bindparam("scanned")).subquery("picked")
        columns = (picked.c.nid, d.c.room_nid, d.c.origin_server_ts, picked.c.rank)
        return select(*columns).select_from(picked.join(d, d.c.nid == picked.c.nid))

    def query(self, sought: Iterable[Sought], room_nids: Collection[int]) -> dict[str, str]:
        words = " AND ".join(f'"{" ".join(each.words)}"{" *" if each.is_prefix else ""}' for each in sought)
        whole = f"{{words}} : ({words})"
        if 0 < len(room_nids) <= ROOMS_NAMED_MAX:
            rooms = " OR ".join(f'"{_room_word(nid)}"' for nid in sorted(room_nids))
            whole = f"{{room}} : ({rooms}) AND {whole}"
        return {"query": whole}

    def is_among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))

    def listed(self, values: Iterable[Any]) -> Any:
        return encode_json(list(values)).decode()


class _TSQuery(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TSQUERY"


class _Postgresql:
    """A ``tsvector`` of the words with their places, made here and not by a parser of PostgreSQL's."""

    def add(self, tx: Write, nid: int, room_nid: int, words: Sequence[str]) -> str | None:
        places: dict[str, list[int]] = {}
        for place, word in enumerate(words, 1):
            places.setdefault(word, []).append(min(place, POSITION_MAX))
        # No word has a quote or a backslash in it.  The room is no word: it has no place.
        vector = [f"'{word}':{','.join(map(str, where))}" for word, where in places.items()]
        return " ".join([f"'{_room_lexeme(room_nid)}'", *vector])

    def remove(self, tx: Write, nid: int, room_nid: int, words: Sequence[str]) -> None:
        """Nothing: the words are in the document's own row."""

    def clear(self, tx: Write) -> None:
        """Nothing: likewise."""

    def rewrite(self, tx: Write, *, begin: bool) -> bool:
        """Whatever is deleted is gone with the next vacuum."""
        return False

    def matching(self, filters: Filters, *, by_rank: bool) -> Select[Any]:
        query: ColumnElement[Any] = cast(bindparam("query"), _TSQuery())
        columns = (d.c.nid, d.c.room_nid, d.c.origin_server_ts)
        newest = filters(
            select(*columns, *([d.c.words] if by_rank else []))
            # Not by the key's index: without statistics the planner thinks that most are newer.
            .where(d.c.words.op("@@")(query), d.c.nid + 0 <= bindparam("newest"))
            .order_by(d.c.nid.desc())
            .limit(bindparam("scanned")),
            d,
        ).subquery("newest")
        rank: ColumnElement[Any] = null()
        if by_rank:
            # 1: what is longer is less about each of its words.
            rank = func.ts_rank(newest.c.words, cast(bindparam("ranked_by"), _TSQuery()), 1)
        return select(newest.c.nid, newest.c.room_nid, newest.c.origin_server_ts, rank.label("rank"))

    def query(self, sought: Iterable[Sought], room_nids: Collection[int]) -> dict[str, str]:
        words = " & ".join(
            "(" + " <-> ".join(f"'{word}'" for word in each.words) + ")"
            if not each.is_prefix
            else f"'{each.words[0]}':*"
            for each in sought
        )
        whole = words
        if 0 < len(room_nids) <= ROOMS_NAMED_MAX:
            rooms = " | ".join(f"'{_room_lexeme(nid)}'" for nid in sorted(room_nids))
            whole = f"({rooms}) & {words}"
        return {"query": whole, "ranked_by": words}

    def is_among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        # Not a query of its own: for each of many matches the planner would have it run again, and in parallel.
        from sqlalchemy.dialects.postgresql import ARRAY

        kind = BigInteger() if isinstance(column.type, BigInteger) else Text()
        return column == func.any(cast(bindparam(name), ARRAY(kind)))

    def listed(self, values: Iterable[Any]) -> Any:
        # Nobody has a NUL in their name, and PostgreSQL takes none.
        return [value for value in values if not isinstance(value, str) or "\0" not in value]


def _room_word(room_nid: int) -> str:
    return f"r{room_nid}"


def _room_lexeme(room_nid: int) -> str:
    """What no word looks like."""
    return f"!{room_nid}"


_DIALECTS: Final[dict[str, Dialect]] = {"sqlite": _Sqlite(), "postgresql": _Postgresql()}


def dialect_of(connection: Connection) -> Dialect:
    """The dialect of the database of *connection*."""
    return _DIALECTS[connection.dialect.name]


def dialect_named(name: str) -> Dialect:
    """The dialect of ``sqlite`` or ``postgresql``."""
    return _DIALECTS[name]
