"""
The index of texts by their words: what is put into it, what is taken out, and what is found.

Where the databases differ is in ``search_dialects``; on both a text is found by the very same words.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, select

from homeserver.core.canonical import JSONObject, load_json
from homeserver.core.identifiers import EventID
from homeserver.core.log import EVENT, STORED, Position
from homeserver.core.search_words import WORDS_VERSION, words_of_text
from homeserver.core.searchable import SEARCHABLE_TYPES, SearchText, search_text
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, Row, upsert
from homeserver.store.schema.accounts import cursors
from homeserver.store.schema.events import events as e
from homeserver.store.schema.log import log, log_head
from homeserver.store.schema.search import search_documents as d
from homeserver.store.schema.search import search_upkeep as u
from homeserver.store.search_dialects import dialect_of
from homeserver.store.write import Write

CLEARED_AT_ONCE: Final = 2_000


@frozen
class Document:
    """A text of an event, as the index has it.  *origin_server_ts*: when what is shown for it was sent."""

    nid: int
    room_nid: int
    key: int
    origin_server_ts: int
    words: tuple[str, ...]


@frozen
class Standing:
    """How far the index is: the *head* of the log, and up to where it is worked in; None: nothing ever was."""

    head: Position
    position: Position | None
    newest: int
    """The greatest nid of what is found; 0: nothing is."""


@frozen
class Harvest:
    """The texts of events stored, or placed, up to *upto*."""

    upto: Position
    documents: Sequence[Document]


_COLUMNS = (e.c.nid, e.c.room_nid, e.c.type, e.c.state_key, e.c.origin_server_ts, e.c.pdu)
_WITH_TEXT = (e.c.type.in_(SEARCHABLE_TYPES), e.c.ordering.is_not(None), e.c.redacted_by.is_(None))
_STORED = Prepared(
    select(*_COLUMNS).where(e.c.nid > bindparam("after"), e.c.nid <= bindparam("upto"), *_WITH_TEXT).order_by(e.c.nid)
)
_PLACED = Prepared(
    select(*_COLUMNS)
    .select_from(log.join(e, e.c.nid == log.c.ref))
    .where(
        log.c.position > bindparam("after"),
        log.c.position <= bindparam("upto"),
        log.c.kind.in_((EVENT, STORED)),
        log.c.ref.is_not(None),
        *_WITH_TEXT,
    )
)
_TIMES = PreparedIn(lambda ids: select(e.c.event_id, e.c.origin_server_ts).where(e.c.event_id.in_(ids)))
_UNTOUCHED = PreparedIn(lambda nids: select(e.c.nid).where(e.c.nid.in_(nids), e.c.redacted_by.is_(None)))
_PRESENT = PreparedIn(lambda nids: select(d.c.nid).where(d.c.nid.in_(nids)))
_INSERT = Insertion(d)
_DELETE = Prepared(delete(d).where(d.c.nid == bindparam("which")))
_SOME = Prepared(select(d.c.nid).order_by(d.c.nid).limit(bindparam("limit")))
_UPTO = Prepared(delete(d).where(d.c.nid <= bindparam("last")))
_TEXTS = PreparedIn(
    lambda nids: select(*_COLUMNS, d.c.room_nid).select_from(d.join(e, e.c.nid == d.c.nid)).where(d.c.nid.in_(nids))
)
_STANDING = Prepared(
    select(
        select(log_head.c.position).scalar_subquery(),
        select(cursors.c.position).where(cursors.c.consumer == bindparam("consumer")).scalar_subquery(),
        select(func.max(d.c.nid)).scalar_subquery(),
    )
)
_COUNT = Prepared(select(func.count()).select_from(d))
_UPKEEP = Prepared(select(u.c.version, u.c.erased))
_KEEP = upsert(u)


def harvest(tx: Connection, after: Position, upto: Position) -> Harvest:
    """What is to be found of the events at positions in ``(after, upto]``; reads only."""
    rows = {row[0]: row for row in (*_STORED.all(tx, after=after, upto=upto), *_PLACED.all(tx, after=after, upto=upto))}
    texts = {nid: text for nid, row in rows.items() if (text := _text_of(row)) is not None}
    replaced = [text.replaces for text in texts.values() if text.replaces is not None]
    times: Mapping[EventID, int] = dict(_TIMES.all(tx, replaced))
    return Harvest(upto, [_document(rows[nid], text, times) for nid, text in sorted(texts.items())])


def store(tx: Write, documents: Sequence[Document]) -> None:
    """They are found, but for what was redacted or deleted since they were harvested."""
    nids = [document.nid for document in documents]
    untouched = {row[0] for row in _UNTOUCHED.all(tx.connection, nids)}
    present = {row[0] for row in _PRESENT.all(tx.connection, nids)}
    dialect = dialect_of(tx.connection)
    for document in documents:
        if document.nid in untouched and document.nid not in present:
            words = dialect.add(tx, document.nid, document.room_nid, document.words)
            row = (document.nid, document.room_nid, document.key, document.origin_server_ts, words)
            tx.insert(_INSERT, row)


def forget(tx: Write, nids: Collection[int]) -> int:
    """
    No event of these is found any more; says how many were.

    Called in the transaction that redacts or deletes them, and before that: SQLite takes words out by being told them.
    """
    rows = _TEXTS.all(tx.connection, nids)
    if not rows:
        return 0
    dialect = dialect_of(tx.connection)
    for row in rows:
        text = _text_of(row)
        assert text is not None, "what is in the index was put there by its text"
        dialect.remove(tx, row[0], row[6], tuple(words_of_text(text.text)))
        tx.run(_DELETE, which=row[0])
    version, erased = upkeep(tx.connection)
    tx.run(_KEEP, one=1, version=version, erased=erased + len(rows))
    return len(rows)


def clear(tx: Write) -> bool:
    """The index is emptied, a step of it; whether there is more."""
    dialect_of(tx.connection).clear(tx)
    nids = [row[0] for row in _SOME.all(tx.connection, limit=CLEARED_AT_ONCE)]
    if nids:
        tx.run(_UPTO, last=nids[-1])
    tx.run(_KEEP, one=1, version=WORDS_VERSION, erased=0)
    return len(nids) == CLEARED_AT_ONCE


def rewrite(tx: Write, *, begin: bool) -> bool:
    """
    The index is written anew without what was erased, a step of it; whether there is more.

    *begin*: this is the first step.
    """
    more = dialect_of(tx.connection).rewrite(tx, begin=begin)
    if not more:
        tx.run(_KEEP, one=1, version=upkeep(tx.connection)[0], erased=0)
    return more


def upkeep(tx: Connection) -> tuple[str, int]:
    """By which words the index finds, and how many of its texts were erased since it was written anew."""
    row = _UPKEEP.first(tx)
    return (WORDS_VERSION, 0) if row is None else (row[0], row[1])


def standing(tx: Connection, consumer: str) -> Standing:
    """How far the index is, which *consumer* of the log fills."""
    row = _STANDING.first(tx, consumer=consumer)
    assert row is not None, "a row of three queries is always there"
    return Standing(Position(row[0]), None if row[1] is None else Position(row[1]), row[2] or 0)


def count(tx: Connection) -> int:
    """How many texts are found."""
    number: int = _COUNT.scalar(tx)
    return number


def is_empty(tx: Connection) -> bool:
    """Whether nothing is found."""
    return not _SOME.all(tx, limit=1)


def _text_of(row: Row) -> SearchText | None:
    return search_text(row[2], row[3] is not None, _content_of(row[5]))


def _content_of(pdu: bytes) -> JSONObject:
    content: JSONObject = load_json(pdu)["content"]
    return content


def _document(row: Row, text: SearchText, times: Mapping[EventID, int]) -> Document:
    ts = row[4] if text.replaces is None else times.get(text.replaces, row[4])
    return Document(row[0], row[1], int(text.key), ts, tuple(words_of_text(text.text)))
