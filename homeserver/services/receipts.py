"""
Receipts: stored, and only ever moved forward.

Spec: client-server-api#receipts
"""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from attrs import define, evolve

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import RECEIPT, Position
from homeserver.core.receipts import READ_TYPES, UNTHREADED, Receipt
from homeserver.core.relations import MAIN_THREAD
from homeserver.core.timeline import TimelineEvent
from homeserver.services.clock import Clock, now_ms
from homeserver.services.known_events import KnownEvents
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import InvalidParameter, NotFound
from homeserver.services.threads import Threads
from homeserver.store import receipts, unread
from homeserver.store.database import Database
from homeserver.store.receipts import StoredReceipt
from homeserver.store.write import Write

FEDERATED: Final = "m.read"
"""The one type that other servers are told of."""


def receipt_of(stored: StoredReceipt) -> Receipt:
    """The receipt as it is told."""
    return Receipt(stored.user_id, stored.type, stored.event_id, stored.thread_id, stored.ts)


def user_mark(user_id: UserID) -> int:
    """Stands for a user in the log entry of a receipt: who follows the log sees whom it may concern without reading."""
    return crc32(user_id.encode())


@define(eq=False)
class Receipts:
    """Moves receipts."""

    database: Database
    clock: Clock
    known: KnownEvents
    memberships: Memberships
    threads: Threads

    async def advance(
        self, user_id: UserID, room_id: RoomID, type_: str, event_id: EventID, thread_id: str = UNTHREADED
    ) -> None:
        """
        A local user has read up to the event, in the whole room or in one thread; what is ahead already stays there.

        Raises NotInRoom, NotFound, InvalidParameter when the event is not in that thread.
        """
        row = (await self.memberships.of(user_id)).require_joined(room_id)
        event = await self.event_in(room_id, event_id)
        if thread_id != UNTHREADED and not await self._is_in_thread(event, thread_id):
            raise InvalidParameter("This event is not in that thread.")
        receipt = Receipt(user_id, type_, event_id, thread_id, now_ms(self.clock))
        await self.database.write(_advance, _stored(row.room_nid, room_id, receipt, event), True)

    async def event_in(self, room_id: RoomID, event_id: EventID) -> TimelineEvent:
        """The event of the room's timeline.  Raises NotFound."""
        event = await self.known.by_id(event_id)
        if event is None or event.event.room_id != room_id or event.ordering is None:
            raise NotFound("There is no such event in this room.")
        return event

    async def receive(self, room_nid: int, room_id: RoomID, remote: Sequence[Receipt]) -> None:
        """
        Users of another server have read up to these events; the caller has checked that they are that server's and in
        the room.
        """
        events = await self.known.by_ids({receipt.event_id for receipt in remote})
        stored = [
            _stored(room_nid, room_id, receipt, events.get(receipt.event_id))
            for receipt in remote
            if receipt.type == FEDERATED
        ]
        if stored:
            await self.database.write(_advance_all, stored)

    async def _is_in_thread(self, event: TimelineEvent, thread_id: str) -> bool:
        if event.event_id == thread_id:
            # A thread's root is in the main timeline, and clients that open a thread see it first.
            return True
        found = await self.threads.of(event.event)
        return found == thread_id if thread_id != MAIN_THREAD else found == MAIN_THREAD


def _stored(room_nid: int, room_id: RoomID, receipt: Receipt, event: TimelineEvent | None) -> StoredReceipt:
    ordering = None if event is None or event.event.room_id != room_id else event.ordering
    return StoredReceipt(
        room_nid,
        room_id,
        receipt.user_id,
        receipt.type,
        receipt.thread_id,
        receipt.event_id,
        ordering,
        receipt.ts,
        # Its position is not known before it is written.
        Position(0),
    )


def _advance(tx: Write, receipt: StoredReceipt, is_local: bool) -> bool:
    """Whether the receipt moved."""
    before = receipts.by_key(tx.connection, receipt.room_nid, receipt.user_id, receipt.type, receipt.thread_id)
    if before is not None and not _is_ahead(receipt, before):
        return False
    position = tx.log(RECEIPT, receipt.room_id, user_mark(receipt.user_id) if is_local else None)
    receipts.replace(tx, evolve(receipt, position=position))
    if is_local and receipt.type in READ_TYPES:
        # What was counted after the former receipt counts no more.
        unread.delete(tx, receipt.user_id, receipt.room_nid)
    return True


def _advance_all(tx: Write, stored: Sequence[StoredReceipt]) -> None:
    for receipt in stored:
        _advance(tx, receipt, False)


def _is_ahead(receipt: StoredReceipt, before: StoredReceipt) -> bool:
    if receipt.event_ordering is not None and before.event_ordering is not None:
        return receipt.event_ordering > before.event_ordering
    # Of an event that is not here nobody can say where it stands.
    return receipt.event_id != before.event_id and receipt.ts >= before.ts
