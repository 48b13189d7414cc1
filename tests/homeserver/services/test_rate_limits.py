"""Bursts, steady rates, and bounded memory."""

from unittest import TestCase
from unittest.mock import patch

from homeserver.core.rates import Rate
from homeserver.services.rate_limits import RateLimiter
from homeserver.services.refusals import TooSoon


class RateLimiterTests(TestCase):
    def setUp(self) -> None:
        self.now_ms = 1_000_000.0
        self.limiter = RateLimiter(lambda: self.now_ms, Rate(per_second=2.0, burst=3))

    def test_a_burst_and_then_a_steady_rate(self) -> None:
        """What is refused costs nothing, so that who keeps asking is let in at the steady rate."""
        taken = 0
        for _ in range(100):
            try:
                self.limiter.take("alice")
                taken += 1
            except TooSoon as error:
                self.assertLessEqual(error.retry_after_ms, 500)
            self.now_ms += 100

        self.assertEqual(3 + 9_900 // 500, taken)

    def test_keys_do_not_share(self) -> None:
        """Each has a burst of its own."""
        for key in ("alice", "bob"):
            for _ in range(3):
                self.limiter.take(key)
        with self.assertRaises(TooSoon):
            self.limiter.take("bob")

    def test_the_longest_quiet_are_forgotten_first(self) -> None:
        """However many there are, memory is bounded."""
        with patch("homeserver.services.rate_limits.KEYS_MAX", 10):
            for number in range(50):
                self.limiter.take(str(number))
                self.limiter.take("busy")
                self.now_ms += 1000

        self.assertEqual(10, len(self.limiter._rested_ms))
        self.assertIn("busy", self.limiter._rested_ms)
