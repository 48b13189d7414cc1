"""Tests of e2ee/core/to_device.py."""

from unittest import TestCase

from e2ee.core.to_device import Batch, acknowledged, by_server, recipients
from homeserver.core.identifiers import UserID
from tests.encryption import ALICE, BOB, LAPTOP, PHONE

REMOTE = UserID("@x:two.example")


class RecipientTests(TestCase):
    def test_a_star_is_every_device(self) -> None:
        """A device that is named beside it gets its own message, and no device gets two."""
        found = recipients({"*": {"to": "all"}, LAPTOP: {"to": "laptop"}}, [PHONE, LAPTOP])

        self.assertEqual({PHONE: {"to": "all"}, LAPTOP: {"to": "laptop"}}, found)

    def test_devices_that_are_not_there_get_nothing(self) -> None:
        """And are no error."""
        self.assertEqual({}, recipients({"GONE": {}}, [PHONE]))

    def test_servers_get_what_is_for_their_users(self) -> None:
        """A user without devices is nobody."""
        found = by_server({ALICE: {"*": {}}, BOB: {}, REMOTE: {PHONE: {}}})

        self.assertEqual({"localhost": {ALICE: {"*": {}}}, "two.example": {REMOTE: {PHONE: {}}}}, found)


class AcknowledgementTests(TestCase):
    def test_a_token_says_that_all_before_it_came(self) -> None:
        """A first sync says nothing."""
        self.assertEqual(7, acknowledged(7, None))
        self.assertEqual(0, acknowledged(None, None))
        self.assertEqual(0, acknowledged(None, Batch(9, 4)))

    def test_a_batch_was_delivered_with_its_token(self) -> None:
        """Who comes with that has the batch and no more."""
        self.assertEqual(4, acknowledged(9, Batch(9, 4)))
        self.assertEqual(4, acknowledged(10, Batch(9, 4)))

    def test_who_comes_with_an_earlier_token_never_got_it(self) -> None:
        """Nothing is taken to have arrived."""
        self.assertEqual(0, acknowledged(8, Batch(9, 4)))

    def test_after_the_last_batch_tokens_count_again(self) -> None:
        """It told everything up to its token."""
        self.assertEqual(12, acknowledged(12, Batch(9, 9)))
