"""
When users are told by mail what is unread.

What happens is written down once for each mail, not for each message: that there is something to tell, and when.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import define, evolve, field

from homeserver.core.identifiers import UserID
from homeserver.core.mail.digests import Rhythm
from homeserver.core.timeline import ordering_at
from homeserver.services.clock import Clock, now_ms
from homeserver.services.pushing.dues import Due
from homeserver.store import digests
from homeserver.store.database import Database
from homeserver.store.digests import StoredDigest
from homeserver.store.pushers import StoredPusher
from homeserver.store.write import Write

KNOWN_MAX: Final = 100_000
"""Pushers that are known to have a mail coming."""

Key: TypeAlias = tuple[UserID, str, str]
"""A user, app ID and pushkey."""


@define(eq=False)
class DigestSchedule:
    """Puts mails on the calendar."""

    database: Database
    clock: Clock
    rhythm: Rhythm
    _coming: OrderedDict[Key, int] = field(init=False, factory=OrderedDict)

    async def note(self, dues: Sequence[tuple[Due, StoredPusher]]) -> None:
        """A mail will tell each of these pushers; those who read are told sooner than those who do not."""
        now = now_ms(self.clock)
        for key in {_key(pusher) for due, pusher in dues if due.has_read}:
            await self._relax(key, now)
        fresh = {
            _key(pusher): pusher
            for due, pusher in dues
            if due.actions is not None and self._coming.get(_key(pusher), 0) <= now
        }
        if not fresh:
            return
        coming = await self.database.write(self._schedule, list(fresh.values()), now)
        self._coming.update(coming)
        while len(self._coming) > KNOWN_MAX:
            self._coming.popitem(last=False)

    async def _relax(self, key: Key, now: int) -> None:
        """The user is there again: the next mail need not keep its distance."""
        known = await self.database.read(digests.by_key, *key)
        if known is not None and known.interval_ms > self.rhythm.wait_ms:
            await self.database.write(_relax, key, self.rhythm.wait_ms, now + self.rhythm.wait_ms)
            self._coming.pop(key, None)

    async def put(self, digest: StoredDigest) -> None:
        """There is something to tell after all."""
        now = now_ms(self.clock)
        due_ms = self.rhythm.due_ms(now, digest.sent_ms, digest.interval_ms)
        await self.database.write(_put, (digest.user_id, digest.app_id, digest.pushkey), due_ms)

    def _schedule(self, tx: Write, pushers: Sequence[StoredPusher], now: int) -> dict[Key, int]:
        return {_key(pusher): self._schedule_one(tx, pusher, now) for pusher in pushers}

    def _schedule_one(self, tx: Write, pusher: StoredPusher, now: int) -> int:
        known = digests.by_key(tx.connection, *_key(pusher))
        if known is None:
            due_ms = self.rhythm.due_ms(now, None, self.rhythm.wait_ms)
            # What came before the pusher was set is not told.
            told_upto = ordering_at(pusher.cursor)
            digests.replace(tx, StoredDigest(*_key(pusher), due_ms, self.rhythm.wait_ms, None, told_upto))
            return due_ms
        if known.due_ms is not None:
            return known.due_ms
        due_ms = self.rhythm.due_ms(now, known.sent_ms, known.interval_ms)
        _put(tx, _key(pusher), due_ms)
        return due_ms


def _relax(tx: Write, key: Key, interval_ms: int, due_ms: int) -> None:
    known = digests.by_key(tx.connection, *key)
    if known is not None:
        sooner = None if known.due_ms is None else min(known.due_ms, due_ms)
        digests.replace(tx, evolve(known, interval_ms=interval_ms, due_ms=sooner))


def _put(tx: Write, key: Key, due_ms: int) -> None:
    digests.schedule(tx, *key, due_ms)


def _key(pusher: StoredPusher) -> Key:
    return pusher.user_id, pusher.app_id, pusher.pushkey
