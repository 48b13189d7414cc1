"""The services of rooms put together for tests, on a real database."""

from itertools import count
from typing import Final

from attrs import define
from twisted.internet.task import Clock

from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.room_creation import RoomRequest
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.acceptance import Acceptance
from homeserver.services.arrival import Arrival
from homeserver.services.composing import Composer
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.outliers import Outliers
from homeserver.services.redactions import Redactions
from homeserver.services.resolution import Resolution
from homeserver.services.room_states import RoomStates
from homeserver.services.timeline import Timeline
from homeserver.store.database import Database
from tests.builders import signing_key

SERVER: Final = ServerName("one.example")
"""The server that the services are those of; @alice and @dave of the builders are its users."""


@define(eq=False)
class RoomServices:
    """Everything that lets events into rooms."""

    database: Database
    clock: Clock
    tail: LogTail
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    acceptance: Acceptance
    arrival: Arrival
    outliers: Outliers
    states: RoomStates

    async def new_room(self, creator: UserID, version: str = "12", **request: object) -> RoomID:
        """A room that *creator* makes."""
        return await self.timeline.create(RoomRequest(creator, ROOM_VERSIONS[version], **request))  # type: ignore[arg-type]


def room_services(database: Database, server: ServerName = SERVER) -> RoomServices:
    """The services of *server*, its key that of the builders, on an open database."""
    clock = Clock()
    clock.advance(1_700_000_000)
    tail = LogTail(database.head)
    known = KnownEvents(database)
    tail.follow(known.follow)
    database.subscribe(tail.extend)
    live_rooms = LiveRooms(database)
    numbers = count(1)

    def opaque_id() -> str:
        return f"test{next(numbers)}"

    composer = Composer(server, signing_key(server), known, clock, opaque_id)
    states = RoomStates(database, known, Resolution(known))
    redactions = Redactions(database, known, states)
    return RoomServices(
        database,
        clock,
        tail,
        known,
        live_rooms,
        Timeline(database, known, live_rooms, composer, redactions, lambda: RoomID(f"!{opaque_id()}:{server}")),
        Acceptance(server, database, known, live_rooms, states, redactions),
        Arrival(server, database, known, live_rooms),
        Outliers(database, known),
        states,
    )
