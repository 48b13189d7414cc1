"""
Whatever the tables of a package hold of a room, found by the tables themselves.

A table says that it holds something of rooms by having a column ``room_nid`` or ``room_id``, or of events by having
``event_nid``: no list has to be kept, and a table that comes later is not forgotten.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen
from sqlalchemy import MetaData, Table, UniqueConstraint, bindparam, text

from homeserver.core.canonical import encode_json
from homeserver.core.identifiers import EventID, RoomID
from homeserver.store.prepared import Prepared
from homeserver.store.write import Write

ROOM_COLUMNS: Final = ("room_nid", "room_id")
EVENT_COLUMN: Final = "event_nid"

Deletion = Callable[[Write, str | int, int], int]
"""Deletes at most so many rows of a room; says how many."""


@frozen
class DeletedRoom:
    """A room that is being deleted."""

    nid: int
    room_id: RoomID


@frozen
class DeletedEvent:
    """An event that is being deleted; *pdu*: the canonical JSON of its federation form."""

    nid: int
    event_id: EventID
    pdu: bytes


@define(eq=False)
class RoomTables:
    """
    The tables of *metadata* that hold something of rooms.

    *apart*: those that are dealt with elsewhere, or kept; each with the reason.
    """

    metadata: MetaData
    apart: Mapping[str, str] = field(factory=dict)
    _by_room: list[tuple[str, Deletion]] = field(init=False, factory=list)
    _by_event: list[Prepared] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        for table in self.metadata.sorted_tables:
            if table.name in self.apart:
                continue
            room_column = room_column_of(table)
            if room_column is not None and is_found_by(table, room_column):
                self._by_room.append((room_column, _deletion(table, room_column)))
            elif EVENT_COLUMN in table.c and is_found_by(table, EVENT_COLUMN):
                self._by_event.append(delete_in(table, EVENT_COLUMN))
            else:
                assert room_column is None, f"{table.name} needs an index that begins with {room_column}"

    def delete_of_room(self, tx: Write, room: DeletedRoom, limit: int) -> int:
        """At most *limit* rows of the room are deleted; says how many, and 0 when none are left."""
        for column, delete in self._by_room:
            deleted = delete(tx, room.nid if column == "room_nid" else room.room_id, limit)
            if deleted:
                return deleted
        return 0

    def delete_of_events(self, tx: Write, events: Sequence[DeletedEvent]) -> None:
        """Nothing is kept of the events in tables of their own."""
        nids = listed(event.nid for event in events)
        for statement in self._by_event:
            statement.run(tx.connection, listed=nids)


def room_column_of(table: Table) -> str | None:
    """The column by which the table's rows belong to a room; None: they belong to none."""
    return next((name for name in ROOM_COLUMNS if name in table.c), None)


def is_found_by(table: Table, column: str) -> bool:
    """Whether an index begins with *column*, so that its rows are found without looking through all."""
    indexes = [index for index in table.indexes if index.dialect_options["sqlite"]["where"] is None]
    unique = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    orders = [table.primary_key.columns, *(each.columns for each in indexes), *(each.columns for each in unique)]
    begins = [next(iter(order), None) for order in orders]
    return any(first is not None and first.name == column for first in begins)


def listed(values: Iterable[int | str]) -> str:
    """Values for ``delete_in``."""
    return encode_json(list(values)).decode()


def delete_in(table: Table, column: str) -> Prepared:
    """Deletes the rows whose *column*, a number, is among ``listed``."""

    def build(dialect: str) -> Any:
        among = (
            "SELECT value FROM json_each(:listed)"
            if dialect == "sqlite"
            else "SELECT value::bigint FROM jsonb_array_elements_text(CAST(:listed AS jsonb))"
        )
        return text(f'DELETE FROM "{table.name}" WHERE "{column}" IN ({among})').bindparams(bindparam("listed"))

    return Prepared(build)


def _deletion(table: Table, column: str) -> Deletion:
    keys = [key.name for key in table.primary_key]
    if len(keys) > 1 and keys[0] == column:
        return _by_range(table, column, keys[1:])
    some = Prepared(lambda dialect: text(_some(dialect, table.name, column, keys)))
    return lambda tx, room, limit: some.run(tx.connection, room=room, limit=limit)


def _some(dialect: str, name: str, column: str, keys: Collection[str]) -> str:
    """The statement that deletes some of a room's rows, which an index on *column* finds."""
    if dialect != "sqlite":
        return (
            f'DELETE FROM "{name}" WHERE ctid = ANY (ARRAY('
            f'SELECT ctid FROM "{name}" WHERE "{column}" = :room LIMIT :limit))'
        )
    key = ", ".join(f'"{each}"' for each in keys)
    return f'DELETE FROM "{name}" WHERE ({key}) IN (SELECT {key} FROM "{name}" WHERE "{column}" = :room LIMIT :limit)'


def _by_range(table: Table, column: str, rest: Sequence[str]) -> Deletion:
    """As ``_some`` where the key begins with the room: SQLite would look through all of the room's rows for that."""
    key = ", ".join(f'"{each}"' for each in rest)
    marks = ", ".join(f":key_{index}" for index, _ in enumerate(rest))
    bound = Prepared(
        text(f'SELECT {key} FROM "{table.name}" WHERE "{column}" = :room ORDER BY {key} LIMIT 1 OFFSET :limit')
    )
    upto = Prepared(text(f'DELETE FROM "{table.name}" WHERE "{column}" = :room AND ({key}) < ({marks})'))
    everything = Prepared(text(f'DELETE FROM "{table.name}" WHERE "{column}" = :room'))

    def delete(tx: Write, room: str | int, limit: int) -> int:
        last = bound.first(tx.connection, room=room, limit=limit)
        if last is None:
            return everything.run(tx.connection, room=room)
        return upto.run(tx.connection, room=room, **{f"key_{index}": value for index, value in enumerate(last)})

    return delete
