"""Tests of federation/core/well_known_cache.py."""

from unittest import TestCase

from federation.core.well_known_cache import HOUR_MS, LIFETIME_MIN_MS, error_lifetime_ms, lifetime_ms

NOW_MS = 1_700_000_000_000  # Tue, 14 Nov 2023 22:13:20 GMT


class LifetimeTests(TestCase):
    """How long documents about delegation are good."""

    def test_headers_are_respected_within_bounds(self) -> None:
        """What the host says holds, up to 48 hours and from five minutes; without a word it is a day."""
        cases = [
            ((None, None, None), 24 * HOUR_MS),
            (("max-age=7200", None, None), 2 * HOUR_MS),
            (("public, Max-Age=7200", None, None), 2 * HOUR_MS),
            (('max-age="7200"', None, "3600"), HOUR_MS),
            (("max-age=99999999", None, None), 48 * HOUR_MS),
            (("max-age=1", None, None), LIFETIME_MIN_MS),
            (("no-store", None, None), LIFETIME_MIN_MS),
            (("max-age=soon", None, None), 24 * HOUR_MS),
            ((None, "Wed, 15 Nov 2023 00:13:20 GMT", None), 2 * HOUR_MS),
            (("max-age=3600", "Wed, 15 Nov 2023 00:13:20 GMT", None), HOUR_MS),
            ((None, "0", None), LIFETIME_MIN_MS),
            ((None, "Tue, 14 Nov 2000 00:13:20 GMT", None), LIFETIME_MIN_MS),
        ]
        for headers, expected in cases:
            with self.subTest(headers=headers):
                self.assertEqual(expected, lifetime_ms(*headers, NOW_MS))

    def test_errors_are_kept_longer_each_time_up_to_an_hour(self) -> None:
        """A host without a document is asked ever less often."""
        waits = [error_lifetime_ms(failures) for failures in range(1, 40)]

        self.assertEqual(sorted(waits), waits)
        self.assertLess(waits[0], waits[1])
        self.assertEqual(HOUR_MS, waits[-1])
