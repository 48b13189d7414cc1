"""
The index of texts by their words.

A text is not kept a second time: SQLite has the words in a table of FTS5 without content, PostgreSQL in a vector.
"""

from typing import Any

from sqlalchemy import DDL, Column, MetaData, String, Table, Text, event
from sqlalchemy.types import UserDefinedType

from homeserver.store.schema.columns import number, small, string
from homeserver.store.schema.indexes import index_for_postgresql
from homeserver.store.schema.tables import METADATA


class TextVector(UserDefinedType[str]):
    """PostgreSQL's ``tsvector``, as the text that is its literal."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TSVECTOR"


WORDS = Text().with_variant(TextVector(), "postgresql")

# A row for each event that has a text to be found by; an edit is one of its own beside what it replaces.
search_documents = Table(
    "search_documents",
    METADATA,
    # Of the event.
    number("nid", primary_key=True, autoincrement=False),
    number("room_nid"),
    # searchable.SearchKey
    small("key"),
    # The sender's clock: of an edit, when what it replaces was sent.
    number("origin_server_ts"),
    # On PostgreSQL its words and its room; on SQLite NULL.
    Column("words", WORDS, nullable=True),
)
# What GIN keeps aside every search looks through: 256 KiB (of 4 MiB otherwise) are filled by some hundred texts, and
# worked in at once.  Measured, a search of a rare word takes a fifth of the time, writing as long, the index half the
# space.
index_for_postgresql(
    "ix_search_documents_words",
    search_documents.c.words,
    using="gin",
    **{"with": {"gin_pending_list_limit": 256}},
)

# One row, once there is anything.
search_upkeep = Table(
    "search_upkeep",
    METADATA,
    small("one", primary_key=True, autoincrement=False),
    # search_words.WORDS_VERSION of what is indexed.
    string("version"),
    # Texts erased since the index was last written anew: until then SQLite's still has their words.
    number("erased"),
)

FTS_TABLE = "CREATE VIRTUAL TABLE search_words USING fts5(room, words, content='', tokenize='ascii')"
"""Words come folded and cut (core.search_words): the tokenizer only takes them apart at the spaces."""
event.listen(search_documents, "after_create", DDL(FTS_TABLE).execute_if(dialect="sqlite"))
event.listen(search_documents, "after_drop", DDL("DROP TABLE search_words").execute_if(dialect="sqlite"))

# Beside the tables of the metadata: for statements alone.  ``search_words`` is how FTS5 names the row as a whole.
search_words = Table(
    "search_words",
    MetaData(),
    number("rowid", primary_key=True),
    Column("room", String),
    Column("words", String),
    Column("search_words", String),
    Column("rank", String),
)
