"""
Typing, receipts and presence, from other servers' users to ours and back.

Spec: server-server-api#typing-notifications
"""

from collections.abc import Coroutine
from typing import Any, Final

import structlog
from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from federation.core import edus
from federation.services.access import Access
from federation.services.inbox import EduReceiver
from federation.services.outbox import Outbox
from federation.services.room_servers import RoomServers
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.presence import Presence, parse_state
from homeserver.core.receipts import UNTHREADED, Receipt
from homeserver.services.clock import Clock, now_ms
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.presence import PresenceBoard
from homeserver.services.receipts import Receipts
from homeserver.services.typing import Typing

log = structlog.get_logger(__name__)

READ: Final = "m.read"


@define(eq=False)
class EphemeralReceiver:
    """Takes what other servers say of their users."""

    clock: Clock
    live_rooms: LiveRooms
    access: Access
    typing: Typing
    receipts: Receipts
    presence: PresenceBoard

    def receivers(self) -> dict[type, EduReceiver]:
        """What takes each kind of EDU."""
        return {
            edus.Typing: self.receive_typing,
            edus.Receipts: self.receive_receipts,
            edus.Presence: self.receive_presence,
        }

    async def receive_typing(self, origin: ServerName, edu: edus.Typing) -> None:
        """A user in one of our rooms types, or does not."""
        room = await self.live_rooms.find(edu.room_id)
        if room is not None and edu.user_id in room.joined and await self.access.admits(room, origin):
            self.typing.receive(edu.room_id, edu.user_id, edu.typing)

    async def receive_receipts(self, origin: ServerName, edu: edus.Receipts) -> None:
        """Users in our rooms have read up to events."""
        by_room: dict[RoomID, list[edus.Receipt]] = {}
        for receipt in edu.receipts:
            by_room.setdefault(receipt.room_id, []).append(receipt)
        for room_id, told in by_room.items():
            room = await self.live_rooms.find(room_id)
            if room is not None and await self.access.admits(room, origin):
                present = [_receipt(receipt) for receipt in told if receipt.user_id in room.joined]
                await self.receipts.receive(room.nid, room_id, present)

    async def receive_presence(self, origin: ServerName, edu: edus.Presence) -> None:
        """Users are as their server says."""
        for user in edu.push:
            await self.presence.receive(user.user_id, _presence(user, now_ms(self.clock)))


@define(eq=False)
class EphemeralSender:
    """Tells other servers of our users; called by what knows of them."""

    clock: Clock
    room_servers: RoomServers
    outbox: Outbox

    def send_typing(self, room_id: RoomID, user_id: UserID, typing: bool) -> None:
        """The other servers of the room learn of it, when the user is ours."""
        if server_of(user_id) == self.outbox.around.server_name:
            self._in_background(self.outbox.send_typing(edus.Typing(room_id, user_id, typing)))

    def send_presence(self, user_id: UserID, presence: Presence, room_ids: frozenset[RoomID]) -> None:
        """The other servers of the rooms learn of it."""
        self._in_background(self._send_presence(user_id, presence, room_ids))

    async def _send_presence(self, user_id: UserID, presence: Presence, room_ids: frozenset[RoomID]) -> None:
        servers = await self.room_servers.of_all(room_ids)
        now = now_ms(self.clock)
        since = 0 if presence.last_active_ms is None else max(0, now - presence.last_active_ms)
        told = edus.UserPresence(user_id, presence.state, since, presence.currently_active, presence.status_msg)
        self.outbox.send_presence(servers, told)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(_report)


def _report(failure: Failure) -> None:
    log.error("other servers could not be told", reason=failure.getTraceback())


def _receipt(told: edus.Receipt) -> Receipt:
    return Receipt(told.user_id, READ, told.event_id, told.thread_id or UNTHREADED, told.ts)


def _presence(told: edus.UserPresence, now: int) -> Presence:
    return Presence(parse_state(told.presence), told.currently_active, told.status_msg, now - told.last_active_ago)
