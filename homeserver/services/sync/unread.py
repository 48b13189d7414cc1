"""How much is unread in the rooms of an answer.  Comes after all sections that may put a room there."""

from typing import ClassVar

from attrs import define

from homeserver.core.identifiers import RoomID
from homeserver.services.clock import Clock
from homeserver.services.receipts import user_mark
from homeserver.services.sync.pacing import Pace
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.services.unread import UnreadCounts


@define(eq=False)
class UnreadNews:
    """Counts of every joined room of which anything else is told: whatever changes a count is told too."""

    tells_of: ClassVar[LogKinds] = None

    clock: Clock
    unread: UnreadCounts

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """The counts are in *body*."""
        for room_id in self._read_in(span):
            body.joined(room_id)
        by_thread = span.filter.room.timeline.unread_thread_notifications
        pace, upto = Pace(self.clock), span.upto.position
        for room_id, part in body.join.items():
            row = span.rooms.joined[room_id]
            counts = self.unread.at_hand(row, upto) or await self.unread.of(row, upto)
            part.update(counts.to_json(by_thread))
            if pace.advance():
                await pace.turn()

    @staticmethod
    def _read_in(span: SyncSpan) -> list[RoomID]:
        """The rooms in which the user has read on: also a client that wants no receipts shows how much is left."""
        if span.since is None or not span.changes.readers:
            return []
        rooms = span.changes.read_by(user_mark(span.user_id))
        return [
            room_id
            for room_id in map(RoomID, rooms or ())
            if room_id in span.rooms.joined and span.filter.room.admits_room(room_id)
        ]
