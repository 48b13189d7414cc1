"""Tests of e2ee/core/key_signatures.py."""

from unittest import TestCase

from e2ee.core.cross_signing import parse_cross_signing_key
from e2ee.core.key_signatures import INVALID, OTHER_KEY, UNSIGNED, check_signed, signers_of
from tests.encryption import ALICE, BOB, PHONE, Device, Identity

DEVICE = Device(ALICE, PHONE)
IDENTITY = Identity(ALICE)
SELF_SIGNING = parse_cross_signing_key(IDENTITY.key("self_signing"), ALICE, "self_signing", "x")
USER_SIGNING = parse_cross_signing_key(IDENTITY.key("user_signing"), ALICE, "user_signing", "x")
SIGNERS = signers_of({PHONE: DEVICE.keys}, SELF_SIGNING, USER_SIGNING)


class CheckTests(TestCase):
    def test_a_good_signature_is_taken(self) -> None:
        """With whose it is."""
        signed = IDENTITY.sign({**DEVICE.keys, "signatures": {}}, "self_signing")
        found = check_signed(signed, DEVICE.keys, ALICE, SIGNERS.devices)

        assert isinstance(found, list)
        self.assertEqual([SELF_SIGNING.key_id], [each.signer_key_id for each in found])

    def test_a_bad_signature_is_not(self) -> None:
        """Nor one by a key that may not sign this."""
        good = IDENTITY.sign(DEVICE.keys, "self_signing")
        bad = {**good, "signatures": {ALICE: {SELF_SIGNING.key_id: "A" * 86}}}

        self.assertIs(INVALID, check_signed(bad, DEVICE.keys, ALICE, SIGNERS.devices))  # type: ignore[arg-type]
        self.assertIs(INVALID, check_signed(good, DEVICE.keys, ALICE, SIGNERS.others_master))

    def test_it_must_be_on_the_key_as_it_is(self) -> None:
        """A signature on something else says nothing of the key."""
        signed = IDENTITY.sign({**DEVICE.keys, "algorithms": []}, "self_signing")

        self.assertIs(OTHER_KEY, check_signed(signed, DEVICE.keys, ALICE, SIGNERS.devices))

    def test_there_must_be_one_of_the_signers_own(self) -> None:
        """Another's does not count."""
        signed = {**Identity(BOB).key("master"), "signatures": {BOB: {"ed25519:x": "y"}}}

        self.assertIs(UNSIGNED, check_signed(signed, Identity(BOB).key("master"), ALICE, SIGNERS.others_master))  # type: ignore[arg-type]

    def test_devices_sign_their_users_master_key(self) -> None:
        """So older verifications carry over."""
        master = IDENTITY.key("master")

        self.assertIsInstance(check_signed(DEVICE.sign(master), master, ALICE, SIGNERS.own_master), list)
