"""Tests of homeserver/core/push_notices.py."""

from unittest import TestCase

from homeserver.core.canonical import JSON
from homeserver.core.push_notices import badge_notice, parse_rejected


class AnswersTests(TestCase):
    """What gateways answer."""

    def test_only_keys_that_were_asked_about_are_rejected(self) -> None:
        """And an answer that is none rejects nothing."""
        self.assertEqual(["a"], parse_rejected({"rejected": ["b", "a", 5]}, ["a", "c"]))
        answers: tuple[JSON, ...] = (None, [], "a", {}, {"rejected": None}, {"rejected": "a"}, {"rejected": {"a": 1}})
        for answer in answers:
            self.assertEqual([], parse_rejected(answer, ["a"]))


class BadgeTests(TestCase):
    def test_zero_is_told(self) -> None:
        """It is what clears the badge."""
        self.assertEqual({"unread": 0}, badge_notice(0, {})["counts"])
