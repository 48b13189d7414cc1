"""
What the client of each connection was sent: enough to tell it the difference, over restarts too.

A *generation* is a state of that knowledge.  An answer that changes nothing of it (a message in a room that the client
has up to date) stays in the generation and writes nothing: where the client is stands in its token.  Otherwise the
answer makes the next generation.  Whether it arrived is known only when the client comes back with its token; until
then the one before stays, for a client that comes with that.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from attrs import define, evolve, field, frozen

from homeserver.core.canonical import JSON
from homeserver.core.log import Position
from homeserver.core.sliding.room_configs import RequiredState, stored_required_state
from homeserver.core.sync_tokens import SlidingToken
from homeserver.services.clock import Clock, now_ms
from homeserver.services.housekeeping import Chore
from homeserver.services.refusals import UnknownPos
from homeserver.services.sliding.settings import SlidingSettings
from homeserver.store import sliding_connections
from homeserver.store.database import Database
from homeserver.store.sliding_connections import ConnectionName, Generations, StoredConnection, StoredRoom
from homeserver.store.write import Write

ROOMS_MAX: Final = 1_000_000
"""Rooms of all connections in memory together."""
WRITTEN_EVERY_MS: Final = 3_600_000
"""A connection that is in use is written that often, lest it be forgotten."""
LONG: Final = 200
"""Rooms from which on a write takes long."""


@frozen
class Sent:
    """
    What was sent of a room.

    *upto*: None: everything up to where the connection is.  *events*: of the newest, so many for certain.  *config*:
    the number of what state was wanted.
    """

    upto: Position | None
    events: int
    config: int
    is_dm: bool


@frozen
class Memory:
    """What else is remembered.  *configs*: by number.  *extensions*: those that were on in the last answer."""

    configs: Mapping[int, RequiredState] = field(factory=dict)
    extensions: frozenset[str] = frozenset()

    @property
    def weight(self) -> int:
        """How much it takes to remember the configs."""
        return sum(required.weight for required in self.configs.values())

    def number_of(self, required: RequiredState) -> int | None:
        """The number of a config; None: it has none yet."""
        return next((number for number, known in self.configs.items() if known == required), None)

    def with_config(self, required: RequiredState) -> tuple["Memory", int]:
        """With that config, and its number."""
        known = self.number_of(required)
        if known is not None:
            return self, known
        number = max(self.configs, default=-1) + 1
        return evolve(self, configs={**self.configs, number: required}), number

    def to_json(self) -> JSON:
        """For storing."""
        configs: JSON = {str(number): required.to_json() for number, required in self.configs.items()}
        extensions: JSON = [*sorted(self.extensions)]
        return {"configs": configs, "extensions": extensions}


NOTHING: Final = Memory()


@frozen
class Step:
    """What the latest generation changes of the one before: *sent* of some rooms, and *memory*."""

    sent: Mapping[int, Sent]
    memory: Memory

    def encode(self) -> str:
        """For storing."""
        rooms = [[nid, room.upto, room.events, room.config, room.is_dm] for nid, room in self.sent.items()]
        return orjson.dumps({"rooms": rooms, "memory": self.memory.to_json()}).decode()


@define(eq=False)
class Link:
    """One connection as of *generation*; *sent* by the nids of rooms."""

    nid: int
    name: ConnectionName
    generation: int
    memory: Memory
    sent: dict[int, Sent]
    latest: int
    pending: Step | None
    used_ms: int = 0
    """When it was last written."""
    turn: int = 0
    """Counts requests: one that another has followed upon is of no use to anybody."""
    lists: object = None
    """Which lists the last request was about."""

    def promote(self) -> None:
        """The client has the latest answer."""
        assert self.pending is not None, "there is a latest answer"
        self.sent.update(self.pending.sent)
        self.generation, self.memory, self.pending = self.latest, self.pending.memory, None


@define(eq=False)
class Links:
    """The connections of all devices; those used last in memory."""

    database: Database
    clock: Clock
    settings: SlidingSettings
    _known: OrderedDict[int, Link] = field(init=False, factory=OrderedDict)

    def new(self, name: ConnectionName) -> Link:
        """A connection on which nothing was sent; it is there for others once a step of it is kept."""
        return Link(0, name, 0, NOTHING, {}, 0, None)

    async def at(self, name: ConnectionName, token: SlidingToken) -> Link:
        """The connection as its client knows it, which comes with *token*.  Raises UnknownPos."""
        link = self._known.get(token.connection)
        if link is None or not _is_at(link, token):
            # Another process may have answered last.
            link = await self._load(token.connection)
        if link is None or link.name != name or not _is_at(link, token):
            raise UnknownPos
        if link.generation != token.generation:
            link.promote()
        self._remember(link)
        return link

    async def keep(self, link: Link, step: Step) -> None:
        """The next answer on the connection is *step* ahead, in a generation of its own.  Raises UnknownPos."""
        now, encoded = now_ms(self.clock), step.encode()
        long = max(len(step.sent), len(link.sent)) > LONG
        write = self.database.write_long if long else self.database.write
        if link.nid == 0:
            most = self.settings.connections_per_device_max
            link.nid, dropped = await write(sliding_connections.open_new, link.name, encoded, now, most)
            for nid in dropped:
                self._known.pop(nid, None)
            link.latest = 1
            self._remember(link)
        else:
            latest = await write(_advance, link.nid, link.generation, encoded, now)
            if latest is None:
                self._known.pop(link.nid, None)
                raise UnknownPos
            link.latest = latest
        link.pending, link.used_ms = step, now

    def is_overdue(self, link: Link) -> bool:
        """Whether it must be written that the connection is in use, though nothing of it is something else."""
        return now_ms(self.clock) - link.used_ms > WRITTEN_EVERY_MS

    def _remember(self, link: Link) -> None:
        is_new = self._known.get(link.nid) is not link
        self._known[link.nid] = link
        self._known.move_to_end(link.nid)
        if not is_new:
            return
        total = sum(len(known.sent) for known in self._known.values())
        while len(self._known) > self.settings.connections_cached_max or (total > ROOMS_MAX and len(self._known) > 1):
            _, dropped = self._known.popitem(last=False)
            total -= len(dropped.sent)

    async def _load(self, nid: int) -> Link | None:
        stored = await self.database.read(sliding_connections.by_nid, nid)
        return None if stored is None else _link(stored)


def forget_connections(settings: SlidingSettings) -> Chore:
    """Connections that nobody has used for long, or whose device is gone, are no more."""

    def chore(tx: Write, now: int) -> bool:
        return sliding_connections.prune(tx, now - int(settings.connections_kept_days * 86_400_000))

    return chore


def _is_at(link: Link, token: SlidingToken) -> bool:
    return token.generation == link.generation or (link.pending is not None and token.generation == link.latest)


def _link(stored: StoredConnection) -> Link:
    generations = stored.generations
    sent = {room.room_nid: _sent(room) for room in stored.rooms}
    memory = _memory(orjson.loads(generations.memory))
    pending = None
    if generations.latest != generations.settled:
        step = orjson.loads(generations.pending)
        pending = Step({room.room_nid: _sent(room) for room in _rooms(step)}, _memory(step["memory"]))
    settled, latest = generations.settled, generations.latest
    return Link(stored.nid, stored.name, settled, memory, sent, latest, pending, stored.used_ms)


def _advance(tx: Write, nid: int, generation: int, pending: str, now: int) -> int | None:
    """The new latest generation, on top of *generation*; None: nobody goes on from that any more."""
    known = sliding_connections.generations(tx.connection, nid)
    if known is None or generation not in {known.settled, known.latest}:
        return None
    memory = known.memory
    if generation != known.settled:
        step = orjson.loads(known.pending)
        sliding_connections.settle(tx, nid, _rooms(step))
        memory = orjson.dumps(step["memory"]).decode()
    latest = known.latest + 1
    sliding_connections.advance(tx, nid, Generations(generation, latest, memory, pending), now)
    return latest


def _rooms(step: Mapping[str, Any]) -> Iterable[StoredRoom]:
    return (StoredRoom(nid, upto, events, config, bool(is_dm)) for nid, upto, events, config, is_dm in step["rooms"])


def _sent(room: StoredRoom) -> Sent:
    return Sent(None if room.upto is None else Position(room.upto), room.events, room.config, room.is_dm)


def _memory(value: Mapping[str, JSON]) -> Memory:
    configs, extensions = value.get("configs", {}), value.get("extensions", [])
    assert isinstance(configs, dict)
    assert isinstance(extensions, list)
    return Memory(
        {int(number): stored_required_state(required) for number, required in configs.items()},
        frozenset(map(str, extensions)),
    )
