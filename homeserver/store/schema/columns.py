"""
The kinds of columns, the same on both databases.

Text compares by its bytes everywhere: ids are no words of any language.
"""

from typing import Any

from attrs import frozen
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, SmallInteger, Text, TypeDecorator
from sqlalchemy.engine import Dialect

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class PostgresText(TypeDecorator[str]):
    """
    Text that may hold U+0000, which JSON can and PostgreSQL's text cannot: it is stored as U+001A and ``0``, and U+001A
    itself as U+001A and ``1``.
    """

    impl = Text(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or ("\0" not in value and "\x1a" not in value):
            return value
        return value.replace("\x1a", "\x1a1").replace("\0", "\x1a0")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or "\x1a" not in value:
            return value
        return value.replace("\x1a0", "\0").replace("\x1a1", "\x1a")


STRING = Text().with_variant(PostgresText(), "postgresql")
"""Any string of JSON: ids, names, and texts that hold JSON themselves."""
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""Positions, nids, milliseconds.  SQLite's integers have 64 bits, and only INTEGER keys are its row numbers."""
SMALL = SmallInteger()
FLAG = Boolean(create_constraint=False)
BYTES = LargeBinary()


@frozen
class Schema:
    """The tables of one package, and where its migrations are."""

    name: str
    """Of the package: the label of its branch of migrations."""
    metadata: MetaData
    migrations: str
    """The package with one module a revision."""
    head: str
    """The newest revision."""


def string(name: str, **more: Any) -> Column[Any]:
    """A text that is never NULL, unless *more* says so."""
    return Column(name, STRING, **({"nullable": False} | more))


def number(name: str, **more: Any) -> Column[Any]:
    """An integer of 64 bits that is never NULL, unless *more* says so."""
    return Column(name, NUMBER, **({"nullable": False} | more))


def flag(name: str, **more: Any) -> Column[Any]:
    """True or false."""
    return Column(name, FLAG, **({"nullable": False} | more))


def small(name: str, **more: Any) -> Column[Any]:
    """A small integer that is never NULL, unless *more* says so."""
    return Column(name, SMALL, **({"nullable": False} | more))


def blob(name: str, **more: Any) -> Column[Any]:
    """Bytes that are never NULL, unless *more* says so."""
    return Column(name, BYTES, **({"nullable": False} | more))
