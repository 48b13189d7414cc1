"""Requests that were done, so that none is done twice.  Spec: client-server-api#transaction-identifiers"""

from hashlib import blake2b
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.prepared import Insertion, Prepared
from homeserver.store.schema.accounts import transactions as t
from homeserver.store.write import Write

_HASH_BYTES: Final = 16
_INSERT = Insertion(t)
_ANSWER = Prepared(select(t.c.answer).where(t.c.request == bindparam("request")))
_PRUNE = Prepared(delete(t).where(t.c.created_ms < bindparam("before")))


def insert(
    tx: Write, user_id: UserID, device_id: DeviceID | None, endpoint: str, txn_id: str, answer: str, now_ms: int
) -> None:
    """The request was answered so.  Written together with what it did; a second one fails with Duplicate."""
    tx.insert(_INSERT, (_hash(user_id, device_id, endpoint, txn_id), answer, now_ms))


def answer_to(tx: Connection, user_id: UserID, device_id: DeviceID | None, endpoint: str, txn_id: str) -> str | None:
    """What the request was answered; None: it was not done, or is forgotten."""
    answer: str | None = _ANSWER.scalar(tx, request=_hash(user_id, device_id, endpoint, txn_id))
    return answer


def prune(tx: Write, before_ms: int) -> int:
    """Requests from before then are forgotten; says how many."""
    return tx.run(_PRUNE, before=before_ms)


def request_of(user_id: UserID, device_id: DeviceID | None, endpoint: str, txn_id: str) -> bytes:
    """The key under which the request is kept."""
    return _hash(user_id, device_id, endpoint, txn_id)


def _hash(user_id: UserID, device_id: DeviceID | None, endpoint: str, txn_id: str) -> bytes:
    # The lengths keep the parts apart.
    parts = (user_id, device_id or "", endpoint, txn_id)
    whole = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()
