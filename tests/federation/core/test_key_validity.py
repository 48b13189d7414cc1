"""Tests of federation/core/key_validity.py."""

from typing import Any
from unittest import TestCase

from attrs import evolve

from federation.core.key_validity import (
    BELIEVED_MAX_MS,
    DAY_MS,
    VerifyKey,
    may_have_signed,
    merge_keys,
    minimum_valid_ms,
    parse_server_keys,
    publish_keys,
)
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import SigningKey, sign_json
from homeserver.core.unpadded_base64 import encode_base64
from tests.builders import VERSIONS, a_room, signing_key

ONE = ServerName("one.example")
KEY = signing_key(ONE)
OLD = SigningKey.from_seed("ed25519:old", b"o" * 32)
NOW_MS = 1_700_000_000_000


def document(**changes: Any) -> dict[str, Any]:
    """A server's keys with *changes*, signed again."""
    whole = publish_keys(ONE, KEY, {OLD.key_id: (OLD.verify_key, NOW_MS - DAY_MS)}, NOW_MS + DAY_MS)
    unsigned: dict[str, Any] = {**whole, **changes}
    del unsigned["signatures"]
    return sign_json(unsigned, ONE, KEY)


class DocumentTests(TestCase):
    """What servers publish."""

    def test_what_is_published_is_parsed(self) -> None:
        """The key in use is good until the document is to be refreshed; an old one until it was retired."""
        keys = parse_server_keys(document(), NOW_MS)

        self.assertEqual(ONE, keys.server_name)
        self.assertEqual(
            {
                KEY.key_id: VerifyKey(KEY.key_id, KEY.verify_key, NOW_MS + DAY_MS),
                OLD.key_id: VerifyKey(OLD.key_id, OLD.verify_key, NOW_MS + DAY_MS, NOW_MS - DAY_MS),
            },
            keys.keys,
        )

    def test_a_week_is_the_longest_that_keys_are_believed(self) -> None:
        """Whoever stole a name for an hour cannot hold it for a year."""
        keys = parse_server_keys(document(valid_until_ts=NOW_MS + 365 * DAY_MS), NOW_MS)

        self.assertEqual(NOW_MS + BELIEVED_MAX_MS, keys.valid_until_ms)
        self.assertEqual(NOW_MS + BELIEVED_MAX_MS, keys.keys[KEY.key_id].valid_until_ms)

    def test_a_document_must_be_signed_by_a_key_in_it(self) -> None:
        """Nobody else's signature, no altered text, no old key will do."""
        good = document()
        altered = {**good, "valid_until_ts": NOW_MS}
        unsigned = {key: value for key, value in good.items() if key != "signatures"}
        by_old = sign_json(unsigned, ONE, OLD)
        by_other = sign_json(unsigned, "two.example", KEY)
        half = sign_json(
            {**unsigned, "verify_keys": {"ed25519:x": {"key": encode_base64(OLD.verify_key)}, **good["verify_keys"]}},
            ONE,
            KEY,
        )
        half["signatures"][ONE]["ed25519:x"] = "A" * 86  # type: ignore[index,call-overload]
        for wrong in (altered, unsigned, by_old, by_other, half):
            with self.subTest(wrong=wrong), self.assertRaises(Malformed):
                parse_server_keys(wrong, NOW_MS)

    def test_malformed_documents_are_refused(self) -> None:
        """Whatever is of the wrong type, size or kind."""
        wrong: list[Any] = [
            None,
            [],
            {},
            document(server_name=3),
            document(valid_until_ts="soon"),
            document(valid_until_ts=True),
            document(valid_until_ts=-1),
            document(verify_keys=[]),
            document(verify_keys={KEY.key_id: "key"}),
            document(verify_keys={KEY.key_id: {"key": "AAAA"}}),
            document(verify_keys={KEY.key_id: {"key": 7}}),
            document(verify_keys={f"ed25519:k{n}": {"key": encode_base64(KEY.verify_key)} for n in range(101)}),
            document(old_verify_keys={"ed25519:o": {"key": encode_base64(OLD.verify_key)}}),
        ]
        for value in wrong:
            with self.subTest(value=value), self.assertRaises(Malformed):
                parse_server_keys(value, NOW_MS)

    def test_keys_of_other_algorithms_are_left_out(self) -> None:
        """What this server cannot check it does not know."""
        both = {**document()["verify_keys"], "rsa:1": {"key": "AAAA"}, "ed25519:bad name": {"key": "AAAA"}}
        keys = parse_server_keys(document(verify_keys=both), NOW_MS)

        self.assertEqual({KEY.key_id, OLD.key_id}, set(keys.keys))


class ValidityTests(TestCase):
    """Which keys may stand under an event."""

    def test_since_version_5_the_key_must_be_believed_at_the_time_of_the_event(self) -> None:
        """Before, valid_until_ts is ignored."""
        key = VerifyKey("ed25519:k", b"", NOW_MS)
        for version in VERSIONS:
            event = evolve(a_room(version).last, origin_server_ts=NOW_MS + 1)
            with self.subTest(version=version):
                self.assertEqual(
                    int(version) < 5, may_have_signed(key, event.origin_server_ts, minimum_valid_ms(event))
                )

    def test_a_retired_key_holds_for_what_came_before(self) -> None:
        """In every version, and without being believed any more."""
        key = VerifyKey("ed25519:k", b"", 0, expired_ms=NOW_MS)

        self.assertTrue(may_have_signed(key, NOW_MS, NOW_MS))
        self.assertFalse(may_have_signed(key, NOW_MS + 1, 0))

    def test_news_is_merged(self) -> None:
        """Keys that are no longer named stay; older news does not shorten a key's life; retirement counts."""
        first, longer = VerifyKey("ed25519:a", b"a", 10), VerifyKey("ed25519:a", b"a", 20)
        other, retired = VerifyKey("ed25519:b", b"b", 5), VerifyKey("ed25519:a", b"a", 20, 15)

        self.assertEqual(
            {"ed25519:a": longer, "ed25519:b": other}, merge_keys({"ed25519:b": other}, {"ed25519:a": longer})
        )
        self.assertEqual({"ed25519:a": longer}, merge_keys({"ed25519:a": first}, {"ed25519:a": longer}))
        self.assertEqual({"ed25519:a": longer}, merge_keys({"ed25519:a": longer}, {"ed25519:a": first}))
        self.assertEqual({"ed25519:a": retired}, merge_keys({"ed25519:a": longer}, {"ed25519:a": retired}))
