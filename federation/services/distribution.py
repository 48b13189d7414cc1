"""Which events and receipts this server tells others of.  Implements the outbox's ports."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import define, field

from federation.core.edus import Receipt
from federation.services.past_servers import PastServers
from federation.services.ports import Outgoing
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.log import EVENT, RECEIPT, RELAY, LogEntry, Position
from homeserver.core.timeline import TimelineEvent
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.state_moves import StateMoves
from homeserver.services.sync.pacing import batched
from homeserver.store import events, joined_servers, outgoing, receipts
from homeserver.store.database import Database

PUBLIC: Final = "m.read"
RECENT_MAX: Final = 1_000
"""Positions behind the log's head; what was further back is read of a whole room at once."""
EVENTS_AT_ONCE: Final = 20
"""Read and parsed in one turn of the reactor."""


@define(eq=False)
class Distribution:
    """Finds what is to be told: what is new in memory, the rest in the store."""

    server: ServerName
    database: Database
    known: KnownEvents
    live_rooms: LiveRooms
    moves: StateMoves
    tail: LogTail
    past: PastServers = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.past = PastServers(self.server, self.database, self.moves)

    async def events_between(self, after: Position, upto: Position) -> Sequence[Outgoing]:
        """
        Events that this server distributes, stored at positions in ``(after, upto]``, oldest first.

        What is not in memory and was said where no other server took part is left out: nobody is to be told.
        """
        entries = self._newest(after, upto)
        if entries is None:
            return await self._stored(after, upto)
        relayed = {entry.ref for entry in entries if entry.kind == RELAY}
        # An event that has a reference was here before, as an outlier.
        live = {entry.position for entry in entries if entry.kind == EVENT and entry.ref is None}
        found = await self._events(sorted(live | {Position(nid) for nid in relayed if nid is not None}))
        return [each for each in found if each.position in relayed or server_of(each.event.sender) == self.server]

    async def events_in_room(self, room_id: RoomID, first: Position, last: Position, limit: int) -> Sequence[Outgoing]:
        """The first *limit* of those of one room at positions in ``[first, last]``, oldest first."""
        return await self._events(await self.database.scan(outgoing.in_room, self.server, room_id, first, last, limit))

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
        if self.database.head - before > RECENT_MAX:
            return await self.past.after(room_id, room.nid, Position(before - 1))
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
        read = self.database.scan if entries is None else self.database.read
        return [
            Receipt(receipt.room_id, receipt.user_id, receipt.event_id, receipt.ts, receipt.thread_id or None)
            for receipt in await read(receipts.logged, after, upto)
            if receipt.type == PUBLIC and server_of(receipt.user_id) == self.server
        ]

    async def _stored(self, after: Position, upto: Position) -> list[Outgoing]:
        """Of a backlog; others go first now and then."""
        places = await self.database.scan(outgoing.between, self.server, after, upto)
        alone = {
            room: await self.past.was_alone(room[1], room[0], after, upto)
            for room in {place.room for place in places if not place.is_for_others}
        }
        wanted = [place.position for place in places if place.is_for_others or not alone[place.room]]
        return await self._events(wanted)

    def _newest(self, after: Position, upto: Position) -> Sequence[LogEntry] | None:
        """What the log says at positions in ``(after, upto]``; None: that is not all in memory."""
        return self.tail.between(after, upto) if upto <= self.tail.head else None

    async def _events(self, nids: Sequence[int]) -> list[Outgoing]:
        found: dict[int, TimelineEvent] = {}
        for some in batched(nids, EVENTS_AT_ONCE):
            missing = [nid for nid in some if self.known.cached_by_nid(nid) is None]
            if missing and len(nids) > EVENTS_AT_ONCE:
                # From a thread, so that this goes on in another turn.
                stored = await self.database.scan(events.by_nids, missing)
                found.update((entry.nid, entry) for entry in await self.known.revive(stored.values()))
            else:
                found.update(await self.known.by_nids(some))
        return [Outgoing(Position(nid), found[nid].event) for nid in nids if nid in found]


def _servers_before(room: LiveRoom, joined_before: dict[UserID, bool]) -> AbstractSet[ServerName]:
    """*joined_before*: whether each user whose membership has changed since was joined then."""
    if not joined_before:
        return room.servers.keys()
    counts = room.servers.copy()
    counts.subtract(server_of(user_id) for user_id in joined_before if user_id in room.joined)
    counts.update(server_of(user_id) for user_id, joined in joined_before.items() if joined)
    return {server for server, count in counts.items() if count > 0}
