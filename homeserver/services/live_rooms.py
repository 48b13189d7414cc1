"""
The rooms in use, in memory: the ends of their DAG and their current state.

A live room is as the next event will find it: it runs ahead of the store by what is being committed.  What answers
clients reads the store, or memory that follows the log.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from attrs import define, field
from twisted.internet.defer import DeferredLock

from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.core.versions import ROOM_VERSIONS, RoomVersion
from homeserver.services.refusals import NotInRoom
from homeserver.store import room_heads
from homeserver.store.database import Database
from homeserver.store.room_heads import RoomHead

SETTLED_MAX: Final = 200
"""Events of a room that are known to have the current state after them; of older ones the store is asked."""


@define(eq=False)
class LiveRoom:
    """
    A room's head.

    *generation* counts the writes to it: a write that expected another is refused, whichever process made it.
    *extremities*: the IDs of the events that nothing follows yet, with their depths.
    """

    nid: int
    room_id: RoomID
    version: RoomVersion
    generation: int
    extremities: dict[EventID, int]
    state: dict[StateKey, EventID]
    joined: set[UserID]
    servers: Counter[ServerName] = field(init=False)
    """How many joined users each server has here."""
    members_generation: int = field(init=False, default=0)
    """What the generation is once the last change of who is joined is written."""
    _written_generation: int = field(init=False, default=0)
    _moving: dict[ServerName, int] = field(init=False, factory=dict)
    """Servers whose first user came or whose last one went, by writes that are not done: what these raise it to."""
    _settled: dict[EventID, None] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.servers = Counter(map(server_of, self.joined))
        if len(self.extremities) == 1:
            self.settle(next(iter(self.extremities)))

    def settle(self, event_id: EventID) -> None:
        """The state after the event is the current one."""
        self._settled[event_id] = None
        if len(self._settled) > SETTLED_MAX:
            del self._settled[next(iter(self._settled))]

    def is_settled(self, event_ids: Collection[EventID]) -> bool:
        """Whether the state after each of the events is known to be the current one."""
        return bool(event_ids) and all(event_id in self._settled for event_id in event_ids)

    @property
    def members_are_written(self) -> bool:
        """Nobody is coming or going this very moment: who is joined is so in the store, too."""
        return self.members_generation <= self._written_generation

    def is_moving(self, besides: ServerName) -> bool:
        """Whether another server than *besides* is coming or going this very moment."""
        return any(server != besides for server in self._moving)

    def note_written(self, generation: int) -> None:
        """The write that raised the room to *generation* is done."""
        self._written_generation = max(self._written_generation, generation)
        if self._moving:
            self._moving = {server: at for server, at in self._moving.items() if at > generation}

    def apply(self, changes: Mapping[StateKey, Event | None]) -> None:
        """The current state is changed by the write that will raise the generation; None removes an entry."""
        if changes:
            self._settled.clear()
        for key, event in changes.items():
            if event is None:
                self.state.pop(key, None)
            else:
                self.state[key] = event.event_id
            if key[0] == "m.room.member":
                self.members_generation = self.generation + 1
                self._set_joined(UserID(key[1]), event is not None and event.membership == "join")

    def _set_joined(self, user_id: UserID, joined: bool) -> None:
        server = server_of(user_id)
        if joined and user_id not in self.joined:
            self.joined.add(user_id)
            self.servers[server] += 1
            if self.servers[server] == 1:
                self._moving[server] = self.generation + 1
        elif not joined and user_id in self.joined:
            self.joined.remove(user_id)
            self.servers[server] -= 1
            if not self.servers[server]:
                del self.servers[server]
                self._moving[server] = self.generation + 1


@define(eq=False)
class LiveRooms:
    """The *rooms_max* rooms last used.  One writer at a time in each: ``lock``."""

    database: Database
    rooms_max: int = 2_000
    gates: list[Callable[[RoomID], None]] = field(init=False, factory=list)
    """Each raises Forbidden for a room that nobody of this server comes into."""
    _rooms: OrderedDict[RoomID, LiveRoom] = field(init=False, factory=OrderedDict)
    _locks: OrderedDict[RoomID, DeferredLock] = field(init=False, factory=OrderedDict)

    def lock(self, room_id: RoomID) -> DeferredLock:
        """Who holds it is the room's only writer in this process."""
        lock = self._locks.get(room_id)
        if lock is None:
            lock = self._locks[room_id] = DeferredLock()
            self._drop_unused_locks()
        return lock

    async def find(self, room_id: RoomID) -> LiveRoom | None:
        """As ``load``; None when this server has no such room."""
        try:
            return await self.load(room_id)
        except NotInRoom:
            return None

    def cached(self, room_id: RoomID) -> LiveRoom | None:
        """The room if it is in memory."""
        return self._rooms.get(room_id)

    async def load(self, room_id: RoomID) -> LiveRoom:
        """The room as the next event finds it.  Raises NotInRoom when this server has no such room."""
        room = self._rooms.get(room_id)
        if room is None:
            # A large room takes longer than the reactor may wait.
            head = await self.database.scan(room_heads.by_id, room_id)
            if head is None:
                raise NotInRoom
            # While that was read another caller may have brought, and advanced, the room.
            room = self._rooms.setdefault(room_id, _live(head))
        self._rooms.move_to_end(room_id)
        while len(self._rooms) > self.rooms_max:
            self._rooms.popitem(last=False)
        return room

    def adopt(self, room: LiveRoom) -> None:
        """*room* is the room from now on."""
        self._rooms[room.room_id] = room

    def require_open(self, room_id: RoomID) -> None:
        """Raises Forbidden for a room that nobody of this server comes into."""
        for gate in self.gates:
            gate(room_id)

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room is read afresh the next time, if it is here still."""
        self.drop([room_id])

    def drop(self, room_ids: Iterable[RoomID]) -> None:
        """The rooms are read afresh the next time."""
        for room_id in room_ids:
            self._rooms.pop(room_id, None)

    def _drop_unused_locks(self) -> None:
        while len(self._locks) > 2 * self.rooms_max:
            room_id, lock = self._locks.popitem(last=False)
            if lock.locked:
                self._locks[room_id] = lock
                return


def _live(head: RoomHead) -> LiveRoom:
    return LiveRoom(
        head.nid,
        head.room_id,
        ROOM_VERSIONS[head.version],
        head.generation,
        head.extremities,
        head.state,
        head.joined,
    )
