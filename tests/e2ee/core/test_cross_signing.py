"""Tests of e2ee/core/cross_signing.py."""

from unittest import TestCase

from e2ee.core.cross_signing import USAGES, CrossSigningKey, check_chain, is_new, parse_cross_signing_key, peers_key
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed
from tests.encryption import ALICE, BOB, PHONE, Device, Identity

IDENTITY = Identity(ALICE)


def parsed(identity: Identity = IDENTITY, *usages: str) -> dict[str, CrossSigningKey]:
    """An identity's keys as values."""
    return {usage: parse_cross_signing_key(identity.key(usage), ALICE, usage, usage) for usage in usages or USAGES}


class ParsingTests(TestCase):
    def assert_refused(self, value: JSON) -> None:
        with self.assertRaises(Malformed):
            parse_cross_signing_key(value, ALICE, "master", "master_key")
        self.assertIsNone(peers_key(value, ALICE, "master"))

    def test_a_key_is_named_by_itself(self) -> None:
        """Its ID is its public half."""
        key = parsed()["master"]

        self.assertEqual(IDENTITY.public("master"), key.public_key)
        self.assertEqual(f"ed25519:{key.public_key}", key.key_id)

    def test_signatures_by_others_are_dropped(self) -> None:
        """They are not for the key's owner to publish."""
        value = Device(ALICE, PHONE).sign(IDENTITY.key("master"))
        value["signatures"] = {**value["signatures"], BOB: {"ed25519:x": "y"}}  # type: ignore[dict-item]
        kept = parse_cross_signing_key(value, ALICE, "master", "master_key").value

        self.assertEqual({ALICE}, set(kept["signatures"]))  # type: ignore[arg-type]

    def test_what_is_no_such_key_is_refused(self) -> None:
        """Of others, for another use, with no key, several or one that is none."""
        key = IDENTITY.key("master")
        wrong: list[JSONObject] = [
            {"user_id": BOB},
            {"usage": ["self_signing"]},
            {"usage": "master"},
            {"keys": {}},
            {"keys": {**key["keys"], "ed25519:other": "other"}},  # type: ignore[dict-item]
            {"keys": {"ed25519:PHONE": IDENTITY.public("master")}},
            {"keys": {"ed25519:abc": "abc"}},
            {"keys": {"ed25519:abc": 1}},
            {"signatures": []},
        ]
        for each in wrong:
            with self.subTest(**each):
                self.assert_refused({**key, **each})
        for name in ("user_id", "usage", "keys"):
            self.assert_refused({k: v for k, v in key.items() if k != name})
        self.assert_refused([])


class ChainTests(TestCase):
    def test_the_master_key_signs_the_others(self) -> None:
        """That which comes with them, or the one that was there."""
        keys = parsed()
        check_chain(keys, keys["master"])
        check_chain({"self_signing": keys["self_signing"]}, keys["master"])

    def test_without_a_master_key_there_are_no_others(self) -> None:
        """The spec has a code for it."""
        with self.assertRaises(Malformed) as refused:
            check_chain(parsed(IDENTITY, "self_signing"), None)
        self.assertEqual("M_MISSING_PARAM", refused.exception.code)

    def test_unsigned_or_wrongly_signed_keys_are_refused(self) -> None:
        """By nobody, or by another master key."""
        for identity in (IDENTITY, Identity(ALICE, "other")):
            value = identity.key("self_signing", None if identity is IDENTITY else "master")
            key = parse_cross_signing_key(value, ALICE, "self_signing", "self_signing_key")
            with self.assertRaises(Malformed) as refused:
                check_chain({"self_signing": key}, parsed()["master"])
            self.assertEqual("M_INVALID_SIGNATURE", refused.exception.code)

    def test_the_same_again_is_not_new(self) -> None:
        """Also with other signatures on it; another key is, and one for a use that had none."""
        held = parsed()
        again = parse_cross_signing_key(
            Device(ALICE, PHONE).sign(IDENTITY.key("master")), ALICE, "master", "master_key"
        )

        self.assertFalse(is_new([again], held))
        self.assertTrue(is_new(parsed(Identity(ALICE, "other")).values(), held))
        self.assertTrue(is_new(held.values(), {"master": held["master"]}))
