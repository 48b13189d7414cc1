"""
What of the log an application service is told.

Spec: application-service-api#pushing-events
"""

from collections.abc import Sequence
from typing import Final

import orjson
from attrs import define, field, frozen

from homeserver.core.appservices.transactions import Tidings
from homeserver.core.canonical import JSON, encode_json
from homeserver.core.client_events import client_form
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import EVENT, MEMBERSHIP, RECEIPT, TO_DEVICE, LogEntry, Position
from homeserver.core.receipts import Receipt, receipt_events
from homeserver.core.timeline import TimelineEvent
from homeserver.services.appservices.device_news import DeviceNews
from homeserver.services.appservices.interest import Interest
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import Clock, now_ms
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.receipts import receipt_of
from homeserver.services.sync.pacing import Pace
from homeserver.store import log as stored_log
from homeserver.store import memberships, receipts
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

PASS_MAX: Final = 500
"""Positions of the log that are looked at before anything is sent."""
EVENTS_BYTES_MAX: Final = 1 << 20
"""Of the events of one transaction; the one that goes beyond it is still in it."""
MESSAGES_MAX: Final = 100
"""Entries of the log with messages to devices that one transaction holds."""
PRIVATE: Final = "m.read.private"


@define(eq=False)
class Gathered:
    """What the log says up to *upto*; *recipients*: of messages to devices."""

    upto: Position
    tidings: Tidings = field(factory=Tidings)
    recipients: Sequence[UserID] = ()


@frozen
class Shown:
    """What turns entries of the log into what clients see; the same for all application services."""

    database: Database
    tail: LogTail
    known: KnownEvents
    client_events: ClientEvents
    clock: Clock


@define(eq=False)
class Gathering:
    """Gathers for one application service; *devices*: what it is told of end-to-end encryption."""

    interest: Interest
    shown: Shown
    devices: DeviceNews
    events_max: int

    async def gather(self, after: Position, head: Position) -> Gathered:
        """What the log says after *after*, as much of it as fits into a transaction."""
        upto = Position(min(head, after + PASS_MAX))
        entries = self.shown.tail.between(after, upto) if upto <= self.shown.tail.head else None
        if entries is None:
            entries = await self.shown.database.scan(stored_log.entries, after, upto, upto - after)
        await self._fetch(entries)
        gathered, seen = await self._events(entries, upto)
        span = entries[:seen]
        if self.interest.registration.receive_ephemeral:
            gathered.tidings.ephemeral += await self._receipts(span, after, gathered.upto)
        if await self.devices.are_wanted(span):
            gathered.recipients = await self.devices.add(gathered.tidings, span, after, gathered.upto)
        return gathered

    async def _fetch(self, entries: Sequence[LogEntry]) -> None:
        """The events are in memory together, where they are many: one read each would take longer."""
        nids = [entry.event_nid for entry in entries if entry.kind == EVENT][: self.events_max]
        if len(nids) > 1:
            await self.shown.known.by_nids(nids)

    async def _events(self, entries: Sequence[LogEntry], upto: Position) -> tuple[Gathered, int]:
        """The events, and how many of *entries* were looked at before it was enough."""
        gathered = Gathered(upto)
        moved = {entry.ref for entry in entries if entry.kind == MEMBERSHIP and self._owns(entry)}
        size = messages = 0
        pace = Pace(self.shown.clock)
        for index, entry in enumerate(entries):
            found: bytes | None = None
            if entry.kind == EVENT:
                await pace.step()
                found = await self._event(entry, moved)
            elif entry.kind == MEMBERSHIP and self._owns(entry):
                found = await self._invite(entry)
            elif entry.kind == TO_DEVICE and self._owns(entry):
                messages += 1
            if found is not None:
                size += len(found)
                gathered.tidings.events.append(orjson.Fragment(found))
            is_full = len(gathered.tidings.events) >= self.events_max or size >= EVENTS_BYTES_MAX
            if is_full or messages >= MESSAGES_MAX:
                gathered.upto = entry.position
                return gathered, index + 1
        return gathered, len(entries)

    async def _event(self, entry: LogEntry, moved: set[int | None]) -> bytes | None:
        """The event, if it concerns the service."""
        room_id = RoomID(entry.subject)
        is_held = await self.interest.holds(room_id, entry.position)
        room = await self.interest.room(room_id)
        if room is None or not (is_held or room.nid in moved):
            return None
        nid = entry.event_nid
        event = (await self.shown.known.by_nids((nid,))).get(nid)
        if event is None or event.ordering is None or not (is_held or self._is_about_own(event)):
            return None
        copies = await self.shown.client_events.in_timeline(room.nid, (event,))
        return orjson.dumps(copies[0].render(now_ms(self.shown.clock)))

    def _is_about_own(self, event: TimelineEvent) -> bool:
        """A user of the service has sent it, or it is their membership that it changes."""
        content = event.event
        if self.interest.owns(content.sender):
            return True
        return content.type == "m.room.member" and self.interest.owns(UserID(content.state_key or ""))

    async def _invite(self, entry: LogEntry) -> bytes | None:
        """What became of a user of the service in a room that is not here."""
        assert entry.ref is not None, "a membership names its room"
        rows = await self.shown.database.read(memberships.of_users, entry.ref, (UserID(entry.subject),))
        for row in rows:
            if row.position == entry.position and row.event_nid is not None:
                event = (await self.shown.known.by_nids((row.event_nid,))).get(row.event_nid)
                if event is not None and event.ordering is None:
                    return self._outside(row, event)
        return None

    def _outside(self, row: Membership, event: TimelineEvent) -> bytes:
        age = max(0, now_ms(self.shown.clock) - event.event.origin_server_ts)
        shown = [dict(each) for each in row.stripped_state or ()]
        unsigned = {"age": age, "invite_room_state": shown} if row.membership == "invite" else {"age": age}
        return encode_json(client_form(event.event, unsigned))  # type: ignore[arg-type]

    async def _receipts(self, entries: Sequence[LogEntry], after: Position, upto: Position) -> list[JSON]:
        nids = []
        for entry in {entry.subject: entry for entry in entries if entry.kind == RECEIPT}.values():
            room_id = RoomID(entry.subject)
            room = await self.interest.room(room_id)
            if room is not None and await self.interest.holds(room_id, entry.position):
                nids.append(room.nid)
        found = await self.shown.database.read(receipts.between, nids, after, upto) if nids else []
        by_room: dict[RoomID, list[Receipt]] = {}
        for stored in found:
            # Spec: application-service-api#pushing-ephemeral-data
            if stored.type != PRIVATE or self.interest.owns(stored.user_id):
                by_room.setdefault(stored.room_id, []).append(receipt_of(stored))
        return [
            {**event, "room_id": room_id}  # type: ignore[dict-item]
            for room_id, of_room in by_room.items()
            for event in receipt_events(of_room)
        ]

    def _owns(self, entry: LogEntry) -> bool:
        return self.interest.owns(UserID(entry.subject))
