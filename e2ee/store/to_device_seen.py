"""
Messages of other servers that were delivered, so that none is twice.

Spec: server-server-api#send-to-device-messaging
"""

from sqlalchemy import bindparam, delete

from e2ee.store.schema import to_device_seen as s
from homeserver.core.identifiers import ServerName
from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.write import Write

_INSERT = insert_new(s)
_PRUNE = Prepared(delete(s).where(s.c.received_ms < bindparam("before")))


def insert(tx: Write, origin: ServerName, message_id: str, now_ms: int) -> bool:
    """Whether the message is new; from now on it is not."""
    return tx.run(_INSERT, origin=origin, message_id=message_id, received_ms=now_ms) == 1


def prune(tx: Write, before_ms: int) -> int:
    """Messages from before then are forgotten; says how many."""
    return tx.run(_PRUNE, before=before_ms)
