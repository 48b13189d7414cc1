"""When to try again what has failed: each wait is twice the one before."""

from typing import Final

JITTER: Final = 0.25
"""A wait varies by this part of itself to either side, so that not everything is tried again at once."""
DOUBLINGS_MAX: Final = 40


def wait_ms(failures: int, min_ms: int, max_ms: int, jitter: float) -> int:
    """
    How long to wait after *failures* in a row, at least one.

    *jitter*: in [0, 1), 0.5 means none.  The result lies in [min_ms, max_ms].
    """
    assert failures >= 1, "nothing failed"
    plain = min(min_ms << min(failures - 1, DOUBLINGS_MAX), max_ms)
    varied = int(plain * (1 + JITTER * (2 * jitter - 1)))
    return max(min_ms, min(varied, max_ms))
