"""Tests of e2ee/store/to_device.py and to_device_seen.py."""

from e2ee.core.to_device import Batch, Message
from e2ee.store import to_device, to_device_seen
from homeserver.core.identifiers import ServerName
from homeserver.core.log import Position
from tests.databases import TransactionCase, each_database
from tests.encryption import ALICE, BOB, LAPTOP, PHONE

PEER = ServerName("two.example")


@each_database
class ToDeviceStoreTests(TransactionCase):
    def put(self, *positions: int) -> None:
        for position in positions:
            message = Message(BOB, "m.test", f'{{"n":{position}}}')
            to_device.insert(self.tx, ALICE, PHONE, Position(position), message)

    def positions(self, after: int = 0, upto: int = 99, limit: int = 99) -> list[int]:
        return [position for position, _ in to_device.waiting(self.read, ALICE, PHONE, after, upto, limit)]

    def test_messages_wait_in_order(self) -> None:
        """After one position and up to another, no more than asked for, for one device."""
        self.put(3, 1, 2)

        self.assertEqual([1, 2, 3], self.positions())
        self.assertEqual([2], self.positions(after=1, upto=2))
        self.assertEqual([1, 2], self.positions(limit=2))
        self.assertEqual(1, to_device.oldest(self.read, ALICE, PHONE))
        self.assertIsNone(to_device.oldest(self.read, ALICE, LAPTOP))

    def test_what_is_acknowledged_is_gone(self) -> None:
        """And the batch that is being delivered is known, until there is none."""
        self.put(1, 2, 3)
        to_device.acknowledge(self.tx, ALICE, PHONE, 1, Batch(9, 2))
        self.assertEqual([2, 3], self.positions())
        self.assertEqual(Batch(9, 2), to_device.batch(self.read, ALICE, PHONE))
        to_device.acknowledge(self.tx, ALICE, PHONE, 3, None)

        self.assertEqual([], self.positions())
        self.assertIsNone(to_device.batch(self.read, ALICE, PHONE))

    def test_while_there_is_more_the_log_moves_on(self) -> None:
        """The next answer has another token than this."""
        before = self.tx.position
        to_device.acknowledge(self.tx, ALICE, PHONE, 0, Batch(9, 2))
        self.assertEqual(before + 1, self.tx.position)
        to_device.acknowledge(self.tx, ALICE, PHONE, 0, Batch(9, 9))

        self.assertEqual(before + 1, self.tx.position)

    def test_a_queue_has_a_bound(self) -> None:
        """The oldest go."""
        self.put(1, 2, 3, 4)
        self.assertEqual(2, to_device.drop_oldest(self.tx, ALICE, PHONE, 2))
        self.assertEqual([3, 4], self.positions())
        self.assertEqual(0, to_device.drop_oldest(self.tx, ALICE, PHONE, 2))

    def test_nothing_is_left_of_a_device(self) -> None:
        """Neither messages nor batches."""
        self.put(1)
        to_device.acknowledge(self.tx, ALICE, PHONE, 0, Batch(9, 2))
        to_device.delete_of_devices(self.tx, ALICE, (PHONE,))

        self.assertEqual(([], None), (self.positions(), to_device.batch(self.read, ALICE, PHONE)))

    def test_a_message_of_a_peer_is_new_once(self) -> None:
        """Until it is forgotten; other servers have names of their own."""
        self.assertTrue(to_device_seen.insert(self.tx, PEER, "id", 100))
        self.assertFalse(to_device_seen.insert(self.tx, PEER, "id", 200))
        self.assertTrue(to_device_seen.insert(self.tx, ServerName("three.example"), "id", 200))
        self.assertEqual(1, to_device_seen.prune(self.tx, 150))

        self.assertTrue(to_device_seen.insert(self.tx, PEER, "id", 300))
