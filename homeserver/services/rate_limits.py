"""How often each caller may do things of one kind, in bounded memory."""

from collections.abc import Callable
from typing import Final

from attrs import Factory, define, field, frozen, validators

from homeserver.core.rates import Rate, spend, wait_ms
from homeserver.services.refusals import TooSoon

KEYS_MAX: Final = 100_000
"""Callers remembered, of one kind; the longest quiet are forgotten first."""


@frozen
class RateSettings:
    """How often one caller may do something."""

    per_second: float = field(validator=validators.gt(0))
    """The steady rate."""
    burst: int = field(validator=validators.ge(1))
    """How many at once, before the steady rate holds."""


@frozen
class RateLimitSettings:
    """How often one account, or one address without an account, may ask for things."""

    enabled: bool = True
    """Whether anything is limited at all."""
    registration: RateSettings = RateSettings(0.2, 30)
    """New accounts, and questions about names and tokens for them; by address. One account takes up to ten of these."""
    login: RateSettings = RateSettings(1.0, 10)
    """Logins and refreshed tokens; by address."""
    send: RateSettings = RateSettings(10.0, 50)
    """Events sent into rooms, and devices' messages to devices; by account."""
    join: RateSettings = RateSettings(1.0, 20)
    """Joins, knocks and leaves; by account."""
    invite: RateSettings = RateSettings(1.0, 20)
    """Invitations, kicks and bans; by account."""
    create_room: RateSettings = RateSettings(0.5, 10)
    """New rooms and room upgrades; by account."""
    media: RateSettings = RateSettings(10.0, 100)
    """Files up and down, thumbnails and previews; by account."""
    other: RateSettings = RateSettings(20.0, 200)
    """Everything else that the specification marks as limited."""


@define(eq=False)
class RateLimiter:
    """What each caller has spent of one rate."""

    now_ms: Callable[[], float]
    rate: Rate
    # Longest quiet first: a key that spends is taken out and put in again at the end.
    _rested_ms: dict[str, float] = Factory(dict)

    def take(self, key: str, rate: Rate | None = None) -> None:
        """One more by *key*, whose own *rate* goes first, has happened.  Raises TooSoon when it may not yet."""
        rate = rate or self.rate
        now_ms = self.now_ms()
        rested_ms = self._rested_ms.get(key, 0)
        wait = wait_ms(rested_ms, now_ms, rate)
        if wait:
            raise TooSoon(wait)
        self._rested_ms.pop(key, None)
        self._rested_ms[key] = spend(rested_ms, now_ms, rate)
        if len(self._rested_ms) > KEYS_MAX:
            del self._rested_ms[next(iter(self._rested_ms))]
