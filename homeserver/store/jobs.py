"""Long work in the background: what is to be done, how far it is, and which process does it."""

from typing import Final

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, or_, select, update

from homeserver.core.canonical import JSONObject, encode_json, load_json
from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, Row
from homeserver.store.schema.jobs import jobs as j
from homeserver.store.write import Write

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"


@frozen
class StoredJob:
    """A piece of long work."""

    nid: int
    kind: str
    subject: str
    parameters: JSONObject
    state: str
    place: JSONObject
    """Where its next step goes on."""
    done: int
    total: int | None
    """None: nobody knows."""
    result: JSONObject | None
    error: str | None
    cancelled: bool
    """Somebody wants it to end."""
    created_by: UserID | None
    """None: the server itself."""
    created_ms: int
    started_ms: int | None
    finished_ms: int | None
    holder: str | None
    held_until_ms: int | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in {QUEUED, RUNNING}


_ALL = select(*j.c)
_ACTIVE: Final = j.c.state.in_((QUEUED, RUNNING))
_DUE: Final = and_(_ACTIVE, or_(j.c.held_until_ms.is_(None), j.c.held_until_ms <= bindparam("now")))
_MINE: Final = and_(j.c.nid == bindparam("which"), j.c.holder == bindparam("who"), j.c.state == RUNNING)
_INSERT = Prepared(
    insert(j)
    .values(
        kind=bindparam("kind"),
        subject=bindparam("subject"),
        parameters=bindparam("parameters"),
        state=QUEUED,
        place="{}",
        done=0,
        cancelled=False,
        created_by=bindparam("created_by"),
        created_ms=bindparam("created_ms"),
        held_until_ms=bindparam("until"),
    )
    .returning(j.c.nid)
)
_BY_NID = Prepared(_ALL.where(j.c.nid == bindparam("nid")))
_OF_SUBJECT = Prepared(
    _ALL.where(j.c.subject == bindparam("subject"), j.c.kind == bindparam("kind"), _ACTIVE).order_by(j.c.nid).limit(1)
)
_WAITS_SINCE: Final = func.coalesce(j.c.held_until_ms, j.c.created_ms)
_NEXT = Prepared(select(j.c.nid).where(_DUE).order_by(_WAITS_SINCE, j.c.nid).limit(1))
_TAKE = Prepared(
    update(j)
    .where(j.c.nid == bindparam("which"))
    .values(
        state=RUNNING,
        holder=bindparam("who"),
        held_until_ms=bindparam("until"),
        started_ms=func.coalesce(j.c.started_ms, bindparam("at")),
    )
)
_HOLD = Prepared(update(j).where(_MINE).values(held_until_ms=bindparam("until")))
_ADVANCE = Prepared(
    update(j)
    .where(_MINE, j.c.cancelled.is_(False))
    .values(
        place=bindparam("at_place"), done=bindparam("so_far"), total=bindparam("of"), held_until_ms=bindparam("until")
    )
)
_FINISH = Prepared(
    update(j)
    .where(_MINE)
    .values(
        state=bindparam("ends"),
        result=bindparam("came_of_it"),
        error=bindparam("because"),
        finished_ms=bindparam("at"),
        holder=None,
        held_until_ms=None,
    )
)
_POSTPONE = Prepared(update(j).where(_MINE).values(state=QUEUED, holder=None, held_until_ms=bindparam("until")))
_ABANDON = Prepared(
    update(j)
    .where(j.c.nid == bindparam("which"), j.c.state == QUEUED)
    .values(state=CANCELLED, cancelled=True, finished_ms=bindparam("at"))
)
_CANCEL = Prepared(update(j).where(j.c.nid == bindparam("which"), j.c.state == RUNNING).values(cancelled=True))
_RETRY = Prepared(
    update(j)
    .where(j.c.nid == bindparam("which"), j.c.state == FAILED)
    .values(state=QUEUED, error=None, finished_ms=None, holder=None, held_until_ms=None, cancelled=False)
)
_REMOVE = Prepared(delete(j).where(j.c.nid == bindparam("which")))
_WITHDRAW = Prepared(delete(j).where(j.c.nid == bindparam("which"), j.c.state == QUEUED))
_PRUNE = Prepared(delete(j).where(j.c.finished_ms < bindparam("before")))


def _count(*wanted: ColumnElement[bool]) -> Prepared:
    return Prepared(select(func.count()).select_from(j).where(*wanted))


def _page(*wanted: ColumnElement[bool]) -> Prepared:
    return Prepared(
        _ALL.where(j.c.nid < bindparam("before"), *wanted).order_by(j.c.nid.desc()).limit(bindparam("limit"))
    )


def _conditions(state: bool, subject: bool) -> list[ColumnElement[bool]]:
    conditions = [j.c.state == bindparam("state")] if state else []
    return [*conditions, j.c.subject == bindparam("subject")] if subject else conditions


_GIVEN = tuple((state, subject) for state in (True, False) for subject in (True, False))
_PAGES = {given: _page(*_conditions(*given)) for given in _GIVEN}
_COUNTS = {given: _count(*_conditions(*given)) for given in _GIVEN}


def insert_job(
    tx: Write,
    kind: str,
    subject: str,
    parameters: JSONObject,
    created_by: UserID | None,
    now_ms: int,
    due_ms: int | None = None,
) -> int:
    """The number of the job, which waits for its turn; *due_ms*: which is not before then."""
    row = tx.first(
        _INSERT,
        kind=kind,
        subject=subject,
        parameters=encode_json(parameters).decode(),
        created_by=created_by,
        created_ms=now_ms,
        until=due_ms,
    )
    assert row is not None, "an insert returns its row"
    return int(row[0])


def by_nid(tx: Connection, nid: int) -> StoredJob | None:
    """The job, or None when there is none of this number."""
    row = _BY_NID.first(tx, nid=nid)
    return None if row is None else _job(row)


def active(tx: Connection, kind: str, subject: str) -> StoredJob | None:
    """The job of this kind that is, or will be, at work on the subject; None: there is none."""
    row = _OF_SUBJECT.first(tx, kind=kind, subject=subject)
    return None if row is None else _job(row)


def page(
    tx: Connection, before: int, limit: int, *, state: str | None = None, subject: str | None = None
) -> list[StoredJob]:
    """The last *limit* jobs before a number, newest first; in one state, or of one subject, where such is given."""
    params = _params(state, subject)
    found = _PAGES[state is not None, subject is not None].all(tx, before=before, limit=limit, **params)
    return [_job(row) for row in found]


def count(tx: Connection, *, state: str | None = None, subject: str | None = None) -> int:
    """How many jobs there are; in one state, or of one subject, where such is given."""
    return int(_COUNTS[state is not None, subject is not None].scalar(tx, **_params(state, subject)))


def _params(state: str | None, subject: str | None) -> dict[str, str]:
    given = {"state": state, "subject": subject}
    return {name: value for name, value in given.items() if value is not None}


def next_due(tx: Connection, now_ms: int) -> int | None:
    """
    Of the jobs that wait for somebody to do them, or whose holder has not been heard of, that which has waited longest;
    None: there is none.
    """
    nid: int | None = _NEXT.scalar(tx, now=now_ms)
    return nid


def take(tx: Write, holder: str, now_ms: int, until_ms: int) -> StoredJob | None:
    """The next job, which is *holder*'s until then; None: nothing is to be done."""
    nid = next_due(tx.connection, now_ms)
    if nid is None:
        return None
    tx.run(_TAKE, which=nid, who=holder, until=until_ms, at=now_ms)
    return by_nid(tx.connection, nid)


def hold(tx: Write, nid: int, holder: str, until_ms: int) -> bool:
    """Whether the job is *holder*'s still; then it is until then."""
    return tx.run(_HOLD, which=nid, who=holder, until=until_ms) == 1


def advance(tx: Write, nid: int, holder: str, place: JSONObject, done: int, total: int | None, until_ms: int) -> bool:
    """Whether the job is *holder*'s and nobody wants it to end; then it has come so far."""
    encoded = encode_json(place).decode()
    return tx.run(_ADVANCE, which=nid, who=holder, at_place=encoded, so_far=done, of=total, until=until_ms) == 1


def finish(
    tx: Write,
    nid: int,
    holder: str,
    state: str,
    now_ms: int,
    result: JSONObject | None = None,
    error: str | None = None,
) -> bool:
    """Whether the job was *holder*'s; then it is over."""
    encoded = None if result is None else encode_json(result).decode()
    return tx.run(_FINISH, which=nid, who=holder, ends=state, came_of_it=encoded, because=error, at=now_ms) == 1


def postpone(tx: Write, nid: int, holder: str, until_ms: int) -> bool:
    """Whether the job was *holder*'s; then anybody may go on with it after that time."""
    return tx.run(_POSTPONE, which=nid, who=holder, until=until_ms) == 1


def cancel(tx: Write, nid: int, now_ms: int) -> None:
    """The job is over if it has not begun, and else ends before its next step."""
    if not tx.run(_ABANDON, which=nid, at=now_ms):
        tx.run(_CANCEL, which=nid)


def retry(tx: Write, nid: int) -> bool:
    """Whether the job had failed; then it goes on where it was."""
    return tx.run(_RETRY, which=nid) == 1


def remove(tx: Write, nid: int) -> None:
    """There never was such a job."""
    tx.run(_REMOVE, which=nid)


def withdraw(tx: Write, nid: int) -> None:
    """There never was such a job, unless somebody is at it."""
    tx.run(_WITHDRAW, which=nid)


def prune(tx: Write, before_ms: int) -> int:
    """Jobs that were over before then are forgotten; says how many."""
    return tx.run(_PRUNE, before=before_ms)


def _job(row: Row) -> StoredJob:
    nid, kind, subject, parameters, state, place, done, total, result, error, *rest = row
    return StoredJob(
        nid,
        kind,
        subject,
        load_json(parameters),
        state,
        load_json(place),
        done,
        total,
        None if result is None else load_json(result),
        error,
        *rest,
    )
