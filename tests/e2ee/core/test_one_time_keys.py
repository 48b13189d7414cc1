"""Tests of e2ee/core/one_time_keys.py."""

from unittest import TestCase

from e2ee.core.one_time_keys import claimed_of, parse_fallback_keys, parse_one_time_keys, whole_counts
from homeserver.core.canonical import JSON
from homeserver.core.malformed import Malformed
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device

DEVICE = Device(ALICE, PHONE)


class ParsingTests(TestCase):
    def test_names_are_algorithm_and_id(self) -> None:
        """Signed keys are objects, others strings."""
        keys = parse_one_time_keys({**DEVICE.one_time_keys("AAA"), "curve25519:BBB": "key"})

        self.assertEqual(
            [("signed_curve25519", "AAA"), ("curve25519", "BBB")], [(key.algorithm, key.key_id) for key in keys]
        )
        self.assertEqual("signed_curve25519:AAA", keys[0].name)

    def test_nothing_is_no_keys(self) -> None:
        """A client that needs no new keys leaves them out."""
        self.assertEqual([], parse_one_time_keys(None))

    def test_what_is_no_key_is_refused(self) -> None:
        """Wrong names, wrong types, too much."""
        wrong: list[JSON] = [
            [],
            {"AAA": "key"},
            {":AAA": "key"},
            {"curve25519:": "key"},
            {"curve25519:AAA": 1},
            {"curve25519:AAA": None},
            {"signed_curve25519:AAA": {"key": "x"}},
            {"signed_curve25519:AAA": {"key": 1, "signatures": {}}},
            {"signed_curve25519:AAA": {"key": "x", "signatures": []}},
            {"curve25519:" + "A" * 300: "key"},
            {"curve25519:AAA": "x" * 20_000},
        ]
        for each in wrong:
            with self.subTest(each=str(each)[:60]), self.assertRaises(Malformed):
                parse_one_time_keys(each)

    def test_an_algorithm_has_one_fallback_key(self) -> None:
        """Which of two would stand in?"""
        self.assertEqual(1, len(parse_fallback_keys(DEVICE.one_time_keys("A", fallback=True))))
        with self.assertRaises(Malformed):
            parse_fallback_keys(DEVICE.one_time_keys("A", "B", fallback=True))


class CountTests(TestCase):
    def test_the_usual_algorithm_is_always_counted(self) -> None:
        """Clients that find no count upload nothing."""
        self.assertEqual({"signed_curve25519": 0}, whole_counts([]))
        self.assertEqual({"signed_curve25519": 3, "x": 1}, whole_counts([("signed_curve25519", 3), ("x", 1)]))


class PeersAnswerTests(TestCase):
    def test_only_what_was_asked_for_counts(self) -> None:
        """A peer cannot slip in keys of others, or of another algorithm."""
        wanted = {ALICE: {PHONE: "signed_curve25519", LAPTOP: "signed_curve25519"}}
        good = DEVICE.one_time_keys("A")
        answer = {
            "one_time_keys": {
                ALICE: {PHONE: good, LAPTOP: {"curve25519:A": "key"}, "OTHER": good},
                BOB: {PHONE: good},
            }
        }

        self.assertEqual({ALICE: {PHONE: good}}, claimed_of(answer, wanted))  # type: ignore[arg-type]

    def test_nonsense_is_nothing(self) -> None:
        """Whatever a peer answers, a client gets keys or none."""
        wanted = {ALICE: {PHONE: "signed_curve25519"}}
        answers: list[JSON] = [
            None,
            [],
            {ALICE: []},
            {ALICE: {PHONE: []}},
            {ALICE: {PHONE: {"signed_curve25519:A": 1}}},
        ]
        for nonsense in answers:
            with self.subTest(nonsense=nonsense):
                self.assertEqual({}, claimed_of({"one_time_keys": nonsense}, wanted))
