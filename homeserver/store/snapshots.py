"""
Reads of one moment of PostgreSQL, without a round trip to begin them.

One statement sees one moment by itself, and most reads are one.  Several need a transaction: it is begun together with
the first of them.
"""

from typing import Any, Final

from psycopg2.extensions import connection as DriverConnection
from psycopg2.extensions import cursor as DriverCursor

from homeserver.store.connections import SeveralStatements
from homeserver.store.fibers import WiredConnection
from homeserver.store.remembered import Remembered

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
# A connection that does not read lets everything pass; one that does is at one of these.
_FREE, _ALONE, _SPENT, _OPENING, _OPEN = range(5)


class SnapshotConnection(WiredConnection):
    """A connection whose statements between ``begin_read`` and ``end_read`` see one moment."""

    _stage = _FREE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.remembered = Remembered()

    def begin_read(self, *, several: bool) -> None:
        """What is executed next sees one moment; more than one statement raises SeveralStatements unless *several*."""
        self._stage = _OPENING if several else _ALONE

    def end_read(self) -> None:
        """Every statement is on its own again."""
        stage, self._stage = self._stage, _FREE
        if stage == _OPEN:
            with self.cursor() as cursor:
                cursor.execute("ROLLBACK")

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor, one that minds the read if there is one."""
        if self._stage != _FREE:
            kwargs.setdefault("cursor_factory", _ReadingCursor)
        return super().cursor(*args, **kwargs)

    def opening(self) -> str:
        """What goes before the next statement.  Raises SeveralStatements."""
        if self._stage == _ALONE:
            self._stage = _SPENT
        elif self._stage == _OPENING:
            self._stage = _OPEN
            return _BEGIN
        elif self._stage == _SPENT:
            raise SeveralStatements
        return ""


class _ReadingCursor(DriverCursor):  # type: ignore[misc]
    connection: DriverConnection

    def execute(self, query: Any, vars: Any = None) -> None:
        """The statement sees the moment of the read."""
        assert isinstance(self.connection, SnapshotConnection), "nobody else makes such cursors"
        opening = self.connection.opening()
        if opening:
            query = opening.encode() + query if isinstance(query, bytes) else opening + query
        super().execute(query, vars)
