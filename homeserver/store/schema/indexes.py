"""
Indexes with options that the two databases do not share.

SQLAlchemy loads a database's dialect with all its drivers as soon as an index has an option of it: of PostgreSQL's that
is 2.7 MiB and a twentieth of the start, of a server that may have SQLite alone.  And only what makes tables looks at
them, where the revisions do it otherwise: tests, and ``scripts/revise``.  So they are noted, and told before that.
"""

from typing import Any, Final

from sqlalchemy import Column, Index, MetaData, text

_POSTGRESQL: Final = "postgresql"


def partial_index(name: str, *columns: Column[Any], where: str) -> Index:
    """An index of those rows of which *where* is true."""
    condition = text(where)
    return Index(name, *columns, sqlite_where=condition, info={_POSTGRESQL: {"where": condition}})


def index_for_postgresql(name: str, *columns: Column[Any], **options: Any) -> Index:
    """An index that PostgreSQL alone needs, with *options*; on SQLite it holds nothing as long as all is NULL."""
    present = text(" AND ".join(f"{column.name} IS NOT NULL" for column in columns))
    return Index(name, *columns, sqlite_where=present, info={_POSTGRESQL: options})


def name_options(metadata: MetaData) -> None:
    """The indexes of *metadata* have all their options."""
    for table in metadata.tables.values():
        for index in table.indexes:
            for option, value in index.info.get(_POSTGRESQL, {}).items():
                index.dialect_kwargs[f"{_POSTGRESQL}_{option}"] = value
