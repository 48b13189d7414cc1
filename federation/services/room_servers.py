"""
Which other servers are in rooms, for what may come a little late and is told often.

Of rooms in use it is in memory; of others what was read is good until somebody comes or goes, or for a while.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import define, field, frozen

from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.log import REMOTE_MEMBERSHIP, LogEntry
from homeserver.services.clock import Clock
from homeserver.services.live_rooms import LiveRooms
from homeserver.store import joined_servers
from homeserver.store.database import Database

KEPT_SECONDS: Final = 300.0
ROOMS_MAX: Final = 50_000
AUDIENCES_MAX: Final = 10_000
ROOMS_AT_ONCE: Final = 20


@frozen
class _Read:
    servers: frozenset[ServerName]
    until: float


@define(eq=False)
class RoomServers:
    """Looks them up.  It follows the log."""

    database: Database
    live_rooms: LiveRooms
    clock: Clock
    _rooms: dict[RoomID, _Read] = field(init=False, factory=dict)
    _by_nid: dict[int, RoomID] = field(init=False, factory=dict)
    """Those in ``_rooms``."""
    _audiences: OrderedDict[frozenset[RoomID], _Read] = field(init=False, factory=OrderedDict)
    _changes: int = field(init=False, default=0)

    async def of_all(self, room_ids: frozenset[RoomID]) -> AbstractSet[ServerName]:
        """The servers with users in any of the rooms, our own among them."""
        known = self._audiences.get(room_ids)
        if known is not None and known.until > self.clock.seconds():
            self._audiences.move_to_end(room_ids)
            return known.servers
        now, changes = self.clock.seconds(), self._changes
        unknown = [room_id for room_id in room_ids if not self._is_known(room_id, now)]
        for start in range(0, len(unknown), ROOMS_AT_ONCE):
            some = unknown[start : start + ROOMS_AT_ONCE]
            read = await self.database.scan(joined_servers.of_rooms, some)
            for room_id, (nid, found) in read.items():
                self._rooms[room_id] = _Read(frozenset(found), now + KEPT_SECONDS)
                self._by_nid[nid] = room_id
        servers: set[ServerName] = set()
        for room_id in room_ids:
            servers.update(self._servers_of(room_id))
        # What was read while somebody came or went may be from before.
        if changes == self._changes:
            self._audiences[room_ids] = _Read(frozenset(servers), now + KEPT_SECONDS)
            self._trim()
        else:
            self._drop(unknown)
        return servers

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Rooms that users of other servers came into, or left, are looked up anew."""
        for entry in entries:
            if entry.kind == REMOTE_MEMBERSHIP and entry.ref is not None:
                self._changes += 1
                self._audiences.clear()
                room_id = self._by_nid.pop(entry.ref, None)
                if room_id is not None:
                    self._rooms.pop(room_id, None)

    def _servers_of(self, room_id: RoomID) -> Iterable[ServerName]:
        live = self.live_rooms.cached(room_id)
        if live is not None:
            return live.servers
        read = self._rooms.get(room_id)
        return () if read is None else read.servers

    def _is_known(self, room_id: RoomID, now: float) -> bool:
        if self.live_rooms.cached(room_id) is not None:
            return True
        read = self._rooms.get(room_id)
        return read is not None and read.until > now

    def _drop(self, room_ids: Iterable[RoomID]) -> None:
        for room_id in room_ids:
            self._rooms.pop(room_id, None)

    def _trim(self) -> None:
        if len(self._rooms) > ROOMS_MAX:
            self._rooms.clear()
            self._by_nid.clear()
        while len(self._audiences) > AUDIENCES_MAX:
            self._audiences.popitem(last=False)
