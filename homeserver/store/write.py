"""
A writing transaction: what a function given to ``Database.write`` gets.

Rows of hot tables and of the log are gathered and inserted many at a time.  Nobody can tell, but by the speed: whatever
reads a table, or changes it by a statement, finds the gathered rows inserted first.
"""

from collections.abc import Sequence
from sys import intern
from typing import Any

from sqlalchemy import Connection, bindparam, update

from homeserver.core.log import LogEntry, Position
from homeserver.store.prepared import Insertion, Prepared, Row, run_all
from homeserver.store.schema.log import log, log_head

_LOG = Insertion(log)
_ADVANCE = Prepared(update(log_head).values(position=bindparam("head")))


class Write:
    """One transaction of the writer; it carries a whole batch, one function after the other."""

    __slots__ = ("_connection", "_gathered", "entries", "position")

    def __init__(self, connection: Connection, head: int) -> None:
        """*head* is the last position that is taken; the caller holds the lock on it."""
        self._connection = connection
        self.position = Position(head)
        """The position that was taken last."""
        self._gathered: dict[Insertion, list[Row]] = {}
        self.entries: list[LogEntry] = []

    @property
    def connection(self) -> Connection:
        """For functions that read within this transaction; all that was written so far can be seen through it."""
        if self._gathered:
            self.flush()
        return self._connection

    def log(self, kind: str, subject: str, ref: int | None = None) -> Position:
        """The next position of the log is taken by this change."""
        position = self.position = Position(self.position + 1)
        # Many entries stay in memory, of few rooms and users: there is one of each name.
        self.entries.append(LogEntry(position, kind, intern(subject), ref))
        return position

    def insert(self, insertion: Insertion, row: Row) -> None:
        """*row* will be in the table when anything looks."""
        rows = self._gathered.get(insertion)
        if rows is None:
            self._gathered[insertion] = [row]
        else:
            rows.append(row)

    def run(self, statement: Prepared, /, **params: Any) -> int:
        """The number of rows that *statement* wrote."""
        self._settle(statement)
        return statement.run(self._connection, **params)

    def first(self, statement: Prepared, /, **params: Any) -> Row | None:
        """The first row that *statement* answers (``RETURNING``), or None."""
        self._settle(statement)
        return statement.first(self._connection, **params)

    def flush(self) -> None:
        """All gathered rows are inserted, in the order in which their tables were first used."""
        gathered, self._gathered = self._gathered, {}
        run_all(self._connection, gathered.items())

    def finish(self) -> None:
        """Everything is in the transaction, and the head of the log is where the next writer goes on."""
        if self.entries:
            self._gathered[_LOG] = [_row(entry) for entry in self.entries]
        self.flush()
        if self.entries:
            _ADVANCE.run(self._connection, head=self.position)

    def forget_since(self, entries: int) -> None:
        """What was gathered is dropped, and the log is as it was when it had this many *entries* here."""
        self._gathered.clear()
        self.position = Position(self.position - (len(self.entries) - entries))
        del self.entries[entries:]

    def _settle(self, statement: Prepared) -> None:
        if self._gathered and any(insertion.table.name in statement.tables for insertion in self._gathered):
            self.flush()


def _row(entry: LogEntry) -> Row:
    return (entry.position, entry.kind, entry.subject, entry.ref)


def entries_of(rows: Sequence[Row]) -> tuple[LogEntry, ...]:
    """The entries that *rows* of the log are."""
    return tuple(LogEntry(Position(row[0]), intern(row[1]), intern(row[2]), row[3]) for row in rows)
