"""
Syncing as it was before /sync.

Spec: client-server-api#get_matrixclientv3events
"""

from typing import Annotated, Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.sync_tokens import SyncToken, parse_sync_token
from homeserver.http.client.messages import Limit
from homeserver.http.operation import operation
from homeserver.http.replies import Raw, encode
from homeserver.services.callers import Caller
from homeserver.services.known_events import KnownEvents
from homeserver.services.messages import Messages
from homeserver.services.old_sync.snapshots import LIMIT_DEFAULT, Snapshots
from homeserver.services.old_sync.stream import EventStream
from homeserver.services.refusals import NotFound

TIMEOUT_DEFAULT_MS: Final = 30_000
Token = Annotated[SyncToken, parse_sync_token]


@frozen
class OldSyncEndpoints:
    """What is deprecated, and what guests still preview rooms by."""

    stream: EventStream
    snapshots: Snapshots
    messages: Messages
    known: KnownEvents

    @operation("getEvents", "peekEvents", long_poll=True)
    async def events(
        self,
        caller: Caller,
        from_: Token | None = None,
        timeout: int = TIMEOUT_DEFAULT_MS,
        room_id: RoomID | None = None,
    ) -> JSONObject:
        """What is new in the caller's rooms, or in one that may be looked into.  Raises Malformed, NotInRoom."""
        return await self.stream.listen(caller, from_, timeout, room_id)

    @operation("initialSync")
    async def initial_sync(self, caller: Caller, limit: Limit = LIMIT_DEFAULT, archived: bool = False) -> JSONObject:
        """All rooms of the caller."""
        return await self.snapshots.everything(caller, limit, archived=archived)

    @operation("roomInitialSync")
    async def room_initial_sync(self, caller: Caller, room_id: RoomID) -> JSONObject:
        """One room.  Raises NotInRoom."""
        return await self.snapshots.room(caller, room_id)

    @operation("getOneEvent")
    async def one_event(self, caller: Caller, event_id: EventID) -> Raw:
        """One event.  Raises NotFound."""
        entry = await self.known.by_id(event_id)
        if entry is None:
            raise NotFound("There is no such event, or you may not see it.")
        return Raw(encode(await self.messages.event(caller, entry.event.room_id, event_id)))
