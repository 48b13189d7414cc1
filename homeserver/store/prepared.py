"""
Statements compiled once and handed to the driver directly.

SQLAlchemy Core says what a statement is, on both databases; but walking through its execution for every point read
costs more than the read: on SQLite by primary key 96 µs when the statement is built at each call, 22 µs when it is
built once, 7 µs this way.  Types are honored in both directions.

A prepared statement takes a plain ``Connection``; in a writing transaction it is run by ``Write.run`` or
``Write.first``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import BindParameter, Column, Connection, Executable, Table, bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.visitors import iterate

from homeserver.store import statement_forms
from homeserver.store.statement_forms import AMONG, Conversion, Form, conversion_into, form_of

Row: TypeAlias = statement_forms.Row

IN_MAX = 512
"""Values that one statement looks up at once."""


class Prepared:
    """One statement; its variables are ``bindparam``s, given by name at each call."""

    __slots__ = ("_build", "_forms", "_planned_each_time", "_tables")

    def __init__(self, statement: Executable | Callable[[str], Executable], *, planned_each_time: bool = False) -> None:
        """
        *statement*, or what builds it for ``"sqlite"`` and ``"postgresql"`` where the two differ.

        *planned_each_time*: how it is best done depends on what is looked for, so that PostgreSQL must not remember it.
        """
        self._planned_each_time = planned_each_time
        self._build: Callable[[str], Executable] = (
            (lambda _: statement) if isinstance(statement, Executable) else statement
        )
        self._forms: dict[str, Form] = {}
        self._tables: frozenset[str] | None = None

    @property
    def tables(self) -> frozenset[str]:
        """The names of the tables it reads or writes."""
        # Looked for when they are first asked for: for all statements together it is a thirtieth of a start.
        if self._tables is None:
            self._tables = frozenset(_tables(self._build("sqlite")))
        return self._tables

    def all(self, tx: Connection, /, **params: Any) -> list[Row]:
        """All rows of the answer."""
        form, cursor = self._execute(tx, params)
        rows: list[Row] = cursor.fetchall()
        return form.converted(rows)

    def first(self, tx: Connection, /, **params: Any) -> Row | None:
        """The first row of the answer; None when there is none."""
        form, cursor = self._execute(tx, params)
        row: Row | None = cursor.fetchone()
        cursor.close()
        return None if row is None else form.converted_row(row)

    def scalar(self, tx: Connection, /, **params: Any) -> Any:
        """The first column of the first row; None when there is no row."""
        row = self.first(tx, **params)
        return None if row is None else row[0]

    def run(self, tx: Connection, /, **params: Any) -> int:
        """The number of rows that were written."""
        _, cursor = self._execute(tx, params)
        return cursor.rowcount  # type: ignore[no-any-return]

    def _execute(self, tx: Connection, params: dict[str, Any]) -> tuple[Form, Any]:
        name = tx.dialect.name
        form = self._forms.get(name)
        if form is None:
            form = self._forms[name] = form_of(self._build(name), name)
        driver: Any = tx.connection.dbapi_connection
        cursor = driver.cursor()
        if form.server is None or self._planned_each_time:
            cursor.execute(form.sql, form.values(params))
        else:
            driver.remembered.execute(cursor, form, form.server, params)
        return form, cursor


class PreparedIn:
    """
    A select of the rows whose column is among given values.

    On PostgreSQL the values are one array.  On SQLite one statement is compiled for each power of two; the list is
    filled up by its last value.
    """

    __slots__ = ("_build", "_of_array", "_statements")

    def __init__(self, build: Callable[[list[BindParameter[Any]]], Executable]) -> None:
        """*build* takes what the column must be ``in_``."""
        self._build = build
        self._of_array = Prepared(lambda _: build([bindparam(AMONG)]))
        self._statements: dict[int, tuple[Prepared, list[str]]] = {}

    def all(self, tx: Connection, values: Iterable[Any], /, **params: Any) -> list[Row]:
        """The rows for *values*, in no order, each once; *values* may be of any number."""
        wanted = list(dict.fromkeys(values))
        some = self._some if tx.dialect.name == "sqlite" else self._in_array
        rows: list[Row] = []
        for start in range(0, len(wanted), IN_MAX):
            rows += some(tx, wanted[start : start + IN_MAX], params)
        return rows

    def _in_array(self, tx: Connection, values: list[Any], params: dict[str, Any]) -> list[Row]:
        params[AMONG] = values
        return self._of_array.all(tx, **params)

    def _some(self, tx: Connection, values: list[Any], params: dict[str, Any]) -> list[Row]:
        size = 1 << (len(values) - 1).bit_length()
        found = self._statements.get(size)
        if found is None:
            names = [f"in_{index}" for index in range(size)]
            found = Prepared(self._build([bindparam(name) for name in names])), names
            self._statements[size] = found
        statement, names = found
        params.update(zip(names, values, strict=False))
        for name in names[len(values) :]:
            params[name] = values[-1]
        return statement.all(tx, **params)


class Insertion:
    """An insert of many rows at once; a row is the tuple of the values of *columns*, in their order."""

    __slots__ = ("_forms", "columns", "table")

    def __init__(self, table: Table, columns: Sequence[Column[Any]] | None = None) -> None:
        """*columns*: those of the table when not given."""
        self.table = table
        self.columns = tuple(table.columns if columns is None else columns)
        self._forms: dict[str, tuple[str, str, list[tuple[int, Conversion]]]] = {}

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        """All *rows* are in the table.  Raises the driver's IntegrityError."""
        run_all(tx, [(self, rows)])

    def form(self, name: str) -> tuple[str, str, list[tuple[int, Conversion]]]:
        """On a database: the statement up to its values, a row of marks for these, and how they are converted."""
        form = self._forms.get(name)
        if form is None:
            names = ", ".join(f'"{column.name}"' for column in self.columns)
            marks = ", ".join(("?" if name == "sqlite" else "%s",) * len(self.columns))
            found = [(index, conversion_into(name, column.type)) for index, column in enumerate(self.columns)]
            conversions = [(index, convert) for index, convert in found if convert is not None]
            form = f'INSERT INTO "{self.table.name}" ({names}) VALUES ', f"({marks})", conversions
            self._forms[name] = form
        return form


def run_all(tx: Connection, insertions: Iterable[tuple[Insertion, Sequence[Row]]]) -> None:
    """All rows of all *insertions* are in their tables, in this order; on PostgreSQL in one round trip."""
    name = tx.dialect.name
    cursor = tx.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
    together: list[bytes] = []
    for insertion, rows in insertions:
        if not rows:
            continue
        statement, marks, conversions = insertion.form(name)
        converted = [_converted(row, conversions) for row in rows] if conversions else rows
        if name == "sqlite":
            cursor.executemany(statement + marks, converted)
        else:
            values = b",".join([cursor.mogrify(marks, row) for row in converted])
            together.append(statement.encode() + values)
    if together:
        cursor.execute(b";".join(together))


def upsert(table: Table, *, changed: Sequence[str] | None = None) -> Prepared:
    """An insert of a whole row that replaces the *changed* columns (all but the key) where the key is there already."""
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns if column.name not in keys] if changed is None else list(changed)

    def build(dialect: str) -> Executable:
        insertion = _insert(dialect, table)
        replaced = {name: insertion.excluded[name] for name in names}
        return cast(Executable, insertion.on_conflict_do_update(index_elements=keys, set_=replaced))

    return Prepared(build)


def insert_new(table: Table) -> Prepared:
    """An insert of a whole row that does nothing where any unique key is there already; ``run`` says 1 or 0."""
    return Prepared(lambda dialect: _insert(dialect, table).on_conflict_do_nothing())


def insert_into(dialect: str, table: Table) -> Any:
    """An insert that may say what is done on conflict."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def _insert(dialect: str, table: Table) -> Any:
    return insert_into(dialect, table).values({column.name: bindparam(column.name) for column in table.columns})


def _tables(statement: Executable) -> Iterable[str]:
    assert isinstance(statement, ClauseElement)
    return (element.name for element in iterate(statement) if isinstance(element, Table))


def _converted(row: Row, conversions: list[tuple[int, Conversion]]) -> Row:
    whole = list(row)
    for index, convert in conversions:
        whole[index] = convert(whole[index])
    return tuple(whole)
