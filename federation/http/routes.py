"""Where the requests to each server go: the steps of discovery, carried out."""

from collections.abc import Callable

from attrs import frozen

from federation.core.discovery import (
    Destination,
    FetchWellKnown,
    Step,
    discover,
    split_server_name,
)
from federation.http.well_known import WellKnown
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.http.names import Names
from homeserver.services.ports import PeerUnreachable


@frozen(eq=False)
class Routes:
    """*dice* throws a number in [0, 1)."""

    well_known: WellKnown
    names: Names
    dice: Callable[[], float]

    async def destination(self, server: ServerName) -> Destination:
        """Where requests to *server* go.  Raises PeerUnreachable when it is no name of a server."""
        try:
            step: Step = discover(server)
        except Malformed as malformed:
            raise PeerUnreachable(server, malformed.reason) from malformed
        while not isinstance(step, Destination):
            if isinstance(step, FetchWellKnown):
                step = step.answered(await self.well_known.delegated(step.host))
            else:
                records = await self.names.services(step.name)
                step = step.answered(records, [self.dice() for _ in records])
        return step

    def doubt(self, server: ServerName) -> None:
        """Nobody answers there: what *server* delegates is soon looked up again."""
        self.well_known.doubt(split_server_name(server)[0])
