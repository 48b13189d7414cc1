"""Which servers answer, and when those that do not are tried again."""

from collections.abc import Callable
from typing import Final

from attrs import define, field

from federation.core.backoff import Outage, after_failure, after_sign_of_life
from federation.services.settings import RetrySettings
from federation.store import outages
from homeserver.core.identifiers import ServerName
from homeserver.services.clock import Clock, now_ms
from homeserver.store.database import Database

Follower = Callable[[ServerName], None]

OUTAGES_MAX: Final = 100_000
"""Servers that are remembered as not answering; beyond it some are forgotten, and tried again."""


@define(eq=False)
class Destinations:
    """
    The servers that do not answer; every other is taken to.

    *dice* throws a number in [0, 1).  ``load`` comes first.
    """

    database: Database
    clock: Clock
    retry: RetrySettings
    dice: Callable[[], float]
    _outages: dict[ServerName, Outage] = field(init=False, factory=dict)
    _followers: list[Follower] = field(init=False, factory=list)

    async def load(self) -> None:
        """What was known when the server stopped is known."""
        self._outages.update(await self.database.scan(outages.everything))

    def follow(self, follower: Follower) -> None:
        """*follower* is called when a server shows that it is there: it may be tried earlier than was said before."""
        self._followers.append(follower)

    def outage(self, server: ServerName) -> Outage | None:
        """Since when *server* does not answer; None: it does, as far as is known."""
        return self._outages.get(server)

    def may_try(self, server: ServerName) -> bool:
        """Whether a request to *server* may be made now."""
        outage = self._outages.get(server)
        return outage is None or now_ms(self.clock) >= outage.retry_at_ms

    async def failed(self, server: ServerName) -> None:
        """A request to *server* was not answered."""
        before = self._outages.get(server)
        after = after_failure(before, now_ms(self.clock), self._min_ms, int(self.retry.max_seconds * 1000), self.dice())
        if after is before:
            return
        self._outages[server] = after
        await self.database.write(outages.replace, server, after)
        if len(self._outages) > OUTAGES_MAX:
            await self.reached(next(iter(self._outages)))

    async def reached(self, server: ServerName) -> None:
        """A request to *server* was answered."""
        if self._outages.pop(server, None) is not None:
            self._tell(server)
            await self.database.write(outages.remove, server)

    def heard_from(self, server: ServerName) -> None:
        """*server* has sent something itself: it is tried again at once, or soon."""
        outage = self._outages.get(server)
        if outage is not None:
            # Not stored: after a restart the server is just tried later.
            self._outages[server] = after_sign_of_life(outage, self._min_ms)
        self._tell(server)

    @property
    def _min_ms(self) -> int:
        return int(self.retry.min_seconds * 1000)

    def _tell(self, server: ServerName) -> None:
        for follower in self._followers:
            follower(server)
