"""Tests of homeserver/core/backoff.py."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.backoff import wait_ms


class WaitTests(TestCase):
    """How long what failed is left alone."""

    @given(st.integers(1, 10_000), st.integers(1, 10**6), st.integers(0, 10**8), st.floats(0, 1, exclude_max=True))
    def test_waits_lie_within_the_settings(self, failures: int, min_ms: int, more: int, jitter: float) -> None:
        """However many failures, and whatever the dice say."""
        wait = wait_ms(failures, min_ms, min_ms + more, jitter)

        self.assertTrue(min_ms <= wait <= min_ms + more)

    def test_waits_double(self) -> None:
        """From the least to the longest wait."""
        self.assertEqual([1000, 2000, 4000, 5000, 5000], [wait_ms(n, 1000, 5000, 0.5) for n in range(1, 6)])
