"""How far clients have come in the middle of user-interactive authentication."""

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.canonical import encode_json, parse_json
from homeserver.core.interactive_auth import Progress
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.users import uia_sessions
from homeserver.store.write import Write

_BY_ID = Prepared(
    select(uia_sessions.c.completed, uia_sessions.c.remembered).where(uia_sessions.c.session_id == bindparam("this"))
)
_REPLACE = upsert(uia_sessions, changed=("completed", "remembered"))
_DELETE = Prepared(delete(uia_sessions).where(uia_sessions.c.session_id == bindparam("this")))
_DELETE_OLD = Prepared(delete(uia_sessions).where(uia_sessions.c.created_ms < bindparam("before")))


def progress(tx: Connection, session_id: str) -> Progress:
    """The stages that the session has completed; none when it is not known."""
    row = _BY_ID.first(tx, this=session_id)
    if row is None:
        return Progress()
    completed, proofs = parse_json(row[0].encode()), parse_json(row[1].encode())
    assert isinstance(completed, list), "this module wrote a list"
    assert isinstance(proofs, dict), "this module wrote an object"
    return Progress(tuple(map(str, completed)), {stage: str(proof) for stage, proof in proofs.items()})


def keep(tx: Write, session_id: str, purpose: str, made: Progress, now_ms: int, lifetime_ms: int) -> None:
    """The session has come this far; sessions that are too old are gone."""
    tx.run(_DELETE_OLD, before=now_ms - lifetime_ms)
    tx.run(
        _REPLACE,
        session_id=session_id,
        purpose=purpose,
        completed=encode_json(list(made.completed)).decode(),
        remembered=encode_json(dict(made.proofs)).decode(),
        created_ms=now_ms,
    )


def take(tx: Write, session_id: str) -> bool:
    """Whether anything was known of the session; then nothing is any more."""
    return tx.run(_DELETE, this=session_id) == 1
