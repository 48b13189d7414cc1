"""Delayed events: MSC4140."""

import secrets

import orjson

from homeserver.core.canonical import JSONObject
from homeserver.core.rates import Rate
from homeserver.http import errors
from homeserver.http.client.delayed_events import DelayDetour, DelayedEventEndpoints
from homeserver.services.delayed_events.service import DelayedEvents
from homeserver.services.delayed_events.timers import DelayedEventTimers
from homeserver.services.delayed_events.unsigned import DelayIDs
from homeserver.services.rate_limits import RateLimiter
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


def propose(ground: Ground) -> Proposal:
    """Clients schedule events, and these are sent when their time has come."""
    base = ground.base
    settings, rates = base.settings.delayed_events, base.settings.rate_limits
    events = DelayedEvents(base.database, base.reactor, ground.members.sending, settings, _delay_id)
    limiter = None
    if rates.enabled:
        rate = Rate(rates.send.per_second, rates.send.burst)
        limiter = RateLimiter(lambda: base.reactor.seconds() * 1000, rate)
    limits: JSONObject = {"max_delay_ms": settings.delay_max_ms, "max_scheduled": settings.scheduled_max}
    return Proposal(
        features={"org.matrix.msc4140": True},
        endpoints=(DelayedEventEndpoints(events, ground.send_options),),
        send_detours=(DelayDetour(events),),
        unsigned=(DelayIDs(),),
        capabilities={"org.matrix.msc4140.delayed_events": limits},
        runners=(DelayedEventTimers(events, base.reactor, _described, limiter),),
    )


def _delay_id() -> str:
    return secrets.token_urlsafe(32)


def _described(error: Exception) -> JSONObject:
    """The error as the endpoints of sending would answer it."""
    answer: JSONObject = orjson.loads(errors.refused(error).body)  # type: ignore[arg-type]
    return answer
