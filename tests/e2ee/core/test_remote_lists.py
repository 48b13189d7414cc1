"""Tests of e2ee/core/remote_lists.py."""

from unittest import TestCase

from e2ee.core.remote_lists import Fit, fit_of, parse_user_devices, peers_device, queried_list
from federation.core.edus import DeviceListUpdate
from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device, Identity

DEVICE = Device(ALICE, PHONE)


def update(stream_id: int, *previous: int) -> DeviceListUpdate:
    return DeviceListUpdate(ALICE, PHONE, stream_id, previous)


class FitTests(TestCase):
    def test_the_next_one_fits(self) -> None:
        """It refers to what is worked in."""
        self.assertIs(Fit.NEXT, fit_of(update(5, 4), 4))
        self.assertIs(Fit.NEXT, fit_of(update(9, 4), 4))

    def test_one_that_is_worked_in_is_known(self) -> None:
        """It may come twice."""
        self.assertIs(Fit.KNOWN, fit_of(update(4, 3), 4))

    def test_everything_else_is_a_gap(self) -> None:
        """A missing predecessor, none at all, or not knowing where one is."""
        self.assertIs(Fit.GAP, fit_of(update(6, 5), 4))
        self.assertIs(Fit.GAP, fit_of(update(6, 4, 5), 4))
        self.assertIs(Fit.GAP, fit_of(update(6), 4))
        self.assertIs(Fit.GAP, fit_of(update(1), None))


class PeersWordTests(TestCase):
    def test_a_device_must_be_that_users(self) -> None:
        """What a peer says of others, or forged, is no device."""
        self.assertIsNotNone(peers_device(PHONE, DEVICE.keys, "name", ALICE))
        self.assertIsNone(peers_device(PHONE, Device(BOB, PHONE).keys, None, ALICE))
        self.assertIsNone(peers_device(LAPTOP, DEVICE.keys, None, ALICE))
        self.assertIsNone(peers_device(PHONE, {**DEVICE.keys, "algorithms": ["x"]}, None, ALICE))
        self.assertIsNone(peers_device(PHONE, {**DEVICE.keys, "more": "x" * 20_000}, None, ALICE))
        self.assertIsNone(peers_device("", None, None, ALICE))

    def test_a_list_holds_what_is_sound(self) -> None:
        """One bad device does not hide the others."""
        identity = Identity(ALICE)
        answer = {
            "user_id": ALICE,
            "stream_id": 3,
            "devices": [{"device_id": PHONE, "keys": DEVICE.keys}, {"device_id": LAPTOP, "keys": DEVICE.keys}, 1],
            "master_key": identity.key("master"),
            "self_signing_key": Identity(BOB).key("self_signing"),
        }
        found = parse_user_devices(answer, ALICE)  # type: ignore[arg-type]

        self.assertEqual((3, {PHONE}, {"master"}), (found.stream_id, set(found.devices), set(found.cross_signing)))

    def test_what_is_no_list_is_refused(self) -> None:
        """Rather than taken for a user without devices."""
        for wrong in ({}, {"stream_id": "3", "devices": []}, {"stream_id": 3}, {"stream_id": True, "devices": []}):
            with self.assertRaises(Malformed):
                parse_user_devices(wrong, ALICE)  # type: ignore[arg-type]

    def test_a_query_may_say_nothing(self) -> None:
        """Then the user has no devices, as far as anybody knows."""
        answers: list[JSONObject] = [
            {},
            {"device_keys": []},
            {"device_keys": {ALICE: {PHONE: 1}}, "master_keys": 1},
        ]
        for answer in answers:
            self.assertEqual({}, queried_list(answer, ALICE).devices)
