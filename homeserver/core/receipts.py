"""
Receipts: up to where a user has read, in a room or in one of its threads.

Spec: client-server-api#receipts
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.timeline import Ordering

UNTHREADED: Final = ""
"""The thread ID, here, of a receipt for the whole room."""
THREAD_ID_BYTES_MAX: Final = 255


class ReceiptType(Enum):
    """What a receipt says, and to whom."""

    READ = "m.read"
    READ_PRIVATE = "m.read.private"
    FULLY_READ = "m.fully_read"
    """No receipt, but account data that is set in the same way."""


READ_TYPES: Final = frozenset({"m.read", "m.read.private"})
"""Those that clear notifications."""


@frozen
class Receipt:
    """How far one user has come.  *thread_id*: UNTHREADED, ``main`` or an event ID."""

    user_id: UserID
    type: str
    event_id: EventID
    thread_id: str
    ts: int


def parse_thread_id(value: object) -> str:
    """The thread ID of a receipt that has one.  Raises Malformed with ``M_INVALID_PARAM``."""
    if not isinstance(value, str) or not value or len(value.encode("utf-8", "replace")) > THREAD_ID_BYTES_MAX:
        raise Malformed("The thread ID is main or an event ID.", "thread_id", "M_INVALID_PARAM")
    if value != "main" and not value.startswith("$"):
        raise Malformed("The thread ID is main or an event ID.", "thread_id", "M_INVALID_PARAM")
    return value


def receipt_events(receipts: Iterable[Receipt]) -> list[JSON]:
    """
    The ``m.receipt`` events for clients: as few as can be.

    An event has one place for each user; who has both read the room and a thread up to it is in a second one.
    """
    contents: list[dict[str, dict[str, dict[str, JSON]]]] = []
    for receipt in receipts:
        value: JSONObject = {"ts": receipt.ts}
        if receipt.thread_id != UNTHREADED:
            value["thread_id"] = receipt.thread_id
        for content in contents:
            users = content.setdefault(receipt.event_id, {}).setdefault(receipt.type, {})
            if receipt.user_id not in users:
                users[receipt.user_id] = value
                break
        else:
            contents.append({receipt.event_id: {receipt.type: {receipt.user_id: value}}})
    return [{"type": "m.receipt", "content": content} for content in contents]  # type: ignore[dict-item]


@frozen
class ReadUpTo:
    """
    Up to where a user has read a room: everything at or before *everywhere*, and more of some threads.

    *threads*: ``{thread ID: ordering}``, ``main`` among them.
    """

    everywhere: Ordering
    threads: Mapping[str, Ordering]

    def of(self, thread_id: str) -> Ordering:
        """Up to where one thread is read."""
        return max(self.everywhere, self.threads.get(thread_id, self.everywhere))

    def covers(self, thread_id: str, ordering: Ordering) -> bool:
        """Whether an event of a thread is read."""
        return ordering <= self.everywhere or ordering <= self.threads.get(thread_id, self.everywhere)


def read_up_to(marks: Iterable[tuple[str, Ordering]], since: Ordering) -> ReadUpTo:
    """
    What receipts say: *marks* are ``(thread ID, ordering)`` of those that clear notifications, of whichever type.

    The one furthest ahead counts.  Nothing at or before *since* is unread in any case.
    """
    everywhere = since
    threads: dict[str, Ordering] = {}
    for thread_id, ordering in marks:
        if thread_id == UNTHREADED:
            everywhere = max(everywhere, ordering)
        else:
            threads[thread_id] = max(ordering, threads.get(thread_id, ordering))
    return ReadUpTo(everywhere, threads)
