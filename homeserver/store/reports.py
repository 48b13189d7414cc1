"""What users report to the administrators.  Spec: client-server-api#reporting-content"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, func, or_, select
from sqlalchemy import insert as insert_into

from homeserver.core.identifiers import RoomID, UserID
from homeserver.store.prepared import Prepared
from homeserver.store.schema.accounts import reports as r
from homeserver.store.write import Write


@frozen
class Report:
    """A report of an event, a room or a user."""

    reporter: UserID
    subject_kind: str
    """``event``, ``room`` or ``user``."""
    subject: str
    room_id: RoomID | None
    reason: str | None
    score: int | None
    received_ms: int


_COLUMNS = (
    r.c.reporter,
    r.c.subject_kind,
    r.c.subject,
    r.c.room_id,
    r.c.reason,
    r.c.score,
    r.c.received_ms,
)
_INSERT = Prepared(insert_into(r).values({column.name: bindparam(column.name) for column in _COLUMNS}))
# An empty parameter fits everything.
_CHOSEN = (
    or_(bindparam("kind") == "", r.c.subject_kind == bindparam("kind")),
    or_(bindparam("reporter") == "", r.c.reporter == bindparam("reporter")),
    or_(bindparam("room") == "", r.c.room_id == bindparam("room")),
)
_PAGE = Prepared(
    select(r.c.nid, *_COLUMNS)
    .where(r.c.nid < bindparam("before"), *_CHOSEN)
    .order_by(r.c.nid.desc())
    .limit(bindparam("limit"))
)
_COUNT = Prepared(select(func.count()).select_from(r).where(*_CHOSEN))
_BY_NUMBER = Prepared(select(*_COLUMNS).where(r.c.nid == bindparam("number")))
_DELETE = Prepared(delete(r).where(r.c.nid == bindparam("number")))


def insert(tx: Write, report: Report) -> None:
    """The report waits for an administrator."""
    tx.run(
        _INSERT,
        reporter=report.reporter,
        subject_kind=report.subject_kind,
        subject=report.subject,
        room_id=report.room_id,
        reason=report.reason,
        score=report.score,
        received_ms=report.received_ms,
    )


def latest(
    tx: Connection, before: int, limit: int, *, kind: str = "", reporter: str = "", room_id: str = ""
) -> dict[int, Report]:
    """{number: report} of the last *limit* before a number, newest first; of one kind, reporter, room unless empty."""
    rows = _PAGE.all(tx, before=before, limit=limit, kind=kind, reporter=reporter, room=room_id)
    return {row[0]: Report(*row[1:]) for row in rows}


def count(tx: Connection, *, kind: str = "", reporter: str = "", room_id: str = "") -> int:
    """How many such reports there are."""
    return int(_COUNT.scalar(tx, kind=kind, reporter=reporter, room=room_id))


def by_number(tx: Connection, number: int) -> Report | None:
    """One report; None when there is none of this number."""
    row = _BY_NUMBER.first(tx, number=number)
    return None if row is None else Report(*row)


def delete_report(tx: Write, number: int) -> bool:
    """Whether there was such a report; it is gone."""
    return tx.run(_DELETE, number=number) == 1
