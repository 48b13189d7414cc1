"""Hashes of passwords."""

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from homeserver.services import password_hashes
from homeserver.services.password_hashes import PasswordHashes, PasswordSettings
from homeserver.services.refusals import TooSoon, WeakPassword

QUICK = PasswordSettings(argon2_time_cost=1, argon2_memory_kib=8)


class PasswordHashTests(TestCase):
    def setUp(self) -> None:
        self.hashes = PasswordHashes(QUICK)

    async def test_the_password_matches_its_hash(self) -> None:
        """A hash is matched by the password it was made of, and by no other."""
        stored = await self.hashes.make("correct horse")

        self.assertTrue(await self.hashes.matches(stored, "correct horse"))
        self.assertFalse(await self.hashes.matches(stored, "correct house"))

    async def test_the_hash_tells_nothing(self) -> None:
        """Two users with one password have two hashes, and neither holds it."""
        one, other = await self.hashes.make("same"), await self.hashes.make("same")

        self.assertNotEqual(one, other)
        self.assertNotIn("same", one)

    async def test_nobody_has_no_password(self) -> None:
        """A user who does not exist matches nothing, not even what stands in for the hash."""
        self.assertFalse(await self.hashes.matches(None, ""))
        self.assertFalse(await self.hashes.matches(None, "anything"))

    async def test_a_broken_hash_matches_nothing(self) -> None:
        """What is no hash refuses, and does not crash."""
        self.assertFalse(await self.hashes.matches("no hash", "anything"))

    async def test_a_raised_cost_outdates_hashes(self) -> None:
        """After the settings ask for more, an old hash is known as such and still matched."""
        stored = await self.hashes.make("old")
        dearer = PasswordHashes(PasswordSettings(argon2_time_cost=2, argon2_memory_kib=16))

        self.assertTrue(dearer.is_outdated(stored))
        self.assertFalse(self.hashes.is_outdated(stored))
        self.assertTrue(await dearer.matches(stored, "old"))

    def test_short_passwords_are_weak(self) -> None:
        """The policy's length is the shortest that passes."""
        hashes = PasswordHashes(PasswordSettings(length_min=8))
        hashes.check_policy("12345678")

        self.assertRaises(WeakPassword, hashes.check_policy, "1234567")

    def test_the_policy_is_the_administrators(self) -> None:
        """What a password needs, and that it is not one of those which everybody has."""
        strict = PasswordHashes(PasswordSettings(digit_required=True, symbol_required=True, refuse_common=True))
        strict.check_policy("tea 4 two")

        self.assertRaises(WeakPassword, strict.check_policy, "tea for two")
        self.assertRaises(WeakPassword, PasswordHashes(PasswordSettings(refuse_common=True)).check_policy, "Password1")
        PasswordHashes(PasswordSettings()).check_policy("password1")

    async def test_a_flood_is_told_to_wait(self) -> None:
        """Of more attempts than may wait, the rest is refused at once; the others are answered."""
        self.patch(password_hashes, "WAITING_MAX", 3)
        attempts = [Deferred.fromCoroutine(self.hashes.make("x")) for _ in range(4)]
        await self.assertFailure(attempts[3], TooSoon)

        self.assertEqual(3, len(await gatherResults(attempts[:3])))
