"""How much there is on this server, and what it is."""

from attrs import define, frozen

from homeserver.core.identifiers import ServerName
from homeserver.services.clock import Clock, now_ms
from homeserver.store import statistics
from homeserver.store.database import Database
from homeserver.store.statistics import Counts, UserCounts

__all__ = ["About", "Counts", "Statistics", "UserCounts"]


@frozen
class About:
    """Which server this is."""

    server_name: ServerName
    version: str
    python_version: str
    database: str
    """``sqlite`` or ``postgresql``."""
    started_ms: int
    """Since when this process serves."""


@define(eq=False)
class Statistics:
    """Counts what there is."""

    database: Database
    clock: Clock
    about: About

    async def counts(self) -> Counts:
        """How much there is of everything, as of now; when users were last seen is known to a few minutes."""
        return await self.database.scan(statistics.counts, now_ms(self.clock))
