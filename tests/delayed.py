"""Delayed events on the client side of rooms, wired as ``scripts/proposals`` wires them."""

from itertools import count

import orjson
from attrs import define, field

from homeserver.core.canonical import JSONObject
from homeserver.core.rates import Rate
from homeserver.http.client.delayed_events import DelayDetour, DelayedEventEndpoints
from homeserver.http.errors import refused
from homeserver.services.delayed_events.service import DelayedEvents
from homeserver.services.delayed_events.settings import DelayedEventSettings
from homeserver.services.delayed_events.timers import DelayedEventTimers
from homeserver.services.delayed_events.unsigned import DelayIDs
from homeserver.services.rate_limits import RateLimiter
from tests.room_api import RoomAPI

UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"


@define(eq=False)
class Delayed:
    """What schedules events, and what sends them; ``timers`` is to be started and stopped."""

    api: RoomAPI
    settings: DelayedEventSettings = DelayedEventSettings()
    burst: int = 50
    events: DelayedEvents = field(init=False)
    timers: DelayedEventTimers = field(init=False)

    def __attrs_post_init__(self) -> None:
        api, numbers = self.api, count(1)
        prefix = f"delay{id(self)}"
        self.events = DelayedEvents(
            api.database, api.clock, api.sending, self.settings, lambda: f"{prefix}-{next(numbers)}"
        )
        limiter = RateLimiter(lambda: api.clock.seconds() * 1000, Rate(10.0, self.burst))
        self.timers = DelayedEventTimers(self.events, api.clock, described, limiter)

    def serve(self) -> None:
        """Its endpoints are served."""
        self.api.serve(DelayedEventEndpoints(self.events, self.api.send_options))
        self.api.send_detours.append(DelayDetour(self.events))
        self.api.shown.unsigned.append(DelayIDs())


def described(error: Exception) -> JSONObject:
    """The error as a client is told it."""
    body: JSONObject = orjson.loads(refused(error).body)  # type: ignore[arg-type]
    return body
