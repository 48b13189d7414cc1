"""Tests of federation/core/backoff.py."""

from unittest import TestCase

from federation.core.backoff import Outage, after_failure, after_sign_of_life


class BackoffTests(TestCase):
    """When servers are tried again."""

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
