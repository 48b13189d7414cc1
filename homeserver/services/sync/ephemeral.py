"""
Who is typing and who has read up to where, in the rooms that the user is in.

Spec: client-server-api#typing-notifications, client-server-api#receipts
"""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import RECEIPT, Position
from homeserver.core.receipts import Receipt, receipt_events
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.receipts import receipt_of
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.services.typing import Typing
from homeserver.store import receipts
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.receipts import StoredReceipt

PRIVATE = "m.read.private"


@define(eq=False)
class EphemeralNews:
    """Typing and receipts; of rooms that are new to the client all there are."""

    tells_of: ClassVar[LogKinds] = None

    database: Database
    typing: Typing
    serial: EphemeralSerial

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """What is new is in *body*."""
        admits = span.filter.room
        events: dict[RoomID, list[JSON]] = {}
        if admits.ephemeral.admits_type("m.typing"):
            self._typing(span, body, events)
        if admits.ephemeral.admits_type("m.receipt"):
            await self._receipts(span, body, events)
        for room_id, of_room in events.items():
            if admits.admits_room(room_id) and admits.ephemeral.admits_room(room_id):
                body.joined(room_id)["ephemeral"] = {"events": of_room}

    def _typing(self, span: SyncSpan, body: SyncBody, events: dict[RoomID, list[JSON]]) -> None:
        is_known = span.since is not None and self.serial.knows(span.since.serial)
        since = span.since.serial if span.since is not None and is_known else 0
        for room_id in self.typing.changed_since(since):
            users = unignored(self.typing.in_room(room_id), span.ignored)
            # To whom nothing was told before, that nobody types is no news.
            if room_id in span.rooms.joined and (users or is_known):
                events[room_id] = [typing_event(users)]
        for room_id in body.newly_joined:
            users = unignored(self.typing.in_room(room_id), span.ignored)
            if users and room_id not in events:
                events[room_id] = [typing_event(users)]

    async def _receipts(self, span: SyncSpan, body: SyncBody, events: dict[RoomID, list[JSON]]) -> None:
        joined, touched = span.rooms.joined, span.changes.of_kind(RECEIPT)
        if touched is not None and not touched and not body.newly_joined:
            return
        rows: Iterable[Membership] = joined.values()
        if touched is not None:
            rows = [joined[room_id] for room_id in map(RoomID, touched) if room_id in joined]
        found = await self._read(rows, span.after, span.upto.position)
        if span.since is not None and body.newly_joined:
            found += await self._read([joined[room_id] for room_id in body.newly_joined], Position(0), span.after)
        by_room: dict[RoomID, list[Receipt]] = {}
        for stored in found:
            # Spec: client-server-api#private-read-receipts
            if (stored.type != PRIVATE or stored.user_id == span.user_id) and stored.user_id not in span.ignored:
                by_room.setdefault(stored.room_id, []).append(receipt_of(stored))
        for room_id, of_room in by_room.items():
            events.setdefault(room_id, []).extend(receipt_events(of_room))

    async def _read(self, rows: Iterable[Membership], after: Position, upto: Position) -> list[StoredReceipt]:
        nids = [row.room_nid for row in rows]
        return await self.database.read(receipts.between, nids, after, upto) if nids else []


def unignored(users: Sequence[UserID], ignored: Collection[UserID]) -> Sequence[UserID]:
    """Those whom the reader does not ignore."""
    return [user_id for user_id in users if user_id not in ignored] if ignored else users


def typing_event(users: Iterable[str]) -> JSON:
    """Who is typing, as clients see it."""
    return {"type": "m.typing", "content": {"user_ids": list(users)}}
