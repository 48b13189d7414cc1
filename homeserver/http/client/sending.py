"""
Sending events to rooms.

Spec: client-server-api#sending-events-to-a-room
"""

from collections.abc import Sequence

from attrs import frozen

from homeserver.core.canonical import INTEGER_MAX, JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.malformed import Malformed
from homeserver.http.client.send_options import RedactOption, SendDetour, SendOption, SendRequest, with_options
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Raw
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard
from homeserver.services.sending import NO_EXTRAS, Extras, Sending


@frozen
class SendingEndpoints:
    """Messages, state, redactions."""

    sending: Sending
    presence: PresenceBoard
    options: Sequence[SendOption] = ()
    detours: Sequence[SendDetour] = ()
    redact_options: Sequence[RedactOption] = ()

    @operation("sendMessage")
    async def send_message(
        self, caller: Caller, room_id: RoomID, event_type: str, txn_id: str, body: JSONObject, incoming: Incoming
    ) -> object:
        """The message is in the room.  Raises NotInRoom, Forbidden, Malformed, NestedThread."""
        self.presence.active(caller.user_id)
        incoming.require_body()
        request = SendRequest(caller, room_id, event_type, None, body, txn_id)
        request = with_options(request, self.options, incoming.query)
        answer = await self._detour(request, incoming)
        if answer is not None:
            return answer
        return _sent(
            await self.sending.send_message(
                caller, room_id, event_type, request.content, txn_id, stated_ts(caller, incoming), _extras(request)
            )
        )

    @operation("setRoomStateWithKey")
    async def set_room_state_with_key(
        self, caller: Caller, room_id: RoomID, event_type: str, state_key: str, body: JSONObject, incoming: Incoming
    ) -> object:
        """The state has the entry.  Raises NotInRoom, Forbidden, BadAlias."""
        incoming.require_body()
        request = SendRequest(caller, room_id, event_type, state_key, body)
        request = with_options(request, self.options, incoming.query)
        answer = await self._detour(request, incoming)
        if answer is not None:
            return answer
        return _sent(
            await self.sending.send_state(
                caller, room_id, event_type, state_key, request.content, stated_ts(caller, incoming), _extras(request)
            )
        )

    @operation("redactEvent")
    async def redact_event(
        self, caller: Caller, room_id: RoomID, event_id: EventID, txn_id: str, body: JSONObject
    ) -> Raw:
        """The event has lost its content.  Raises NotInRoom, NotFound, Forbidden."""
        content: JSONObject = {"reason": body["reason"]} if isinstance(body.get("reason"), str) else {}
        besides = [write for each in self.redact_options for write in await each.besides(room_id, event_id, body)]
        return _sent(await self.sending.redact(caller, room_id, event_id, txn_id, content, besides))

    async def _detour(self, request: SendRequest, incoming: Incoming) -> object | None:
        for detour in self.detours if incoming.query else ():
            answer = await detour.answer(request, incoming.query)
            if answer is not None:
                return answer
        return None


def stated_ts(caller: Caller, incoming: Incoming) -> int | None:
    """
    When an application service says that the event was sent; None: now.  Raises Malformed.

    Spec: application-service-api#timestamp-massaging
    """
    stated = incoming.query.get("ts")
    if not stated or caller.appservice_id is None:
        return None
    if not stated[0].isascii() or not stated[0].isdigit() or len(stated[0]) > 16 or int(stated[0]) > INTEGER_MAX:
        raise Malformed("This must be a time in milliseconds since 1970.", "ts", "M_INVALID_PARAM")
    return int(stated[0])


def _extras(request: SendRequest) -> Extras:
    return Extras(request.fields) if request.fields else NO_EXTRAS


def _sent(event_id: EventID) -> Raw:
    # An event ID needs no escapes: those that do are refused when they are parsed.
    return Raw(b'{"event_id":"%s"}' % event_id.encode())
