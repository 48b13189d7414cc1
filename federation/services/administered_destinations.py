"""Other servers as administrators see them: whether they answer, what waits for them, which rooms they share."""

from attrs import define, frozen

from federation.services.destinations import Destinations
from federation.store import destination_lists
from federation.store.destination_lists import StoredDestination
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.pages import Page, PageRequest, page_of, paged
from homeserver.services.refusals import NotFound
from homeserver.store.database import Database


@frozen
class Destination:
    """Another server."""

    server_name: ServerName
    answers: bool
    """Whether the last request to it was answered."""
    failures: int
    """How many requests in a row were not."""
    rooms_waiting: int
    """Rooms with events that wait for it."""
    edus_waiting: int
    """Receipts, device lists and messages to devices that wait for it."""
    being_sent: bool
    """Whether a transaction is under way to it."""
    failing_since_ms: int | None = None
    retry_at_ms: int | None = None
    """When it is tried next."""


@frozen
class SharedRoom:
    """A room that both servers are in."""

    room_id: RoomID


@define(eq=False)
class AdministeredDestinations:
    """All servers that this one has met."""

    database: Database
    destinations: Destinations

    async def page(self, wanted: PageRequest, search: str = "", *, failing: bool = False) -> Page[Destination]:
        """Servers by name.  Raises Malformed."""
        key = wanted.key(str)
        after = "" if key is None else str(key[0])
        found = await self.database.scan(destination_lists.page, search, after, wanted.limit + 1, failing=failing)
        total = await self.database.scan(destination_lists.count, search, failing=failing)
        shown = [self._shown(each) for each in found]
        last = (shown[: wanted.limit][-1].server_name,) if shown else None
        return page_of(shown, total, wanted.limit, last)

    async def details(self, name: ServerName) -> Destination:
        """One server.  Raises NotFound."""
        found = await self.database.read(destination_lists.by_name, name)
        if found is None:
            raise NotFound("This server never met that one.")
        return self._shown(found)

    async def rooms(self, name: ServerName, wanted: PageRequest) -> Page[SharedRoom]:
        """The rooms that both are in.  Raises NotFound, Malformed."""
        await self.details(name)
        shared = await self.database.scan(destination_lists.shared_rooms, name)
        return paged([SharedRoom(room_id) for room_id in shared], lambda room: room.room_id, wanted)

    async def reset(self, name: ServerName) -> Destination:
        """The server is taken to answer, and what waits for it is sent at once.  Raises NotFound."""
        await self.details(name)
        await self.destinations.reached(name)
        return await self.details(name)

    def _shown(self, stored: StoredDestination) -> Destination:
        outage = self.destinations.outage(stored.server_name)
        return Destination(
            stored.server_name,
            outage is None,
            0 if outage is None else outage.failures,
            stored.rooms_waiting,
            stored.edus_waiting,
            stored.is_being_sent,
            None if outage is None else outage.since_ms,
            None if outage is None else outage.retry_at_ms,
        )
