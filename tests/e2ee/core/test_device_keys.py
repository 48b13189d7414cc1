"""Tests of e2ee/core/device_keys.py."""

from unittest import TestCase

from e2ee.core.device_keys import Signature, parse_device_keys, with_name, with_signatures
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device

DEVICE = Device(ALICE, PHONE)


class DeviceKeysTests(TestCase):
    def assert_refused(self, code: str, keys: JSON) -> None:
        with self.assertRaises(Malformed) as refused:
            parse_device_keys(keys, ALICE, PHONE)
        self.assertEqual(code, refused.exception.code)

    def test_keys_are_kept_as_they_came(self) -> None:
        """But for what servers say of them, which is not the client's."""
        keys: JSONObject = {**DEVICE.keys, "unsigned": {"device_display_name": "x"}, "dehydrated": True}
        parsed = parse_device_keys(DEVICE.sign({**keys, "signatures": {}}), ALICE, PHONE)

        self.assertEqual(True, parsed["dehydrated"])
        self.assertNotIn("unsigned", parsed)

    def test_keys_of_others_are_refused(self) -> None:
        """A device publishes its own keys alone."""
        self.assert_refused("M_INVALID_PARAM", Device(BOB, PHONE).keys)
        self.assert_refused("M_INVALID_PARAM", Device(ALICE, LAPTOP).keys)

    def test_what_the_spec_requires_is_required(self) -> None:
        """Without any of the five there are no device keys."""
        for name in ("user_id", "device_id", "algorithms", "keys", "signatures"):
            with self.subTest(name=name):
                self.assert_refused("M_MISSING_PARAM", {k: v for k, v in DEVICE.keys.items() if k != name})

    def test_wrong_types_are_refused(self) -> None:
        """Wherever they are."""
        wrong: list[JSONObject] = [
            {"algorithms": {}},
            {"algorithms": [1]},
            {"keys": []},
            {"keys": {f"ed25519:{PHONE}": 1}},
            {"signatures": []},
            {"signatures": {ALICE: []}},
            {"signatures": {ALICE: {"ed25519:x": 1}}},
            {"more": 1.5},
        ]
        for each in wrong:
            with self.subTest(**each):
                self.assert_refused("M_BAD_JSON", {**DEVICE.keys, **each})
        self.assert_refused("M_BAD_JSON", [])

    def test_keys_are_named_after_the_device(self) -> None:
        """A key of another name could be taken for another device's."""
        self.assert_refused("M_BAD_JSON", {**DEVICE.keys, "keys": {"ed25519:LAPTOP": "abc"}})

    def test_a_forged_signature_is_refused(self) -> None:
        """What the device signed is what is published."""
        self.assert_refused("M_INVALID_SIGNATURE", {**DEVICE.keys, "algorithms": []})

    def test_a_key_has_a_bound(self) -> None:
        """Nobody stores a library in a key."""
        self.assert_refused("M_TOO_LARGE", {**DEVICE.keys, "more": "x" * 20_000})

    def test_signatures_are_added_and_none_replaced(self) -> None:
        """The original stays as it was."""
        keys = DEVICE.keys
        own = f"ed25519:{PHONE}"
        signed = with_signatures(keys, [Signature(ALICE, own, "forged"), Signature(ALICE, "ed25519:ssk", "good")])

        self.assertEqual({own, "ed25519:ssk"}, set(signed["signatures"][ALICE]))  # type: ignore[index,call-overload,arg-type]
        self.assertEqual(DEVICE.keys, keys)
        self.assertEqual(keys["signatures"][ALICE][own], signed["signatures"][ALICE][own])  # type: ignore[index,call-overload]

    def test_the_name_is_not_part_of_what_is_signed(self) -> None:
        """It goes where signatures do not cover it."""
        self.assertEqual({"device_display_name": "my phone"}, with_name(DEVICE.keys, "my phone")["unsigned"])
        self.assertEqual({}, with_name(DEVICE.keys, None)["unsigned"])
