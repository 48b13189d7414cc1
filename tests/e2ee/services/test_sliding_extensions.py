"""Tests of e2ee.services.sliding_extensions, through whole answers of sliding sync."""

from typing import Any

from e2ee.services.sliding_extensions import EncryptionExtension, ToDeviceExtension
from e2ee.services.sync_sections import DeviceListNews, KeyCountNews
from homeserver.core.identifiers import DeviceID
from homeserver.core.malformed import Malformed
from homeserver.services.sliding.extensions import SlidingExtension
from tests.databases import DatabaseCase, each_database
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device, Encryption
from tests.sliding import SlidingClient, SlidingServices

SEND = "/_matrix/client/v3/sendToDevice"


@each_database
class SlidingExtensionTests(DatabaseCase):
    async def begin(self) -> SlidingClient:
        """@alice's phone, in a room with @bob."""
        self.services = services = Encryption(self.database)
        await services.user(ALICE, PHONE, LAPTOP)
        await services.user(BOB, PHONE)
        self.bob = services.client("bob/PHONE")
        room_id = await services.sync.new_room(ALICE, preset="public_chat")
        await services.sync.join(room_id, BOB)
        extensions: list[SlidingExtension] = [
            ToDeviceExtension(services.to_device),
            EncryptionExtension(DeviceListNews(services.device_lists), KeyCountNews(services.counts)),
        ]
        self.sliding = SlidingServices(services.sync, extensions=extensions)
        return self.client(PHONE)

    def client(self, device: DeviceID) -> SlidingClient:
        wishes: Any = {"to_device": {"enabled": True}, "e2ee": {"enabled": True}}
        return SlidingClient(self.sliding, ALICE, device=device, extensions=wishes)

    async def send(self, *numbers: int) -> None:
        for number in numbers:
            path = f"{SEND}/m.test/t{number}"
            await self.bob.put(path, {"messages": {ALICE: {PHONE: {"n": number}}}})

    async def received(self, client: SlidingClient, since: str | None = None, **wishes: Any) -> tuple[list[int], str]:
        """The messages of the next answer, and the token that acknowledges them."""
        client.extensions["to_device"] = {"enabled": True, "since": since, **wishes}
        part = (await client.sync())["extensions"]["to_device"]
        return [event["content"]["n"] for event in part["events"]], part["next_batch"]

    async def test_messages_come_until_they_are_acknowledged(self) -> None:
        """A client that comes with the token has them; with the former one it gets them again."""
        client = await self.begin()
        await self.send(1, 2)
        first, token = await self.received(client)
        again, _ = await self.received(client)
        await self.send(3)
        third, later = await self.received(client, token)
        nothing, _ = await self.received(client, later)
        gone, _ = await self.received(client)

        self.assertEqual([[1, 2], [1, 2], [3], [], []], [first, again, third, nothing, gone])

    async def test_many_messages_come_in_pages(self) -> None:
        """Each with a token of its own, and none twice."""
        client = await self.begin()
        await self.send(*range(5))
        found, token = await self.received(client, limit=2)
        while True:
            page, token = await self.received(client, token, limit=2)
            if not page:
                break
            found += page

        self.assertEqual([0, 1, 2, 3, 4], found)

    async def test_other_devices_get_nothing(self) -> None:
        """A message is for the device that it names."""
        await self.begin()
        await self.send(1)

        self.assertEqual([], (await self.received(self.client(LAPTOP)))[0])

    async def test_a_token_of_the_future_acknowledges_nothing_to_come(self) -> None:
        """What is sent later comes all the same."""
        client = await self.begin()
        _, token = await self.received(client, "d99999999999")
        await self.send(1)

        self.assertEqual([1], (await self.received(client, token))[0])

    async def test_what_is_no_token_is_refused(self) -> None:
        """And so is what is no limit."""
        client = await self.begin()
        for wishes in ({"since": "x"}, {"since": 5}, {"limit": 0}, {"limit": "2"}, {"limit": True}):
            with self.subTest(**wishes), self.assertRaises(Malformed):
                await self.received(client, **wishes)

    async def test_who_waits_is_woken_by_a_message(self) -> None:
        """A message to the device is news."""
        client = await self.begin()
        await client.sync()
        waiting = client.wait()
        await self.send(1)
        await self.services.sync.turn()

        events = (await waiting)["extensions"]["to_device"]["events"]
        self.assertEqual([{"sender": BOB, "type": "m.test", "content": {"n": 1}}], events)

    async def test_devices_and_keys(self) -> None:
        """Who changed devices since the last answer, and how many keys are left in every one."""
        client = await self.begin()
        first = (await client.sync())["extensions"]["e2ee"]
        await self.services.upload(Device(BOB, PHONE))
        second = (await client.sync())["extensions"]["e2ee"]
        third = (await client.sync())["extensions"]["e2ee"]

        self.assertNotIn("device_lists", first)
        self.assertEqual({"signed_curve25519": 0}, first["device_one_time_keys_count"])
        self.assertEqual([], first["device_unused_fallback_key_types"])
        self.assertEqual({"changed": [BOB], "left": []}, second["device_lists"])
        self.assertNotIn("device_lists", third)
