"""
The user directory follows the log: whoever is new, or called something new, is found soon after.

It is one consumer for all processes; whoever holds its lease does its work.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.identifiers import ServerName, UserID
from homeserver.core.log import EVENT, MEMBERSHIP, PROFILE, REMOTE_MEMBERSHIP, LogEntry, Position
from homeserver.core.user_directory import DirectoryEntry, terms_of
from homeserver.services.clock import Clock, now_ms
from homeserver.services.leased_rounds import LEASE_SECONDS, LeasedRounds
from homeserver.store import cursors, log, named_users, user_directory
from homeserver.store.database import Database
from homeserver.store.write import Write

CONSUMER: Final = "user_directory"
FOLLOWED: Final = frozenset({EVENT, MEMBERSHIP, PROFILE, REMOTE_MEMBERSHIP})
DELAY_SECONDS: Final = 1.0
"""What happens within it is worked in at once."""
ENTRIES_MAX: Final = 2_000
USERS_MAX: Final = 100
"""Worked in in one transaction, so that others can write in between."""
NOTHING: Final = Position(-1)
"""Where the cursor is until all who are known already are in the directory."""


@define(eq=False)
class UserDirectoryKeeping:
    """Works the log in, from ``start`` to ``stop``."""

    server: ServerName
    database: Database
    clock: Clock
    holder: str
    """Of this process, like no other's."""
    delay_seconds: float = DELAY_SECONDS
    rounds: LeasedRounds = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rounds = LeasedRounds(self.database, self.clock, CONSUMER, self.holder, self.delay_seconds, self.catch_up)

    async def start(self) -> None:
        """What happened before is worked in too."""
        self.rounds.start()

    async def stop(self) -> None:
        """Nothing is under way any more, and another process may go on at once."""
        await self.rounds.stop()

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """There is work when any of *entries* may be about a user's name."""
        if any(entry.kind in FOLLOWED for entry in entries):
            self.rounds.plan()

    async def catch_up(self) -> bool:
        """All that the log says is in the directory; False: that is another process's work now."""
        while True:
            now = now_ms(self.clock)
            position = await self.database.write(_hold, self.holder, now, now + int(LEASE_SECONDS * 1000))
            if position is None:
                return False
            head = await self.database.read(log.head)
            if position == NOTHING:
                if not await self._fill():
                    return True
                upto = head
            else:
                entries = await self.database.scan(log.entries, position, head, ENTRIES_MAX)
                if not entries:
                    return True
                await self._refresh(await self.database.scan(named_users.concerned, entries))
                upto = entries[-1].position
            await self.database.write(cursors.advance, CONSUMER, upto)
            if upto >= head:
                # What has come since waits for its turn: while much happens this would never end.
                return True

    async def _fill(self) -> bool:
        """All who are known already are in the directory; False: stopped before."""
        for several in (user_directory.accounts, user_directory.members):
            after = ""
            while user_ids := await self.database.scan(several, after, USERS_MAX):
                if not self.rounds.running:
                    return False
                await self._refresh(user_ids)
                after = user_ids[-1]
        return True

    async def _refresh(self, user_ids: Iterable[UserID]) -> None:
        whole = sorted(set(user_ids))
        for start in range(0, len(whole), USERS_MAX):
            some = whole[start : start + USERS_MAX]
            found = await self.database.scan(named_users.entries, self.server, some)
            await self.database.write_long(_keep, found)


def _hold(tx: Write, holder: str, now: int, until: int) -> Position | None:
    """Up to where the log is worked in, if that is *holder*'s work now; None: it is another's."""
    is_first = cursors.position_of(tx.connection, CONSUMER) is None
    if not cursors.hold(tx, CONSUMER, holder, now, until):
        return None
    if is_first:
        cursors.advance(tx, CONSUMER, NOTHING)
    return cursors.position_of(tx.connection, CONSUMER)


def _keep(tx: Write, found: Mapping[UserID, DirectoryEntry | None]) -> None:
    for user_id, entry in found.items():
        if entry is None:
            user_directory.remove(tx, user_id)
        else:
            user_directory.replace(tx, entry, terms_of(entry))
