"""What has been spent of a rate, by many: in bounded memory, as who has been quiet needs no entry."""

from typing import Final

from attrs import Factory, define

from homeserver.core.rates import Rate, spend, wait_ms

KEYS_MAX: Final = 100_000


@define(eq=False)
class Ledger:
    """What one kind of key has spent, longest quiet first."""

    rate: Rate
    rested_ms: dict[str, float] = Factory(dict)

    def wait_ms(self, key: str, now_ms: float) -> int:
        """How long until *key* may spend; 0: now."""
        return wait_ms(self.rested_ms.get(key, 0), now_ms, self.rate)

    def spend(self, key: str, now_ms: float) -> None:
        """*key* has spent once more."""
        # Taken out and put in again: a dict keeps the order of insertion, so the front is who was quiet longest.
        self.rested_ms[key] = spend(self.rested_ms.pop(key, 0), now_ms, self.rate)
        if len(self.rested_ms) > KEYS_MAX:
            del self.rested_ms[next(iter(self.rested_ms))]
