"""Tests of e2ee/store: keys of devices and users."""

from e2ee.core.cross_signing import parse_cross_signing_key
from e2ee.core.device_keys import Signature
from e2ee.core.one_time_keys import OneTimeKey
from e2ee.store import cross_signing_keys, device_keys, fallback_keys, key_signatures, one_time_keys
from homeserver.core.log import Position
from tests.databases import TransactionCase, each_database
from tests.encryption import ALICE, BOB, CAROL, LAPTOP, PHONE, Device, Identity

CURVE = "signed_curve25519"


@each_database
class KeyStoreTests(TransactionCase):
    def test_device_keys_are_replaced_and_deleted(self) -> None:
        """One set a device; a user without any is left out."""
        for salt in ("", "again"):
            device_keys.replace(self.tx, ALICE, PHONE, Device(ALICE, PHONE, salt).keys)
        device_keys.replace(self.tx, ALICE, LAPTOP, Device(ALICE, LAPTOP).keys)
        found = device_keys.of_users(self.read, (ALICE, BOB))
        self.assertEqual({ALICE: {PHONE, LAPTOP}}, {user: set(devices) for user, devices in found.items()})
        self.assertEqual(Device(ALICE, PHONE, "again").keys, device_keys.by_id(self.read, ALICE, PHONE))
        device_keys.delete_of_devices(self.tx, ALICE, (PHONE,))

        self.assertIsNone(device_keys.by_id(self.read, ALICE, PHONE))

    def test_one_time_keys_are_taken_oldest_first(self) -> None:
        """Of their device and algorithm alone, each once."""
        for name, position in (("B", 1), ("A", 1), ("0", 2)):
            one_time_keys.insert(self.tx, ALICE, PHONE, OneTimeKey(CURVE, name, {"key": name}), Position(position))
        one_time_keys.insert(self.tx, ALICE, LAPTOP, OneTimeKey(CURVE, "L", "x"), Position(1))
        one_time_keys.insert(self.tx, ALICE, PHONE, OneTimeKey("other", "O", "x"), Position(1))
        self.assertEqual([("other", 1), (CURVE, 3)], sorted(one_time_keys.counts(self.read, ALICE, PHONE)))

        taken = [one_time_keys.take(self.tx, ALICE, PHONE, CURVE) for _ in range(4)]
        self.assertEqual(["A", "B", "0", None], [None if key is None else key.key_id for key in taken])
        self.assertEqual([("other", 1)], one_time_keys.counts(self.read, ALICE, PHONE))

    def test_a_fallback_key_is_new_until_it_is_used(self) -> None:
        """Using it again changes nothing; another is new again."""
        key = OneTimeKey(CURVE, "F", {"key": "x"})
        fallback_keys.replace(self.tx, ALICE, PHONE, key)
        self.assertEqual((CURVE,), fallback_keys.unused(self.read, ALICE, PHONE))
        self.assertEqual([True, False], [fallback_keys.use(self.tx, ALICE, PHONE, CURVE) for _ in range(2)])
        self.assertEqual((), fallback_keys.unused(self.read, ALICE, PHONE))
        self.assertEqual(key, fallback_keys.by_algorithm(self.read, ALICE, PHONE, CURVE))
        fallback_keys.replace(self.tx, ALICE, PHONE, OneTimeKey(CURVE, "G", "y"))

        self.assertEqual((CURVE,), fallback_keys.unused(self.read, ALICE, PHONE))

    def test_cross_signing_keys_are_kept_by_use(self) -> None:
        """They come back as the values that they were."""
        keys = {
            usage: parse_cross_signing_key(Identity(ALICE).key(usage), ALICE, usage, usage)
            for usage in ("master", "self_signing")
        }
        for key in keys.values():
            cross_signing_keys.replace(self.tx, key)
        self.assertEqual(keys, cross_signing_keys.of_user(self.read, ALICE))
        cross_signing_keys.delete_of_user(self.tx, ALICE)

        self.assertEqual({}, cross_signing_keys.of_user(self.read, ALICE))

    def test_signatures_are_shown_to_whom_they_concern(self) -> None:
        """Those by the key's owner to all, those by others to whoever made them."""
        own, others = Signature(ALICE, "ed25519:own", "1"), Signature(BOB, "ed25519:bobs", "2")
        key_signatures.replace(self.tx, ALICE, PHONE, own, Position(5))
        key_signatures.replace(self.tx, ALICE, "master", others, Position(6))
        for viewer, expected in ((None, {PHONE}), (CAROL, {PHONE}), (ALICE, {PHONE}), (BOB, {PHONE, "master"})):
            found = key_signatures.on_users(self.read, (ALICE,), viewer)
            self.assertEqual(expected, {target for _, target in found})

        self.assertEqual([ALICE], key_signatures.targets_between(self.read, BOB, Position(5), Position(6)))
        self.assertEqual([], key_signatures.targets_between(self.read, BOB, Position(6), Position(9)))
        key_signatures.delete_by_key(self.tx, BOB, "ed25519:bobs")
        key_signatures.delete_on(self.tx, ALICE, (PHONE,))
        self.assertEqual({}, key_signatures.on_users(self.read, (ALICE,), BOB))
