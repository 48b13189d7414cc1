"""
Receipts and read markers.

Spec: client-server-api#receipts
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.malformed import Malformed
from homeserver.core.receipts import UNTHREADED, ReceiptType, parse_thread_id
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.presence import PresenceBoard
from homeserver.services.read_markers import ReadMarkers
from homeserver.services.receipts import Receipts


@frozen
class ReceiptEndpoints:
    """Receipts."""

    receipts: Receipts
    read_markers: ReadMarkers
    presence: PresenceBoard

    @operation("postReceipt")
    async def post_receipt(
        self, caller: Caller, room_id: RoomID, receipt_type: ReceiptType, event_id: EventID, body: JSONObject
    ) -> Empty:
        """
        The caller has read up to the event.  Raises Malformed, NotInRoom, NotFound, InvalidParameter.
        """
        # NOTSPEC: matrix-nio says null where it means no thread.
        thread_id = UNTHREADED if body.get("thread_id") is None else parse_thread_id(body["thread_id"])
        if receipt_type is ReceiptType.FULLY_READ:
            if thread_id != UNTHREADED:
                raise Malformed("A fully read marker is for the whole room.", "thread_id", "M_INVALID_PARAM")
            await self.read_markers.advance(caller.user_id, room_id, event_id)
        else:
            await self.receipts.advance(caller.user_id, room_id, receipt_type.value, event_id, thread_id)
        self.presence.active(caller.user_id)
        return Empty()
