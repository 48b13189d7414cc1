"""
Sending events to rooms.

Spec: client-server-api#sending-events-to-a-room
"""

from collections.abc import Sequence

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.http.client.send_options import Answered, SendOption, SendRequest
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Raw
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard
from homeserver.services.sending import NO_EXTRAS, Extras, Sending


@frozen
class SendingEndpoints:
    """Messages, state, redactions; *options* are asked in their order."""

    sending: Sending
    presence: PresenceBoard
    options: Sequence[SendOption] = ()

    @operation("sendMessage")
    async def send_message(
        self, caller: Caller, room_id: RoomID, event_type: str, txn_id: str, body: JSONObject, incoming: Incoming
    ) -> object:
        """The message is in the room.  Raises NotInRoom, Forbidden."""
        self.presence.active(caller.user_id)
        request = await self._with_options(SendRequest(caller, room_id, event_type, None, body, txn_id), incoming)
        if isinstance(request, Answered):
            return request.answer
        return _sent(
            await self.sending.send_message(
                caller, room_id, event_type, request.content, txn_id, extras=_extras(request)
            )
        )

    @operation("setRoomStateWithKey")
    async def set_room_state_with_key(
        self, caller: Caller, room_id: RoomID, event_type: str, state_key: str, body: JSONObject, incoming: Incoming
    ) -> object:
        """The state has the entry.  Raises NotInRoom, Forbidden, BadAlias."""
        request = await self._with_options(SendRequest(caller, room_id, event_type, state_key, body), incoming)
        if isinstance(request, Answered):
            return request.answer
        return _sent(
            await self.sending.send_state(
                caller, room_id, event_type, state_key, request.content, extras=_extras(request)
            )
        )

    @operation("redactEvent")
    async def redact_event(
        self, caller: Caller, room_id: RoomID, event_id: EventID, txn_id: str, body: JSONObject
    ) -> Raw:
        """The event has lost its content.  Raises NotInRoom, NotFound, Forbidden."""
        content: JSONObject = {"reason": body["reason"]} if isinstance(body.get("reason"), str) else {}
        return _sent(await self.sending.redact(caller, room_id, event_id, txn_id, content))

    async def _with_options(self, request: SendRequest, incoming: Incoming) -> SendRequest | Answered:
        if not incoming.query:
            return request
        for option in self.options:
            changed = await option.apply(request, incoming.query)
            if isinstance(changed, Answered):
                return changed
            request = changed
        return request


def _extras(request: SendRequest) -> Extras:
    return Extras(request.fields) if request.fields else NO_EXTRAS


def _sent(event_id: EventID) -> Raw:
    # An event ID needs no escapes: those that do are refused when they are parsed.
    return Raw(b'{"event_id":"%s"}' % event_id.encode())
