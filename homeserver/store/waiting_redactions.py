"""Redactions whose targets are not here yet.  Spec: rooms/v3#handling-redactions, rooms/v11#handling-redactions"""

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import EventID
from homeserver.store.prepared import Prepared, PreparedIn
from homeserver.store.prepared import insert_new as insert_new_into
from homeserver.store.schema.events import redactions_waiting as w
from homeserver.store.write import Write

_INSERT = insert_new_into(w)
_OF = PreparedIn(lambda ids: select(w.c.redacts, w.c.redaction_event_id).where(w.c.redacts.in_(ids)))
_DELETE = Prepared(delete(w).where(w.c.redacts == bindparam("target"), w.c.redaction_event_id == bindparam("by")))


def insert(tx: Write, redacts: EventID, redaction: EventID) -> None:
    """The redaction waits for its target."""
    tx.run(_INSERT, redacts=redacts, redaction_event_id=redaction)


def remove(tx: Write, redacts: EventID, redaction: EventID) -> None:
    """The redaction waits no more."""
    tx.run(_DELETE, target=redacts, by=redaction)


def of_events(tx: Connection, event_ids: list[EventID]) -> dict[EventID, list[EventID]]:
    """{event id: the redactions that wait for it} of those that any waits for."""
    found: dict[EventID, list[EventID]] = {}
    for redacts, redaction in _OF.all(tx, event_ids):
        found.setdefault(redacts, []).append(redaction)
    return found
