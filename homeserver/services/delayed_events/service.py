"""
Scheduling events, looking after them, and sending them.

An event and the end of its schedule are one write: whatever process sends it, and wherever it is killed, it is sent
once.

Spec: proposals/4140
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSON, JSONObject, encode_json, load_json
from homeserver.core.drafts import Transaction
from homeserver.core.identifiers import DeviceID, EventID, RoomID, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import PDU_BYTES_MAX
from homeserver.core.timeline import TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.delayed_events.dues import Dues
from homeserver.services.delayed_events.settings import DelayedEventSettings
from homeserver.services.refusals import Conflict, Forbidden, NotFound, TooLarge, TooSoon
from homeserver.services.sending import Extras, Sending
from homeserver.store import delayed_events, transactions, users
from homeserver.store.database import Database
from homeserver.store.delayed_events import DelayedEvent
from homeserver.store.write import Write

__all__ = ["DELAYED", "DelayedEvent", "DelayedEvents", "NotScheduled", "Schedule"]

DELAYED: Final = DeviceID("")
"""Stands for the device of what the server sends at its time, in the transaction whose ID is the delay ID."""


class NotScheduled(Exception):
    """An event that is to be sent was sent or canceled by somebody else."""


@frozen
class Schedule:
    """What is to be sent, and after how long."""

    caller: Caller
    room_id: RoomID
    type: str
    state_key: str | None
    content: JSONObject
    delay_ms: int
    transaction_id: str | None = None
    fields: Mapping[str, JSON] = field(factory=dict)
    origin_server_ts: int | None = None


@define(eq=False)
class DelayedEvents:
    """
    The events of local users that are to be sent later.

    *changed* is called when *dues* may have become earlier.
    """

    database: Database
    clock: Clock
    sending: Sending
    settings: DelayedEventSettings
    new_id: Callable[[], str]
    """Another one at each call, which nobody can guess."""
    dues: Dues = field(factory=Dues)
    changed: Callable[[], None] = lambda: None

    async def schedule(self, wanted: Schedule) -> str:
        """The ID of an event that is scheduled from now on.  Raises Malformed, Forbidden, TooLarge, TooSoon."""
        if wanted.delay_ms <= 0:
            raise Malformed("A delay is a positive number of milliseconds.", "delay_ms", "M_INVALID_PARAM")
        if not self.settings.scheduled_max:
            raise Forbidden("This server sends nothing later.")
        if wanted.delay_ms > self.settings.delay_max_ms:
            raise Forbidden(f"A delay is at most {self.settings.delay_max_ms} milliseconds long.")
        now = now_ms(self.clock)
        event = DelayedEvent(
            self.new_id(),
            wanted.caller.user_id,
            wanted.room_id,
            wanted.type,
            wanted.state_key,
            encode_json(wanted.content).decode(),
            encode_json(dict(wanted.fields)).decode(),
            wanted.origin_server_ts,
            wanted.delay_ms,
            now,
            now + wanted.delay_ms,
        )
        if len(event.content) > PDU_BYTES_MAX:
            raise TooLarge("No event has as much content.")
        delay_id = await self.database.write(
            _schedule, event, wanted.caller.device_id, wanted.transaction_id, self.settings.scheduled_max
        )
        if delay_id == event.delay_id and event.send_at_ms is not None:
            self.dues.set(delay_id, event.send_at_ms)
            self.changed()
        return delay_id

    async def scheduled(self, user_id: UserID) -> list[DelayedEvent]:
        """The user's events that are still to be sent, the first first."""
        return await self.database.read(delayed_events.scheduled_of, user_id)

    async def one(self, delay_id: str, user_id: UserID) -> DelayedEvent:
        """The user's event, scheduled or finalised.  Raises NotFound."""
        found = await self.database.read(delayed_events.by_id, delay_id)
        if found is None or found.user_id != user_id:
            raise NotFound("There is no such delayed event.")
        return found

    async def restart(self, delay_id: str, user_id: UserID) -> None:
        """The event's delay begins now.  Raises NotFound, Conflict."""
        event = await self.one(delay_id, user_id)
        now = now_ms(self.clock)
        if not await self.database.write(delayed_events.restart, delay_id, now):
            if (await self.one(delay_id, user_id)).event_id is not None:
                # Whoever wanted to put it off learns that it is too late, and not only that it is over.
                raise NotFound("This event was sent already.")
            raise Conflict("This event was canceled.")
        self.dues.set(delay_id, now + event.delay_ms)
        self.changed()

    async def cancel(self, delay_id: str, user_id: UserID) -> None:
        """The event is never sent.  Raises NotFound, Conflict."""
        event = await self.one(delay_id, user_id)
        if await self.finalise(event):
            return
        if (await self.one(delay_id, user_id)).event_id is not None:
            raise Conflict("This event was sent already.")

    async def send(self, delay_id: str, user_id: UserID) -> None:
        """The event is sent; it stays scheduled when it is refused now.  Raises NotFound, Conflict, Refusal."""
        event = await self.one(delay_id, user_id)
        if event.finalised_ms is None:
            try:
                await self.deliver(event)
            except NotScheduled:
                event = await self.one(delay_id, user_id)
        if event.finalised_ms is not None and event.event_id is None:
            raise Conflict("This event was canceled.")

    async def deliver(self, event: DelayedEvent) -> None:
        """The event is sent and finalised, both or neither.  Raises NotScheduled, Refusal, Malformed."""
        account = await self.database.read(users.by_id, event.user_id)
        if account is None or account.deactivated or account.locked or account.suspended:
            raise Forbidden("This account may not send anything now.")
        now, kept = now_ms(self.clock), self.settings.finalised_kept
        extras = Extras(
            load_json(event.fields),
            (partial(_sent, delay=event, now=now, kept=kept),),
            Transaction(DELAYED, event.delay_id),
        )
        caller, content = Caller(event.user_id, None), load_json(event.content)
        if event.state_key is None:
            event_id = await self.sending.send_message(
                caller, event.room_id, event.type, content, None, event.origin_server_ts, extras
            )
        else:
            event_id = await self.sending.send_state(
                caller, event.room_id, event.type, event.state_key, content, event.origin_server_ts, extras
            )
        # The room may have said the same already; then nothing was written.
        if (await self.one(event.delay_id, event.user_id)).finalised_ms is None:
            await self.finalise(event, event_id)
        self.dues.discard(event.delay_id)

    async def finalise(
        self, event: DelayedEvent, event_id: EventID | None = None, error: JSONObject | None = None
    ) -> bool:
        """Whether the event was scheduled still; it is no more, and this became of it."""
        text = None if error is None else encode_json(error).decode()
        self.dues.discard(event.delay_id)
        return await self.database.write(
            _finalise, event, now_ms(self.clock), self.settings.finalised_kept, event_id, text
        )


def _schedule(
    tx: Write, event: DelayedEvent, device_id: DeviceID | None, transaction_id: str | None, scheduled_max: int
) -> str:
    endpoint = f"delayed/{event.room_id}/{event.type}"
    if transaction_id is not None:
        known = transactions.answer_to(tx.connection, event.user_id, device_id, endpoint, transaction_id)
        if known is not None:
            return known
    count, first_ms = delayed_events.count_of(tx.connection, event.user_id)
    if count >= scheduled_max:
        wait_ms = max(0, (first_ms or 0) - event.scheduled_ms)
        raise TooSoon(wait_ms, "The maximum number of delayed events has been reached.")
    delayed_events.insert(tx, event)
    if transaction_id is not None:
        transactions.insert(tx, event.user_id, device_id, endpoint, transaction_id, event.delay_id, event.scheduled_ms)
    return event.delay_id


def _sent(tx: Write, room_nid: int, entry: TimelineEvent, *, delay: DelayedEvent, now: int, kept: int) -> None:
    if not _finalise(tx, delay, now, kept, entry.event_id, None):
        raise NotScheduled(delay.delay_id)


def _finalise(tx: Write, event: DelayedEvent, now: int, kept: int, event_id: EventID | None, error: str | None) -> bool:
    is_done = delayed_events.finalise(tx, event.delay_id, now, event_id, error)
    if is_done:
        delayed_events.trim(tx, event.user_id, kept)
    return is_done
