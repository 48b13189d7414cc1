"""
Messages between devices, of this server and others.

Spec: client-server-api#send-to-device-messaging
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from e2ee.core import to_device as rules
from e2ee.core.to_device import DELIVERED_AT_ONCE_MAX, WAITING_MAX, Batch, Message, Messages
from e2ee.store import to_device, to_device_seen
from federation.core.edus import DIRECT_TO_DEVICE, DirectToDevice
from federation.store import outbox
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID, server_of
from homeserver.core.log import TO_DEVICE, LogEntry, Position
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.log_tail import LogTail
from homeserver.store import devices, transactions
from homeserver.store.database import Database
from homeserver.store.write import Write

SEEN_MS: Final = 7 * 24 * 3600 * 1000
"""How long messages of other servers are remembered, in case they come again."""
PRUNE_EVERY_MS: Final = 3600 * 1000
BOUND_EVERY: Final = 64
"""Counting costs: every so many positions it is seen to that not too much waits."""
LONG: Final = 200
"""Recipients from which on a write takes long."""


@frozen
class Sending:
    """One request to send; *message_ids* name what goes to each other server."""

    sender: UserID
    device_id: DeviceID | None
    type: str
    txn_id: str
    messages: Messages
    message_ids: Mapping[ServerName, str]
    now_ms: int


@frozen
class MessagePage:
    """Some of the messages that wait for a device; whoever comes with *end* has them."""

    messages: Sequence[Message]
    end: Position


@define(eq=False)
class ToDevice:
    """
    Takes messages, and delivers them once.

    *opaque_id* makes IDs of at most 32 characters.  To follow the log's tail.
    """

    server: ServerName
    database: Database
    clock: Clock
    tail: LogTail
    opaque_id: Callable[[], str]
    users_max: int = 50_000
    _empty: OrderedDict[UserID, set[DeviceID]] = field(init=False, factory=OrderedDict)
    """Devices that nothing waits for, as far as the log's tail reaches."""
    _pruned_ms: int = field(init=False, default=0)

    async def send(self, caller: Caller, event_type: str, txn_id: str, messages: Messages) -> None:
        """The messages are on their way, once for each transaction ID."""
        servers = rules.by_server(messages)
        ids = {server: self.opaque_id() for server in servers if server != self.server}
        sending = Sending(caller.user_id, caller.device_id, event_type, txn_id, messages, ids, now_ms(self.clock))
        write = self.database.write if sum(map(len, messages.values())) < LONG else self.database.write_long
        await write(_send, self.server, sending)

    async def receive(self, origin: ServerName, edu: DirectToDevice) -> None:
        """What a user of *origin* sent to devices here waits for them."""
        now = now_ms(self.clock)
        await self.database.write(_receive, self.server, origin, edu, now)
        if now - self._pruned_ms > PRUNE_EVERY_MS:
            self._pruned_ms = now
            await self.database.write(to_device_seen.prune, now - SEEN_MS)

    async def deliver(
        self, user_id: UserID, device_id: DeviceID, since: Position | None, upto: Position
    ) -> Sequence[Message]:
        """
        What waits for a device, oldest first, at most a hundred messages.

        *since*: the token that its client comes with, which has what was delivered with it; None: a first sync.
        *upto*: the token that the client is given with the answer.
        """
        if device_id in self._empty.get(user_id, ()):
            return ()
        head = self.tail.head
        batch, has, found, oldest = await self.database.read(_pending, user_id, device_id, since, upto)
        told = found[:DELIVERED_AT_ONCE_MAX]
        now = Batch(upto, told[-1][0]) if len(found) > len(told) else None
        if now is None and batch is not None and told:
            # The last of several answers: who does not get it comes back with the token of the one before.
            now = Batch(upto, upto)
        if (oldest is not None and oldest <= has) or now != batch:
            await self.database.write(to_device.acknowledge, user_id, device_id, has, now)
        if not found and oldest is None and batch is None and head == self.tail.head:
            self._remember_empty(user_id, device_id)
        return [message for _, message in told]

    async def page(
        self, user_id: UserID, device_id: DeviceID, since: Position, upto: Position, limit: int
    ) -> MessagePage:
        """The next *limit* messages after *since*, up to where the device has them, and at most to *upto*."""
        head = self.tail.head
        # Nobody has what is yet to come.
        since = min(since, max(upto, head))
        if device_id in self._empty.get(user_id, ()):
            return MessagePage((), max(since, upto))
        found, oldest = await self.database.read(_page, user_id, device_id, since, upto, limit + 1)
        if oldest is not None and oldest <= since:
            await self.database.write(to_device.acknowledge, user_id, device_id, since, None)
        elif oldest is None and head == self.tail.head:
            self._remember_empty(user_id, device_id)
        told = found[:limit]
        end = told[-1][0] if len(found) > len(told) else max(since, upto)
        return MessagePage([message for _, message in told], end)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """For whom there are messages, something waits."""
        for entry in entries:
            if entry.kind == TO_DEVICE:
                self._empty.pop(UserID(entry.subject), None)

    def _remember_empty(self, user_id: UserID, device_id: DeviceID) -> None:
        self._empty.setdefault(user_id, set()).add(device_id)
        self._empty.move_to_end(user_id)
        while len(self._empty) > self.users_max:
            self._empty.popitem(last=False)


def _pending(
    tx: Any, user_id: UserID, device_id: DeviceID, since: Position | None, upto: Position
) -> tuple[Batch | None, int, list[tuple[Position, Message]], Position | None]:
    """The last batch, up to where the client has its messages, the next of them, and where the oldest is."""
    batch = to_device.batch(tx, user_id, device_id)
    has = rules.acknowledged(since, batch)
    found = to_device.waiting(tx, user_id, device_id, has, upto, DELIVERED_AT_ONCE_MAX + 1)
    return batch, has, found, to_device.oldest(tx, user_id, device_id)


def _page(
    tx: Any, user_id: UserID, device_id: DeviceID, since: Position, upto: Position, limit: int
) -> tuple[list[tuple[Position, Message]], Position | None]:
    """The next messages, and where the oldest is."""
    found = to_device.waiting(tx, user_id, device_id, since, upto, limit)
    return found, to_device.oldest(tx, user_id, device_id)


def _send(tx: Write, server: ServerName, sending: Sending) -> None:
    endpoint = f"sendToDevice {sending.type}"
    name = (sending.sender, sending.device_id, endpoint, sending.txn_id)
    if transactions.answer_to(tx.connection, *name) is not None:
        return
    transactions.insert(tx, *name, "{}", sending.now_ms)
    for destination, messages in rules.by_server(sending.messages).items():
        if destination == server:
            _put(tx, sending.sender, sending.type, messages)
        else:
            outbox.queue_edu(tx, (destination,), _edu(sending, destination, messages))


def _edu(sending: Sending, destination: ServerName, messages: Messages) -> JSONObject:
    content: JSONObject = {
        "sender": sending.sender,
        "type": sending.type,
        "message_id": sending.message_ids[destination],
        "messages": {user_id: {**devices} for user_id, devices in messages.items()},
    }
    return {"edu_type": DIRECT_TO_DEVICE, "content": content}


def _receive(tx: Write, server: ServerName, origin: ServerName, edu: DirectToDevice, now: int) -> None:
    if to_device_seen.insert(tx, origin, edu.message_id, now):
        local = {user: devices for user, devices in edu.messages.items() if server_of(user) == server}
        _put(tx, edu.sender, edu.type, local)


def _put(tx: Write, sender: UserID, event_type: str, messages: Messages) -> None:
    """The messages wait for those of the devices that there are; the rest reach nobody."""
    for user_id, devices_ in messages.items():
        known = devices.ids_of(tx.connection, user_id)
        contents = rules.recipients(devices_, known)
        if not contents:
            continue
        position = tx.log(TO_DEVICE, user_id)
        encoded: dict[int, str] = {}
        for device_id, content in contents.items():
            # Under "*" all get the same object.
            text = encoded.get(id(content)) or rules.encode_content(content)
            encoded[id(content)] = text
            to_device.insert(tx, user_id, device_id, position, Message(sender, event_type, text))
            if position % BOUND_EVERY == 0:
                to_device.drop_oldest(tx, user_id, device_id, WAITING_MAX)
