"""Tests of e2ee/store: what is known of device lists, here and elsewhere."""

from e2ee.core.remote_lists import RemoteDevice
from e2ee.store import announced_devices, device_list_changes, remote_device_lists
from e2ee.store.remote_device_lists import HeldList
from homeserver.core.identifiers import UserID
from homeserver.core.log import DEVICE_LIST, Position
from tests.databases import TransactionCase, each_database
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device

EVE = UserID("@eve:two.example")


@each_database
class DeviceListStoreTests(TransactionCase):
    def test_the_newest_change_of_each_user_is_known(self) -> None:
        """What the log had earlier does not take its place."""
        position = device_list_changes.record(self.tx, ALICE)
        self.assertEqual((DEVICE_LIST, ALICE), (self.tx.entries[-1].kind, self.tx.entries[-1].subject))
        device_list_changes.note(self.tx, ALICE, Position(position - 1))
        device_list_changes.note(self.tx, BOB, Position(position + 5))

        self.assertEqual(
            {ALICE: position, BOB: position + 5}, device_list_changes.positions(self.read, (ALICE, BOB, EVE))
        )
        self.assertEqual([BOB], device_list_changes.since(self.read, position))

    def test_what_was_announced_is_known(self) -> None:
        """Of devices and of the cross-signing keys, apart."""
        self.assertEqual((({}, ""), 0), (announced_devices.of_user(self.read, ALICE), 0))
        announced_devices.replace(self.tx, ALICE, PHONE, "1")
        announced_devices.replace(self.tx, ALICE, LAPTOP, "2")
        announced_devices.replace_signing(self.tx, ALICE, "3")
        announced_devices.remove(self.tx, ALICE, LAPTOP)
        announced_devices.set_stream_id(self.tx, ALICE, 7)

        self.assertEqual(({PHONE: "1"}, "3"), announced_devices.of_user(self.read, ALICE))
        self.assertEqual((7, 0), tuple(announced_devices.stream_id(self.read, user) for user in (ALICE, BOB)))

    def test_a_list_of_another_server_is_replaced_whole(self) -> None:
        """Then changed device by device, marked stale, and forgotten."""
        phone = RemoteDevice(PHONE, Device(EVE, PHONE).keys, "her phone")
        laptop = RemoteDevice(LAPTOP, None, None)
        remote_device_lists.replace_list(self.tx, EVE, HeldList(3, False), [laptop], 0)
        remote_device_lists.replace_list(self.tx, EVE, HeldList(4, False), [phone], 0)
        self.assertEqual({EVE: {PHONE: phone}}, remote_device_lists.devices_of(self.read, (EVE, ALICE)))
        remote_device_lists.replace_device(self.tx, EVE, laptop)
        remote_device_lists.remove_device(self.tx, EVE, PHONE)
        remote_device_lists.set_stream_id(self.tx, EVE, 6)
        self.assertEqual({EVE: {LAPTOP: laptop}}, remote_device_lists.devices_of(self.read, (EVE,)))
        remote_device_lists.mark_stale(self.tx, EVE)
        self.assertEqual({EVE: HeldList(6, True)}, remote_device_lists.lists_of(self.read, (EVE, ALICE)))
        remote_device_lists.remove(self.tx, EVE)

        self.assertEqual({}, remote_device_lists.lists_of(self.read, (EVE,)))
        self.assertEqual({}, remote_device_lists.devices_of(self.read, (EVE,)))
