"""Other servers."""

from attrs import frozen

from federation.services.administered_destinations import AdministeredDestinations, Destination, SharedRoom
from homeserver.core.identifiers import ServerName
from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.rows import Query


@frozen
class DestinationEndpoints:
    """Other servers."""

    destinations: AdministeredDestinations

    @admin(
        "listDestinations",
        "GET",
        "/federation/destinations",
        "destinations list",
        query=(
            *PAGE,
            Query("search", about="Part of a name."),
            Query("failing", "boolean", about="Only servers that do not answer."),
        ),
    )
    async def list_destinations(
        self, from_: Token = None, limit: Limit = LIMIT_DEFAULT, search: str = "", failing: bool = False
    ) -> Page[Destination]:
        """All servers that this one has met, by name."""
        return await self.destinations.page(PageRequest(from_, limit), search, failing=failing)

    @admin("showDestination", "GET", "/federation/destinations/{serverName}", "destinations show")
    async def show_destination(self, server_name: ServerName) -> Destination:
        """Whether a server answers, and what waits for it.  Raises NotFound."""
        return await self.destinations.details(server_name)

    @admin("listSharedRooms", "GET", "/federation/destinations/{serverName}/rooms", "destinations rooms", query=PAGE)
    async def list_rooms(
        self, server_name: ServerName, from_: Token = None, limit: Limit = LIMIT_DEFAULT
    ) -> Page[SharedRoom]:
        """The rooms that both servers are in.  Raises NotFound."""
        return await self.destinations.rooms(server_name, PageRequest(from_, limit))

    @admin("resetDestination", "POST", "/federation/destinations/{serverName}/reset", "destinations reset")
    async def reset_destination(self, server_name: ServerName) -> Destination:
        """A server that did not answer is tried again at once.  Raises NotFound."""
        return await self.destinations.reset(server_name)
