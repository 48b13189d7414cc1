"""
Events that were sent beside the line of the room's current state: what was said before a user joined may arrive after.
"""

from collections import OrderedDict
from collections.abc import Iterable

from attrs import define, field

from homeserver.core.identifiers import ServerName, server_of
from homeserver.core.timeline import TimelineEvent
from homeserver.store import state
from homeserver.store.database import Database


@define(eq=False)
class Forks:
    """Whether events have a state of their own before them; of the *events_max* last asked for, from memory."""

    server: ServerName
    database: Database
    events_max: int = 20_000
    _known: OrderedDict[int, bool] = field(init=False, factory=OrderedDict)

    async def among(self, events: Iterable[TimelineEvent]) -> set[int]:
        """The nids of those of *events* that do; our own users' events never do."""
        remote = [event.nid for event in events if server_of(event.event.sender) != self.server]
        unknown = [nid for nid in remote if nid not in self._known]
        if unknown:
            forked = await self.database.read(state.states_before, unknown)
            self._known.update((nid, nid in forked) for nid in unknown)
        found = {nid for nid in remote if self._known[nid]}
        while len(self._known) > self.events_max:
            self._known.popitem(last=False)
        return found
