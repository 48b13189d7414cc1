"""Tests of e2ee/core/announcements.py."""

from unittest import TestCase

from attrs import evolve

from e2ee.core.announcements import (
    deleted_edu,
    device_digest,
    device_edu,
    differences,
    signing_digest,
    signing_edu,
)
from e2ee.core.public_keys import PublicDevice, PublicKeys
from federation.core.edus import DeviceListUpdate, SigningKeyUpdate, parse_edu
from homeserver.core.identifiers import ServerName
from tests.encryption import ALICE, LAPTOP, PHONE, Device, Identity

DEVICE = PublicDevice(PHONE, Device(ALICE, PHONE).keys, "my phone")
KEYS = PublicKeys(ALICE, {PHONE: DEVICE}, {"master": Identity(ALICE).key("master")})
SERVER = ServerName("localhost")


class DifferenceTests(TestCase):
    def test_what_was_never_said_is_said(self) -> None:
        """Devices and cross-signing keys alike."""
        found = differences(KEYS, {}, "")

        self.assertEqual(([DEVICE], [], True), (found.changed, found.deleted, found.signing_changed))

    def test_what_was_said_is_not_said_again(self) -> None:
        """Until anything about it changes."""
        said = {PHONE: device_digest(DEVICE)}

        self.assertFalse(differences(KEYS, said, signing_digest(KEYS)))
        renamed = evolve(KEYS, devices={PHONE: evolve(DEVICE, display_name="other")})
        self.assertTrue(differences(renamed, said, signing_digest(KEYS)))

    def test_what_is_gone_is_said_to_be(self) -> None:
        """By its ID, as nothing else is left of it."""
        self.assertEqual([LAPTOP], differences(KEYS, {LAPTOP: "x"}, "").deleted)


class EduTests(TestCase):
    def test_peers_read_what_we_write(self) -> None:
        """Each is what it was after the way through the wire."""
        self.assertEqual(
            DeviceListUpdate(ALICE, PHONE, 5, (4,), False, "my phone", DEVICE.keys),
            parse_edu(device_edu(ALICE, DEVICE, 5), SERVER),
        )
        self.assertEqual(DeviceListUpdate(ALICE, PHONE, 1, (), True), parse_edu(deleted_edu(ALICE, PHONE, 1), SERVER))
        self.assertEqual(SigningKeyUpdate(ALICE, KEYS.master_key, None), parse_edu(signing_edu(KEYS), SERVER))
