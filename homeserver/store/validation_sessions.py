"""
Attempts to prove that an address is one's own.

Spec: client-server-api#adding-account-administrative-contact-information
"""

from attrs import evolve, frozen
from sqlalchemy import Connection, bindparam, delete, select, update

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.validation import Purpose
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.mail import validation_sessions as v
from homeserver.store.write import Write


@frozen
class ValidationSession:
    """One client's attempt; what its fields mean is said at the table."""

    sid: str
    address: EmailAddress
    secret_hash: str
    purpose: Purpose
    send_attempt: int
    next_link: str | None
    can_validate: bool
    validated_ms: int | None
    expires_ms: int


_BY_ID = Prepared(select(*v.c).where(v.c.sid == bindparam("this")))
_OF_CLIENT = Prepared(
    select(*v.c).where(
        v.c.address == bindparam("where"), v.c.secret_hash == bindparam("secret"), v.c.purpose == bindparam("why")
    )
)
_REPLACE = upsert(v)
_VALIDATE = Prepared(
    update(v)
    .where(v.c.sid == bindparam("this"), v.c.validated_ms.is_(None))
    .values(validated_ms=bindparam("now"), expires_ms=bindparam("until"))
)
_NOTE_SENT = Prepared(update(v).where(v.c.sid == bindparam("this")).values(send_attempt=bindparam("attempt")))
_TAKE = Prepared(delete(v).where(v.c.sid == bindparam("this"), v.c.validated_ms.is_not(None)))
_DELETE_EXPIRED = Prepared(delete(v).where(v.c.expires_ms <= bindparam("now")))


def by_id(tx: Connection, sid: str) -> ValidationSession | None:
    """The session, expired or not; None: there is none of this ID."""
    row = _BY_ID.first(tx, this=sid)
    return None if row is None else _session(row)


def of_client(tx: Connection, address: EmailAddress, secret_hash: str, purpose: Purpose) -> ValidationSession | None:
    """The session of the client with that secret; None: it has asked for no mail yet."""
    row = _OF_CLIENT.first(tx, where=address, secret=secret_hash, why=purpose.value)
    return None if row is None else _session(row)


def renew(tx: Write, session: ValidationSession, now_ms: int) -> ValidationSession:
    """The session, under the ID that the client's former one had if there was one; those that have expired are gone."""
    former = of_client(tx.connection, session.address, session.secret_hash, session.purpose)
    if former is not None:
        session = evolve(session, sid=former.sid)
    replace(tx, session)
    tx.run(_DELETE_EXPIRED, now=now_ms)
    return session


def replace(tx: Write, session: ValidationSession) -> None:
    """The session is as given."""
    tx.run(
        _REPLACE,
        sid=session.sid,
        address=session.address,
        secret_hash=session.secret_hash,
        purpose=session.purpose.value,
        send_attempt=session.send_attempt,
        next_link=session.next_link,
        can_validate=session.can_validate,
        validated_ms=session.validated_ms,
        expires_ms=session.expires_ms,
    )


def note_sent(tx: Write, session: ValidationSession) -> None:
    """Mail has left for it."""
    tx.run(_NOTE_SENT, this=session.sid, attempt=session.send_attempt)


def validate(tx: Write, sid: str, now_ms: int, expires_ms: int) -> None:
    """The address is proved, and to be made use of until then; a second time changes nothing."""
    tx.run(_VALIDATE, this=sid, now=now_ms, until=expires_ms)


def take(tx: Write, sid: str) -> bool:
    """Whether the session had proved its address; it is used up."""
    return tx.run(_TAKE, this=sid) == 1


def _session(row: tuple[object, ...]) -> ValidationSession:
    sid, address, secret_hash, purpose, *rest = row
    return ValidationSession(sid, address, secret_hash, Purpose(purpose), *rest)  # type: ignore[arg-type]
