"""
The index of texts follows the log: sending costs nothing for it, and a search first works in what is not in it yet.

A step is one transaction that any process may do, if no other has done it before.  So a search never waits for the
lease, which only says whose work it is to keep up while nobody searches.
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from homeserver.core.log import EVENT, STORED, LogEntry, Position
from homeserver.core.search_words import WORDS_VERSION
from homeserver.services.clock import Clock, now_ms
from homeserver.services.leased_rounds import LEASE_SECONDS, LeasedRounds
from homeserver.services.search.settings import SearchSettings
from homeserver.store import cursors, log, search
from homeserver.store.database import Database
from homeserver.store.search import Harvest
from homeserver.store.write import Write

CONSUMER: Final = "search"
FOLLOWED: Final = frozenset({EVENT, STORED})
POSITIONS_AT_ONCE: Final = 500
"""Worked in in one transaction, so that others can write in between."""
SHORT: Final = 10
"""Texts that are stored in passing, together with what others write."""
WAITED_FOR_MAX: Final = 20_000
"""Positions that a search works in first; of a larger backlog it is told what is there already."""
BEGINNING: Final = Position(0)
UNUSABLE: Final = Position(-1)
"""Where the cursor is while the index has to be emptied."""


@define(eq=False)
class SearchIndexing:
    """Works the log in, from ``start`` to ``stop``."""

    database: Database
    clock: Clock
    holder: str
    """Of this process, like no other's."""
    settings: SearchSettings = SearchSettings()
    rounds: LeasedRounds = field(init=False)
    _rewritten: float | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.rounds = LeasedRounds(
            self.database, self.clock, CONSUMER, self.holder, self.settings.delay_seconds, self.keep_up
        )

    async def start(self) -> None:
        """What happened before is worked in too."""
        self.rounds.start()

    async def stop(self) -> None:
        """Nothing is under way any more, and another process may go on at once."""
        await self.rounds.stop()

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """There is work when any of *entries* may have a text."""
        if self.settings.enabled and any(entry.kind in FOLLOWED for entry in entries):
            self.rounds.plan()

    async def catch_up(self) -> int:
        """
        All that was written before is found; but not all of it where the index is far behind.

        The greatest nid of what is found.
        """
        standing = await self.database.read(search.standing, CONSUMER)
        head = standing.head
        while True:
            position = standing.position
            if position is None:
                position = await self.database.write(_enter)
            if position < BEGINNING or head - position > WAITED_FOR_MAX or position >= head:
                return standing.newest
            await self._step(position, head)
            standing = await self.database.read(search.standing, CONSUMER)

    async def keep_up(self) -> bool:
        """The same to the end, with all that has to be done before and after; False: that is another process's work."""
        if not self.settings.enabled:
            return await self._switch_off()
        end: Position | None = None
        while self.rounds.running:
            now = now_ms(self.clock)
            position = await self.database.write(_hold, self.holder, now, now + int(LEASE_SECONDS * 1000))
            if position is None:
                return False
            if position == UNUSABLE:
                if not await self._clear():
                    return True
                await self.database.write(_advance, UNUSABLE, BEGINNING)
                continue
            if end is None:
                # What comes later waits for its turn: while much happens this would never end.
                end = await self.database.read(log.head)
            if position >= end:
                break
            await self._steps(position, end)
        await self._rewrite()
        return True

    async def _steps(self, position: Position, head: Position) -> None:
        """The index is further on, by as much as surely fits into a lease."""
        until = self.clock.seconds() + LEASE_SECONDS / 4
        while position < head and self.rounds.running and self.clock.seconds() < until:
            position = await self._step(position, head)

    async def _step(self, position: Position, head: Position) -> Position:
        """Up to where the log is worked in now, by this process or another."""
        upto = Position(min(position + POSITIONS_AT_ONCE, head))
        found = await self.database.scan(search.harvest, position, upto)
        write = self.database.write if len(found.documents) <= SHORT else self.database.write_long
        await write(_store, position, found)
        return upto

    async def _clear(self) -> bool:
        """Nothing is in the index; False: stopped before."""
        while await self.database.write_long(_clear):
            if not self.rounds.running:
                return False
        return True

    async def _switch_off(self) -> bool:
        if await self.database.read(cursors.position_of, CONSUMER) is not None:
            await self.database.write(cursors.advance, CONSUMER, UNUSABLE)
            if await self._clear():
                # A consumer that never moves would keep the log from being trimmed.
                await self.database.write(cursors.remove, CONSUMER)
        return True

    async def _rewrite(self) -> None:
        """What was erased is gone from the disk too, if it is time for that."""
        now = self.clock.seconds()
        if self._rewritten is not None and now - self._rewritten < self.settings.erase_hours * 3600:
            return
        self._rewritten = now
        if not (await self.database.read(search.upkeep))[1]:
            return
        begin = True
        while self.rounds.running and await self.database.write_long(search.rewrite, begin=begin):
            begin = False


def _hold(tx: Write, holder: str, now: int, until: int) -> Position | None:
    """Up to where the log is worked in, if that is *holder*'s work now; None: it is another's."""
    position = _enter(tx)
    return position if cursors.hold(tx, CONSUMER, holder, now, until) else None


def _enter(tx: Write) -> Position:
    """Up to where the log is worked in; an index of other words than today's has to be emptied."""
    position = cursors.position_of(tx.connection, CONSUMER)
    is_current = search.upkeep(tx.connection)[0] == WORDS_VERSION
    if position is None:
        position = BEGINNING if is_current and search.is_empty(tx.connection) else UNUSABLE
        cursors.advance(tx, CONSUMER, position)
    elif not is_current:
        position = UNUSABLE
        cursors.move(tx, CONSUMER, position)
    return position


def _store(tx: Write, position: Position, found: Harvest) -> None:
    if cursors.position_of(tx.connection, CONSUMER) == position:
        search.store(tx, found.documents)
        cursors.move(tx, CONSUMER, found.upto)


def _advance(tx: Write, position: Position, upto: Position) -> None:
    if cursors.position_of(tx.connection, CONSUMER) == position:
        cursors.move(tx, CONSUMER, upto)


def _clear(tx: Write) -> bool:
    if cursors.position_of(tx.connection, CONSUMER) != UNUSABLE:
        # Another process was quicker, and fills it again.
        return False
    return search.clear(tx)
