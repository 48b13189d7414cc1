"""Tests of ``homeserver.core.retention``."""

from unittest import TestCase

from homeserver.core.retention import Limit, Policy, Rules

DAY = 86_400_000


class RulesTests(TestCase):
    def test_a_room_that_says_nothing_has_the_default(self) -> None:
        """Nor does one that says what makes no sense."""
        rules = Rules(default=Policy(max_ms=DAY))

        nonsense = ({"max_lifetime": "long"}, {"max_lifetime": -1}, {"max_lifetime": 1, "min_lifetime": 2})
        for content in (None, *nonsense, {"max_lifetime": True}):
            self.assertEqual(Policy(max_ms=DAY), rules.effective(content))

    def test_what_a_room_says_is_kept_within_the_limits(self) -> None:
        """The proposal's own example: a day where half a day was asked for, and the other property as it is."""
        rules = Rules(max_lifetime=Limit(least_ms=DAY))

        policy = rules.effective({"max_lifetime": DAY // 2, "min_lifetime": DAY // 4})

        self.assertEqual(Policy(DAY, DAY // 4), policy)
        self.assertEqual(Policy(DAY, None), rules.effective({}))
        most = Rules(max_lifetime=Limit(most_ms=2 * DAY))
        self.assertEqual(Policy(2 * DAY, None), most.effective({"max_lifetime": 9 * DAY}))

    def test_without_limits_a_room_decides(self) -> None:
        """Null counts as left out."""
        self.assertEqual(Policy(None, 5), Rules().effective({"max_lifetime": None, "min_lifetime": 5}))
