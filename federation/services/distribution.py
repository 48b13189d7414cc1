"""Which events and receipts this server tells others of.  Implements the outbox's ports."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import frozen

from federation.core.edus import Receipt
from federation.services.ports import Outgoing
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import EVENT, RECEIPT, RELAY, LogEntry, Position
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.state_moves import StateMoves
from homeserver.store import joined_servers, outgoing, receipts
from homeserver.store.database import Database

PUBLIC: Final = "m.read"


@frozen(eq=False)
class Distribution:
    """Finds what is to be told: what is new in memory, the rest in the store."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    moves: StateMoves
    tail: LogTail

    async def events_between(self, after: Position, upto: Position) -> Sequence[Outgoing]:
        """Events that this server distributes, stored at positions in ``(after, upto]``, oldest first."""
        entries = self._newest(after, upto)
        if entries is None:
            return await self._events(await self.database.read(outgoing.between, self.server, after, upto))
        relayed = {entry.ref for entry in entries if entry.kind == RELAY}
        # An event that has a reference was here before, as an outlier.
        live = {entry.position for entry in entries if entry.kind == EVENT and entry.ref is None}
        found = await self._events(sorted(live | {Position(nid) for nid in relayed if nid is not None}))
        return [each for each in found if each.position in relayed or server_of(each.event.sender) == self.server]

    async def events_in_room(self, room_id: RoomID, first: Position, last: Position, limit: int) -> Sequence[Outgoing]:
        """The first *limit* of those of one room at positions in ``[first, last]``, oldest first."""
        return await self._events(await self.database.read(outgoing.in_room, self.server, room_id, first, last, limit))

    async def events_at(self, positions: Sequence[Position]) -> Sequence[Outgoing]:
        """The events stored at *positions*; those that are gone are left out."""
        return await self._events(positions)

    async def servers_in_room(self, room_id: RoomID, before: Position) -> AbstractSet[ServerName]:
        """The servers with joined users in the current state just before *before*; later than the head: now."""
        room = await self.live_rooms.find(room_id)
        if room is None:
            # Left and forgotten since: nobody is to be told, and those who follow in the log are.
            return frozenset()
        if before > self.database.head:
            return room.servers.keys()
        if room.members_are_written and not self.moves.may_have_moved(room_id, Position(before - 1)):
            return room.servers.keys()
        if not room.is_moving(self.server) and not self.moves.servers_may_have_moved(
            room_id, room.nid, Position(before - 1)
        ):
            # Our own server may have come or gone; who is told is always another.
            return room.servers.keys()
        changed = await self.database.read(joined_servers.changes_since, room.nid, Position(before - 1))
        if changed.generation < room.members_generation:
            # Somebody is coming or going this very moment, and the room in memory knows already.
            return await self.database.scan(joined_servers.as_of, room.nid, Position(before - 1))
        return _servers_before(room, changed.joined_before)

    async def receipts_between(self, after: Position, upto: Position) -> Sequence[Receipt]:
        """The public read receipts of local users at positions in ``(after, upto]``, oldest first."""
        entries = self._newest(after, upto)
        if entries is not None and not any(entry.kind == RECEIPT for entry in entries):
            return ()
        return [
            Receipt(receipt.room_id, receipt.user_id, receipt.event_id, receipt.ts, receipt.thread_id or None)
            for receipt in await self.database.read(receipts.logged, after, upto)
            if receipt.type == PUBLIC and server_of(receipt.user_id) == self.server
        ]

    def _newest(self, after: Position, upto: Position) -> Sequence[LogEntry] | None:
        """What the log says at positions in ``(after, upto]``; None: that is not all in memory."""
        return self.tail.between(after, upto) if upto <= self.tail.head else None

    async def _events(self, nids: Collection[int]) -> list[Outgoing]:
        found = await self.known.by_nids(nids)
        return [Outgoing(Position(nid), found[nid].event) for nid in nids if nid in found]


def _servers_before(room: LiveRoom, joined_before: dict[UserID, bool]) -> AbstractSet[ServerName]:
    """*joined_before*: whether each user whose membership has changed since was joined then."""
    if not joined_before:
        return room.servers.keys()
    counts = room.servers.copy()
    counts.subtract(server_of(user_id) for user_id in joined_before if user_id in room.joined)
    counts.update(server_of(user_id) for user_id, joined in joined_before.items() if joined)
    return {server for server, count in counts.items() if count > 0}
