"""
Which other servers were in rooms at points of the log that is far behind its head: of a backlog, a room is read once.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.log import Position
from homeserver.services.state_moves import StateMoves
from homeserver.store import joined_servers
from homeserver.store.database import Database
from homeserver.store.joined_servers import ServerMoves

ROOMS_MAX: Final = 2_000


@define(eq=False)
class _Past:
    """A room since a position; asked of one place after the other, it takes only the steps in between."""

    began: Position
    found: ServerMoves
    _places: list[Position] = field(init=False)
    _taken: int = field(init=False, default=0)
    _servers: frozenset[ServerName] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._places = list(self.found.moves)
        self._servers = self.found.servers

    @property
    def was_alone(self) -> bool:
        return not self.found.servers and not self.found.moves

    def after(self, position: Position) -> frozenset[ServerName]:
        wanted = bisect_right(self._places, position)
        if wanted < self._taken:
            self._taken, self._servers = 0, self.found.servers
        if wanted > self._taken:
            servers = set(self._servers)
            for place in self._places[self._taken : wanted]:
                came, went = self.found.moves[place]
                servers = (servers | came) - went
            self._taken, self._servers = wanted, frozenset(servers)
        return self._servers


@define(eq=False)
class PastServers:
    """Of the rooms last asked for."""

    server: ServerName
    database: Database
    moves: StateMoves
    _rooms: OrderedDict[int, _Past] = field(init=False, factory=OrderedDict)
    """By nid."""

    async def after(self, room_id: RoomID, room_nid: int, position: Position) -> AbstractSet[ServerName]:
        """The other servers with joined users after *position*, which is not past the log's head."""
        return (await self._past(room_id, room_nid, position, position)).after(position)

    async def was_alone(self, room_id: RoomID, room_nid: int, after: Position, upto: Position) -> bool:
        """Whether no other server was in the room at any position in ``[after, upto]``."""
        return (await self._past(room_id, room_nid, after, upto)).was_alone

    async def _past(self, room_id: RoomID, room_nid: int, after: Position, upto: Position) -> _Past:
        past = self._rooms.get(room_nid)
        if past is None or after < past.began or self._is_outdated(past, room_id, room_nid, upto):
            # A large room has many members.
            found = await self.database.scan(joined_servers.moves_since, room_nid, after, self.server)
            past = self._rooms[room_nid] = _Past(after, found)
        self._rooms.move_to_end(room_nid)
        while len(self._rooms) > ROOMS_MAX:
            self._rooms.popitem(last=False)
        return past

    def _is_outdated(self, past: _Past, room_id: RoomID, room_nid: int, upto: Position) -> bool:
        known_upto = past.found.upto
        return upto > known_upto and self.moves.servers_may_have_moved(room_id, room_nid, known_upto)
