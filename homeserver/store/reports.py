"""What users report to the administrators.  Spec: client-server-api#reporting-content"""

from attrs import frozen
from sqlalchemy import Connection, bindparam, select
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
_PAGE = Prepared(
    select(r.c.nid, *_COLUMNS).where(r.c.nid < bindparam("before")).order_by(r.c.nid.desc()).limit(bindparam("limit"))
)


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


def latest(tx: Connection, before: int, limit: int) -> dict[int, Report]:
    """{number: report} of the last *limit* before a number, newest first."""
    return {row[0]: Report(*row[1:]) for row in _PAGE.all(tx, before=before, limit=limit)}
