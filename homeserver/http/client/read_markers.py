"""
Fully read markers, and receipts that are moved along with them.

Spec: client-server-api#fully-read-markers
"""

from attrs import field, frozen

from homeserver.core.identifiers import EventID, RoomID
from homeserver.http.bodies import json_key
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard
from homeserver.services.read_markers import ReadMarkers
from homeserver.services.receipts import Receipts


@frozen
class MarkersBody:
    fully_read: EventID | None = field(default=None, metadata=json_key("m.fully_read"))
    read: EventID | None = field(default=None, metadata=json_key("m.read"))
    read_private: EventID | None = field(default=None, metadata=json_key("m.read.private"))


@frozen
class ReadMarkerEndpoints:
    """Read markers."""

    read_markers: ReadMarkers
    receipts: Receipts
    presence: PresenceBoard

    @operation("setReadMarker")
    async def set_read_marker(self, caller: Caller, room_id: RoomID, body: MarkersBody) -> Empty:
        """The markers that are given are moved.  Raises NotInRoom, NotFound."""
        if body.fully_read is not None:
            await self.read_markers.advance(caller.user_id, room_id, body.fully_read)
        for type_, event_id in (("m.read", body.read), ("m.read.private", body.read_private)):
            if event_id is not None:
                await self.receipts.advance(caller.user_id, room_id, type_, event_id)
        self.presence.active(caller.user_id)
        return Empty()
