"""Tests of e2ee/core/key_backup.py."""

from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from e2ee.core.key_backup import BackupKey, is_better, parse_version

keys = st.builds(BackupKey, st.integers(0, 3), st.integers(0, 3), st.booleans(), st.just({}))


class ReplacingTests(TestCase):
    def test_the_rules_in_their_order(self) -> None:
        """Verified, then the first index, then how often it was forwarded."""
        held = BackupKey(5, 5, False, {})

        self.assertTrue(is_better(BackupKey(9, 9, True, {}), held))
        self.assertTrue(is_better(BackupKey(4, 9, False, {}), held))
        self.assertTrue(is_better(BackupKey(5, 4, False, {}), held))
        self.assertFalse(is_better(BackupKey(4, 4, False, {}), BackupKey(5, 5, True, {})))

    @given(keys, keys)
    def test_of_two_keys_at_most_one_is_better(self, one: BackupKey, other: BackupKey) -> None:
        """Uploading them in any order leaves the same; equals stay as they were."""
        self.assertFalse(is_better(one, other) and is_better(other, one))
        self.assertFalse(is_better(one, one))


class VersionTests(TestCase):
    def test_versions_are_our_numbers(self) -> None:
        """Another text names no backup of ours."""
        self.assertEqual(12, parse_version("12"))
        for text in ("", "x", "-1", "1.5", "9" * 30, "١"):
            self.assertIsNone(parse_version(text))
