"""What is on its way to each application service, and how far it has come."""

from collections.abc import Collection

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select, update

from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.schema.accounts import cursors
from homeserver.store.schema.appservices import appservice_transactions as t
from homeserver.store.schema.appservices import network_rooms
from homeserver.store.write import Write

_CONSUMER = "appservice "


@frozen
class StoredTransaction:
    """The last transaction that was begun."""

    serial: int
    upto: Position
    body: bytes | None
    """None: it was delivered."""
    recipients: tuple[UserID, ...]
    """Users whose messages to devices are in it."""


_REPLACE = upsert(t)
_OF = Prepared(
    select(t.c.serial, t.c.upto, t.c.body, t.c.recipients).where(t.c.appservice_id == bindparam("appservice_id"))
)
_FINISH = Prepared(
    update(t)
    .where(t.c.appservice_id == bindparam("which"), t.c.serial == bindparam("expected"))
    .values(body=None, recipients="[]")
)
_IDS = Prepared(select(t.c.appservice_id).union(select(network_rooms.c.appservice_id)))
_CONSUMERS = Prepared(select(cursors.c.consumer).where(cursors.c.consumer.startswith(_CONSUMER)))
_FORGET = [Prepared(delete(table).where(table.c.appservice_id == bindparam("which"))) for table in (t, network_rooms)]
_FORGET_CURSOR = Prepared(delete(cursors).where(cursors.c.consumer == bindparam("which")))


def consumer_of(appservice_id: str) -> str:
    """The name of its cursor."""
    return _CONSUMER + appservice_id


def last(tx: Connection, appservice_id: str) -> StoredTransaction | None:
    """The last transaction that was begun; None: there never was one."""
    row = _OF.first(tx, appservice_id=appservice_id)
    if row is None:
        return None
    serial, upto, body, recipients = row
    return StoredTransaction(
        serial, Position(upto), None if body is None else bytes(body), tuple(load_json(recipients))
    )


def begin(tx: Write, appservice_id: str, transaction: StoredTransaction) -> None:
    """The transaction is on its way, in place of the one before."""
    tx.run(
        _REPLACE,
        appservice_id=appservice_id,
        serial=transaction.serial,
        upto=transaction.upto,
        body=transaction.body,
        recipients=encode_json(list(transaction.recipients)).decode(),
    )


def finish(tx: Write, appservice_id: str, serial: int) -> bool:
    """Whether the transaction was the last that was begun; it was delivered."""
    return tx.run(_FINISH, which=appservice_id, expected=serial) == 1


def forget_all_but(tx: Write, known: Collection[str], told: Collection[str]) -> list[str]:
    """
    Nothing is kept for application services that are not *known*, and no cursor of one that is not *told* anything:
    the log would be kept for it.  Answers which were forgotten.
    """
    gone = [row[0] for row in _IDS.all(tx.connection) if row[0] not in known]
    for appservice_id in gone:
        for statement in _FORGET:
            tx.run(statement, which=appservice_id)
    consumers = {consumer_of(appservice_id) for appservice_id in told}
    for (consumer,) in _CONSUMERS.all(tx.connection):
        if consumer not in consumers:
            tx.run(_FORGET_CURSOR, which=consumer)
    return gone
