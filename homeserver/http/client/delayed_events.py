"""
Events that are sent later: MSC4140, under the paths it proposes and under those that clients use until it is specified.

Spec: proposals/4140
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from attrs import frozen

from homeserver.core.canonical import JSONObject, load_json
from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed
from homeserver.http.client.send_options import Parameters, SendOption, SendRequest, with_options
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.parameters import parse_integer
from homeserver.http.replies import Empty, Status
from homeserver.http.rows import Authentication, Body, Query, Row
from homeserver.services.callers import Caller
from homeserver.services.delayed_events.service import DelayedEvent, DelayedEvents, Schedule

_API: Final = "msc4140"
_V3: Final = "/_matrix/client/v3"
_V1: Final = "/_matrix/client/v1"
_UNSTABLE: Final = "/_matrix/client/unstable/org.matrix.msc4140"
_BY: Final = Authentication.ACCESS_TOKEN
_ITEM: Final = "/delayed_events/{delayId}"
_ACTION: Final = _ITEM + "/{action}"

Action = Literal["send", "cancel", "restart"]
DELAYS: Final = ("org.matrix.msc4140.delay", "delay")
"""The query parameters of ``/send`` and ``/state`` by which earlier texts of the proposal schedule."""


def _state_key(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise Malformed("This must be a string.")
    return value


@frozen
class DelayedBody:
    delay_ms: int
    content: JSONObject
    state_key: Annotated[str, _state_key] | None = None


@frozen
class DelayReply:
    delay_id: str


@frozen
class ActionBody:
    action: Action


@frozen
class DelayedEventEndpoints:
    """Scheduling events, and looking after them."""

    events: DelayedEvents
    options: Sequence[SendOption] = ()

    @operation(
        Row(
            _API,
            "scheduleDelayedEvent",
            "PUT",
            _V3 + "/rooms/{roomId}/delayed_event/{eventType}/{txnId}",
            _BY,
            query=(Query("ts", "integer"),),
            body=Body.JSON,
            limited_as="send",
            guests_may=True,
            twins=(_UNSTABLE + "/rooms/{roomId}/delayed_event/{eventType}/{txnId}",),
        )
    )
    async def schedule(
        self,
        caller: Caller,
        room_id: RoomID,
        event_type: str,
        txn_id: str,
        body: DelayedBody,
        incoming: Incoming,
        ts: int | None = None,
    ) -> DelayReply:
        """The event is sent after the delay.  Raises Malformed, Forbidden, TooLarge, TooSoon."""
        request = SendRequest(caller, room_id, event_type, body.state_key, body.content, txn_id)
        request = with_options(request, self.options, incoming.query)
        return DelayReply(await self.events.schedule(_schedule(request, body.delay_ms, ts)))

    @operation(
        Row(_API, "listDelayedEvents", "GET", _V1 + "/delayed_events", _BY, rate_limited=True, guests_may=True,
            twins=(_UNSTABLE + "/delayed_events",))
    )  # fmt: skip
    async def scheduled(self, caller: Caller) -> JSONObject:
        """The caller's events that are still to be sent."""
        return {"delayed_events": [_shown(event) for event in await self.events.scheduled(caller.user_id)]}

    @operation(
        Row(_API, "showDelayedEvent", "GET", _V1 + _ITEM, _BY, rate_limited=True, guests_may=True,
            twins=(_UNSTABLE + _ITEM,))
    )  # fmt: skip
    async def show(self, caller: Caller, delay_id: str) -> JSONObject:
        """One of the caller's events, and what became of it.  Raises NotFound."""
        return _shown(await self.events.one(delay_id, caller.user_id))

    @operation(
        Row(_API, "actOnDelayedEvent", "POST", _V1 + _ACTION, _BY, limited_as="send", guests_may=True,
            twins=(_UNSTABLE + _ACTION,))
    )  # fmt: skip
    async def act(self, caller: Caller, delay_id: str, action: Action) -> Empty:
        """The event is sent, canceled or put off.  Raises NotFound, Conflict, Refusal."""
        return await self._act(caller, delay_id, action)

    @operation(
        Row(_API, "updateDelayedEvent", "POST", _UNSTABLE + _ITEM, _BY, body=Body.JSON, limited_as="send",
            guests_may=True)
    )  # fmt: skip
    async def update(self, caller: Caller, delay_id: str, body: ActionBody) -> Empty:
        """The same, with the action where an earlier text of the proposal has it."""
        return await self._act(caller, delay_id, body.action)

    async def _act(self, caller: Caller, delay_id: str, action: Action) -> Empty:
        match action:
            case "send":
                await self.events.send(delay_id, caller.user_id)
            case "cancel":
                await self.events.cancel(delay_id, caller.user_id)
            case "restart":
                await self.events.restart(delay_id, caller.user_id)
        return Empty()


@frozen
class DelayDetour:
    """Scheduling by a query parameter of ``/send`` and ``/state``, as earlier texts of the proposal have it."""

    events: DelayedEvents

    async def answer(self, request: SendRequest, query: Parameters) -> object | None:
        """The delay ID, where the query asks for a delay.  Raises Malformed, Forbidden, TooLarge, TooSoon."""
        name = next((name for name in DELAYS if name in query), None)
        if name is None:
            return None
        try:
            delay_ms = parse_integer(query[name][0])
        except Malformed as error:
            raise Malformed(error.reason, name, error.code) from error
        delay_max_ms = self.events.settings.delay_max_ms
        if delay_ms > delay_max_ms:
            # Clients look for this, and shorten their delay.
            return Status(400, {
                "errcode": "M_UNKNOWN",
                "error": f"A delay is at most {delay_max_ms} milliseconds long.",
                "org.matrix.msc4140.errcode": "M_MAX_DELAY_EXCEEDED",
                "org.matrix.msc4140.max_delay": delay_max_ms,
            })  # fmt: skip
        return DelayReply(await self.events.schedule(_schedule(request, delay_ms, None)))


def _schedule(request: SendRequest, delay_ms: int, ts: int | None) -> Schedule:
    return Schedule(
        request.caller,
        request.room_id,
        request.type,
        request.state_key,
        request.content,
        delay_ms,
        request.transaction_id,
        request.fields,
        ts if request.caller.appservice_id is not None else None,
    )


def _shown(event: DelayedEvent) -> JSONObject:
    shown: JSONObject = {
        "delay_id": event.delay_id,
        "room_id": event.room_id,
        "type": event.type,
        "delay_ms": event.delay_ms,
        "scheduled_at": event.scheduled_ms,
        # As an earlier text of the proposal calls them.
        "delay": event.delay_ms,
        "running_since": event.scheduled_ms,
        "content": load_json(event.content),
    }
    if event.state_key is not None:
        shown["state_key"] = event.state_key
    if event.finalised_ms is not None:
        shown["finalised_ts"] = event.finalised_ms
    if event.event_id is not None:
        shown["event_id"] = event.event_id
    if event.error is not None:
        shown["error"] = load_json(event.error)
    return shown
