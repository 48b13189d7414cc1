"""
Fully read markers: account data that the server keeps, moved as receipts are.

Spec: client-server-api#fully-read-markers
"""

from attrs import define

from homeserver.core.account_data import FULLY_READ
from homeserver.core.canonical import encode_json, parse_json_object
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.services.account_data import write_account_data
from homeserver.services.memberships import Memberships
from homeserver.services.receipts import Receipts
from homeserver.store import account_data
from homeserver.store.database import Database


@define(eq=False)
class ReadMarkers:
    """Moves fully read markers."""

    database: Database
    memberships: Memberships
    receipts: Receipts

    async def advance(self, user_id: UserID, room_id: RoomID, event_id: EventID) -> None:
        """
        The user has read, or does not mean to read, everything up to the event; what is ahead already stays there.

        Raises NotInRoom, NotFound.
        """
        (await self.memberships.of(user_id)).require_joined(room_id)
        event = await self.receipts.event_in(room_id, event_id)
        before = await self._marked(user_id, room_id)
        if before is not None and event.ordering is not None:
            known = await self.receipts.known.by_id(before)
            if known is not None and known.ordering is not None and known.ordering >= event.ordering:
                return
        content = encode_json({"event_id": event_id}).decode()
        await self.database.write(write_account_data, user_id, room_id, FULLY_READ, content)

    async def _marked(self, user_id: UserID, room_id: RoomID) -> EventID | None:
        text = await self.database.read(account_data.content, user_id, room_id, FULLY_READ)
        marked = None if text is None else parse_json_object(text.encode()).get("event_id")
        return EventID(marked) if isinstance(marked, str) else None
