"""
Sending events to rooms.

Spec: client-server-api#sending-events-to-a-room
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.http.operation import operation
from homeserver.http.replies import Raw
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard
from homeserver.services.sending import Sending


@frozen
class SendingEndpoints:
    """Messages, state, redactions."""

    sending: Sending
    presence: PresenceBoard

    @operation("sendMessage")
    async def send_message(
        self, caller: Caller, room_id: RoomID, event_type: str, txn_id: str, body: JSONObject
    ) -> Raw:
        """The message is in the room.  Raises NotInRoom, Forbidden."""
        self.presence.active(caller.user_id)
        return _sent(await self.sending.send_message(caller, room_id, event_type, body, txn_id))

    @operation("setRoomStateWithKey")
    async def set_room_state_with_key(
        self, caller: Caller, room_id: RoomID, event_type: str, state_key: str, body: JSONObject
    ) -> Raw:
        """The state has the entry.  Raises NotInRoom, Forbidden, BadAlias."""
        return _sent(await self.sending.send_state(caller, room_id, event_type, state_key, body))

    @operation("redactEvent")
    async def redact_event(
        self, caller: Caller, room_id: RoomID, event_id: EventID, txn_id: str, body: JSONObject
    ) -> Raw:
        """The event has lost its content.  Raises NotInRoom, NotFound, Forbidden."""
        content: JSONObject = {"reason": body["reason"]} if isinstance(body.get("reason"), str) else {}
        return _sent(await self.sending.redact(caller, room_id, event_id, txn_id, content))


def _sent(event_id: EventID) -> Raw:
    # An event ID needs no escapes: those that do are refused when they are parsed.
    return Raw(b'{"event_id":"%s"}' % event_id.encode())
