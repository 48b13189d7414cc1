"""What a statement of SQLAlchemy Core is to a database's driver, worked out once."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any, Final, TypeAlias

from attrs import frozen
from sqlalchemy import BindParameter, Executable
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import iterate

Row: TypeAlias = tuple[Any, ...]
Conversion: TypeAlias = Callable[[Any], Any]

AMONG: Final = "among"
"""The parameter that is all values a column may be ``in_``: on PostgreSQL one array."""

_MARK: Final = re.compile("%%|%s")
_numbers: Final = count(1)


@frozen(eq=False)
class ServerForm:
    """
    How PostgreSQL can be told to remember a statement, and to run it then; both for the driver.

    *prepare* has the statement's constants written out, which *constants* are: a plan may rest on them.
    """

    prepare: str
    constants: Sequence[Any]
    call: str
    names: Sequence[str]
    into: Sequence[Conversion | None]

    def values(self, params: dict[str, Any]) -> list[Any]:
        """What the driver puts into *call*."""
        return [
            params[name] if convert is None else convert(params[name])
            for name, convert in zip(self.names, self.into, strict=True)
        ]


@frozen(eq=False)
class Form:
    """A statement as one driver takes it."""

    sql: str
    names: tuple[str, ...]
    constants: dict[str, Any]
    into: tuple[Conversion | None, ...]
    """What converts each parameter; all None on SQLite, mostly."""
    out_of: tuple[tuple[int, Conversion], ...]
    """The columns of an answer that are converted."""
    server: ServerForm | None
    """None on SQLite, which remembers by itself."""

    def values(self, params: dict[str, Any]) -> Sequence[Any]:
        """What the driver puts into *sql*."""
        if self.constants:
            params = self.constants | params
        return [
            params[name] if convert is None else convert(params[name])
            for name, convert in zip(self.names, self.into, strict=True)
        ]

    def converted(self, rows: list[Row]) -> list[Row]:
        """The rows of an answer, their values as they were written."""
        if not self.out_of:
            return rows
        return [self.converted_row(row) for row in rows]

    def converted_row(self, row: Row) -> Row:
        """The same of one row."""
        if not self.out_of:
            return row
        whole = list(row)
        for index, convert in self.out_of:
            whole[index] = convert(whole[index])
        return tuple(whole)


def form_of(statement: Executable, name: str) -> Form:
    """*statement* for the driver of the dialect *name*."""
    dialect = _dialect(name)
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    given = {key for key, bind in compiled.binds.items() if bind.required}
    # Lists that are written out in the statement become as many parameters.
    expanded = compiled.construct_expanded_state(dict.fromkeys(given))
    types = {key: bind.type for key, bind in compiled.binds.items()}
    for key, parts in expanded.parameter_expansion.items():
        types.update(dict.fromkeys(parts, types[key]))
    names = tuple(expanded.positiontup or ())
    into = {key: _array_of(_into(dialect, types[key])) if key == AMONG else _into(dialect, types[key]) for key in names}
    constants = {key: expanded.parameters[key] for key in names if key not in given}
    results = [(index, _out_of(dialect, entry.type)) for index, entry in enumerate(compiled._result_columns)]
    return Form(
        sql=expanded.statement,
        names=names,
        constants=constants,
        into=tuple(into[key] for key in names),
        out_of=tuple((index, convert) for index, convert in results if convert is not None),
        server=None if name == "sqlite" else _server_form(expanded.statement, names, into, constants),
    )


def conversion_into(name: str, kind: Any) -> Conversion | None:
    """What converts values of a column's type for the driver of the dialect *name*; None: nothing need."""
    return _into(_dialect(name), kind)


def _server_form(
    sql: str, names: Sequence[str], into: dict[str, Conversion | None], constants: dict[str, Any]
) -> ServerForm:
    places: dict[str, int] = {}
    for name in names:
        if name not in constants:
            places.setdefault(name, len(places) + 1)
    marks = iter(names)

    def mark(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%%"
        name = next(marks)
        return f"${places[name]}" if name in places else "%s"

    written_out = [(constants[name], into[name]) for name in names if name in constants]
    number = next(_numbers)
    arguments = f" ({', '.join(['%s'] * len(places))})" if places else ""
    return ServerForm(
        prepare=f"PREPARE s{number} AS {_MARK.sub(mark, sql)}; ",
        constants=[value if convert is None else convert(value) for value, convert in written_out],
        call=f"EXECUTE s{number}{arguments}",
        names=list(places),
        into=[into[name] for name in places],
    )


@cache
def _dialect(name: str) -> Dialect:
    # Positional parameters on both, so that rows are tuples all the way down.
    if name == "sqlite":
        return SQLiteDialect_pysqlite(paramstyle="qmark")
    from sqlalchemy.dialects.postgresql.base import PGCompiler
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

    class Compiler(PGCompiler):
        """Looks for a column among the values of one array: a list of a hundred takes the server a millisecond."""

        def visit_in_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
            parts = [part for part in iterate(binary.right) if isinstance(part, BindParameter)]
            if [part.key for part in parts] != [AMONG]:
                return self._generate_generic_binary(binary, " IN ", **kw)
            parts[0].type = binary.left.type
            return f"{self.process(binary.left, **kw)} = ANY ({self.process(parts[0], **kw)})"

    class WithArrays(PGDialect_psycopg2):
        statement_compiler = Compiler

    return WithArrays(paramstyle="format")


def _array_of(convert: Conversion | None) -> Conversion:
    """What makes the literal of an array of converted values."""

    def literal(values: Iterable[Any]) -> str:
        return "{" + ",".join([_element(value if convert is None else convert(value)) for value in values]) + "}"

    return literal


def _element(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _into(dialect: Dialect, kind: Any) -> Conversion | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)  # type: ignore[no-any-return]


def _out_of(dialect: Dialect, kind: Any) -> Conversion | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)  # type: ignore[no-any-return]
