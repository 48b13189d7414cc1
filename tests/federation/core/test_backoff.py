"""Tests of federation/core/backoff.py."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from federation.core.backoff import Outage, after_failure, after_sign_of_life, wait_ms


class BackoffTests(TestCase):
    """When servers are tried again."""

    @given(st.integers(1, 10_000), st.integers(1, 10**6), st.integers(0, 10**8), st.floats(0, 1, exclude_max=True))
    def test_waits_lie_within_the_settings(self, failures: int, min_ms: int, more: int, jitter: float) -> None:
        """However many failures, and whatever the dice say."""
        wait = wait_ms(failures, min_ms, min_ms + more, jitter)

        self.assertTrue(min_ms <= wait <= min_ms + more)

    def test_waits_double(self) -> None:
        """From the least to the longest wait."""
        self.assertEqual([1000, 2000, 4000, 5000, 5000], [wait_ms(n, 1000, 5000, 0.5) for n in range(1, 6)])

    def test_requests_that_fail_together_count_once(self) -> None:
        """Ten requests under way when a server goes down are one failure."""
        first = after_failure(None, 100, 1000, 5000, 0.5)

        self.assertEqual(Outage(1, 100, 100, 1100), first)
        self.assertIs(first, after_failure(first, 1099, 1000, 5000, 0.5))
        self.assertEqual(Outage(2, 100, 1100, 3100), after_failure(first, 1100, 1000, 5000, 0.5))

    def test_a_sign_of_life_shortens_the_wait(self) -> None:
        """A server that speaks is tried at once, but a moment after the last failure."""
        outage = Outage(9, 0, 50_000, 90_000)

        self.assertEqual(Outage(9, 0, 50_000, 51_000), after_sign_of_life(outage, 1000))
