"""Guessing passwords is slow."""

from unittest import TestCase

from twisted.internet.task import Clock

from homeserver.services import ledgers
from homeserver.services.login_failures import LoginFailures, LoginFailureSettings
from homeserver.services.refusals import TooSoon

SETTINGS = LoginFailureSettings(account_per_second=0.5, account_burst=2, address_per_second=1, address_burst=3)


class LoginFailureTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.failures = LoginFailures(self.clock, SETTINGS)

    def test_an_account_is_guessed_slowly(self) -> None:
        """After two failures from anywhere the account waits two seconds for a third."""
        self.failures.record("@alice:here", "192.0.2.1")
        self.failures.check("@alice:here", "192.0.2.1")
        self.failures.record("@alice:here", "192.0.2.2")
        with self.assertRaises(TooSoon) as refused:
            self.failures.check("@alice:here", "192.0.2.3")

        self.assertEqual(2000, refused.exception.retry_after_ms)
        self.clock.advance(2)
        self.failures.check("@alice:here", "192.0.2.3")

    def test_an_address_guesses_slowly(self) -> None:
        """An address that tries one password on many accounts is stopped as well."""
        for name in "abc":
            self.failures.record(f"@{name}:here", "192.0.2.1")

        self.assertRaises(TooSoon, self.failures.check, "@d:here", "192.0.2.1")
        self.failures.check("@d:here", "192.0.2.2")

    def test_memory_is_bounded(self) -> None:
        """Of more keys than are kept, those that were quiet longest are forgotten."""
        original, ledgers.KEYS_MAX = ledgers.KEYS_MAX, 10  # type: ignore[misc]
        self.addCleanup(setattr, ledgers, "KEYS_MAX", original)
        for number in range(50):
            self.failures.record(f"@{number}:here", f"address {number}")

        self.assertEqual(10, len(self.failures._accounts.rested_ms))
        self.assertIn("@49:here", self.failures._accounts.rested_ms)

    def test_limits_can_be_switched_off(self) -> None:
        """Without settings nobody ever waits."""
        failures = LoginFailures(self.clock, None)
        for _ in range(100):
            failures.record("@alice:here", "192.0.2.1")

        failures.check("@alice:here", "192.0.2.1")
