"""
How often something may happen: a burst, and then a steady rate.

The whole history of one who is limited is one number, the moment at which all of the burst is theirs again (the generic
cell rate algorithm); who has been quiet that long needs no entry at all.
"""

from attrs import frozen


@frozen
class Rate:
    """*burst* at once, and then *per_second*."""

    per_second: float
    burst: int

    @property
    def interval_ms(self) -> float:
        """The time that earns one more."""
        return 1000 / self.per_second


def wait_ms(rested_ms: float, now_ms: float, rate: Rate) -> int:
    """How long until one more may happen; 0: now.  *rested_ms*: when all of the burst is there again (0: always)."""
    earliest = rested_ms - (rate.burst - 1) * rate.interval_ms
    return max(0, -int(-(earliest - now_ms) // 1))


def spend(rested_ms: float, now_ms: float, rate: Rate) -> float:
    """When all of the burst is there again, after one more has happened now."""
    return max(rested_ms, now_ms) + rate.interval_ms
