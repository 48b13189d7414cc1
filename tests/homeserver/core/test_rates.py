"""Rates."""

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.rates import Rate, spend, wait_ms

RATE = Rate(per_second=2, burst=3)


def test_a_burst_passes_at_once() -> None:
    """Three at once, and the fourth waits for half a second."""
    rested, waits = 0.0, []
    for _ in range(4):
        waits.append(wait_ms(rested, 10_000, RATE))
        rested = spend(rested, 10_000, RATE)

    assert waits == [0, 0, 0, 500]


def test_quiet_brings_the_burst_back() -> None:
    """After a long rest it is as if nothing had happened, and no more than that."""
    rested = 0.0
    for _ in range(3):
        rested = spend(rested, 0, RATE)

    assert wait_ms(rested, 0, RATE) == 500
    assert wait_ms(rested, 499, RATE) == 1
    assert wait_ms(rested, 500, RATE) == 0
    assert spend(rested, 10_000, RATE) == 10_500


@given(st.floats(0.01, 100), st.integers(1, 20), st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_nobody_exceeds_the_rate(per_second: float, burst: int, gaps: list[int]) -> None:
    """However the tries are spread, no more pass than the burst and what the time has earned."""
    rate, now, rested, passed = Rate(per_second, burst), 0, 0.0, 0
    for gap in gaps:
        now += gap
        if wait_ms(rested, now, rate) == 0:
            rested, passed = spend(rested, now, rate), passed + 1

    assert passed <= burst + now / 1000 * per_second + 1e-6


@given(st.floats(0.01, 100), st.integers(1, 20), st.integers(0, 40))
def test_who_waits_as_told_passes(per_second: float, burst: int, tries: int) -> None:
    """The wait that is told is enough."""
    rate, now, rested = Rate(per_second, burst), 0, 0.0
    for _ in range(tries):
        now += wait_ms(rested, now, rate)
        assert wait_ms(rested, now, rate) == 0
        rested = spend(rested, now, rate)
