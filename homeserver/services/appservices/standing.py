"""How far an application service has come, and which of several processes goes on: functions of a transaction."""

from attrs import frozen

from homeserver.core.log import Position
from homeserver.services.ports import AppserviceEncryption
from homeserver.store import appservices, cursors
from homeserver.store.appservices import StoredTransaction, consumer_of
from homeserver.store.database import Snapshot
from homeserver.store.write import Write


@frozen
class Standing:
    """*reached*: all up to there was delivered, or is in *pending*.  *serial*: of the last transaction."""

    reached: Position
    serial: int
    pending: StoredTransaction | None


def enter(tx: Write, appservice_id: str) -> None:
    """The application service is told what happens from now on, unless it was connected before."""
    consumer = consumer_of(appservice_id)
    if cursors.position_of(tx.connection, consumer) is None:
        cursors.advance(tx, consumer, tx.position)


def standing_of(tx: Snapshot, appservice_id: str) -> Standing:
    """How far it has come."""
    last = appservices.last(tx, appservice_id)
    reached = cursors.position_of(tx, consumer_of(appservice_id))
    pending = last if last is not None and last.body is not None else None
    return Standing(reached or Position(0), 0 if last is None else last.serial, pending)


@frozen
class Claim:
    """Who wants to go on, until when (milliseconds since 1970), and the last transaction that it knows of."""

    appservice_id: str
    holder: str
    now_ms: int
    until_ms: int
    serial: int


def begin(tx: Write, claim: Claim, transaction: StoredTransaction, encryption: AppserviceEncryption) -> bool:
    """
    Whether the transaction is the next: nobody else is at work, or has been meanwhile.

    The one before was delivered, and so were the messages in it.
    """
    if not may_go_on(tx, claim):
        return False
    _clear(tx, claim.appservice_id, encryption)
    appservices.begin(tx, claim.appservice_id, transaction)
    cursors.advance(tx, consumer_of(claim.appservice_id), transaction.upto)
    return True


def settle(tx: Write, claim: Claim, reached: Position, encryption: AppserviceEncryption) -> bool:
    """Whether nobody else has gone on; then the last transaction was delivered, and nothing more up to *reached*."""
    if not may_go_on(tx, claim):
        return False
    _clear(tx, claim.appservice_id, encryption)
    appservices.finish(tx, claim.appservice_id, claim.serial)
    cursors.advance(tx, consumer_of(claim.appservice_id), reached)
    return True


def release(tx: Write, appservice_id: str, holder: str) -> None:
    """Another process need not wait."""
    cursors.release(tx, consumer_of(appservice_id), holder)


def may_go_on(tx: Write, claim: Claim) -> bool:
    """Whether nobody else is at work, or has been meanwhile; then nobody else is until the claim ends."""
    consumer = consumer_of(claim.appservice_id)
    if not cursors.hold(tx, consumer, claim.holder, claim.now_ms, claim.until_ms):
        return False
    last = appservices.last(tx.connection, claim.appservice_id)
    return (0 if last is None else last.serial) == claim.serial


def _clear(tx: Write, appservice_id: str, encryption: AppserviceEncryption) -> None:
    last = appservices.last(tx.connection, appservice_id)
    if last is not None and last.recipients:
        encryption.forget_messages(tx, last.recipients, last.upto)
