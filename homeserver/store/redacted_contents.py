"""What events were before they were redacted, for a while.  Spec: proposals/2815"""

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import UserID
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.moderation import redacted_contents as t
from homeserver.store.write import Write

_INSERT = insert_new(t)
_OF_EVENT = Prepared(select(t.c.redacted_ms, t.c.pdu).where(t.c.event_nid == bindparam("nid")))
_OLD = (
    select(t.c.event_nid).where(t.c.pdu.is_not(None), t.c.redacted_ms <= bindparam("before")).limit(bindparam("most"))
)
_PRUNE = Prepared(delete(t).where(t.c.event_nid.in_(_OLD)))
_OF_SENDER = Prepared(delete(t).where(t.c.sender == bindparam("who"), t.c.pdu.is_not(None)))


def insert(tx: Write, event_nid: int, sender: UserID, redacted_ms: int, pdu: bytes | None) -> None:
    """*pdu* is what the event was; None: that was never here.  What is known of it already stays."""
    tx.run(_INSERT, event_nid=event_nid, sender=sender, redacted_ms=redacted_ms, pdu=pdu)


def of_event(tx: Connection, event_nid: int) -> tuple[int, bytes | None] | None:
    """When the event was redacted, and what it was if that was ever here; None: that is gone, or nobody kept it."""
    row = _OF_EVENT.first(tx, nid=event_nid)
    return None if row is None else (row[0], None if row[1] is None else bytes(row[1]))


def prune(tx: Write, redacted_before_ms: int, most: int) -> int:
    """At most *most* of the contents that were redacted by then are gone; says how many."""
    return tx.run(_PRUNE, before=redacted_before_ms, most=most)


def delete_of_sender(tx: Write, sender: UserID) -> int:
    """Nothing is kept of what the user said; says how many there were."""
    return tx.run(_OF_SENDER, who=sender)
