"""Tests of e2ee/http/client/dehydrated_device.py: a device that takes messages while no client is there."""

from typing import Any

from homeserver.core.identifiers import DeviceID
from tests.databases import DatabaseCase, each_database
from tests.encryption import ALICE, BOB, PHONE, Device, Encryption

PATH = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
SLEEPER = Device(ALICE, DeviceID("SLEEPER"))


def body(device: Device = SLEEPER) -> dict[str, Any]:
    return {
        "device_id": device.device_id,
        "device_data": {"algorithm": "m.dehydration.v2", "device_pickle": "secret"},
        "initial_device_display_name": "asleep",
        "device_keys": device.keys,
        "fallback_keys": device.one_time_keys("F", fallback=True),
    }


@each_database
class DehydratedDeviceTests(DatabaseCase):
    async def begin(self) -> None:
        self.services = Encryption(self.database)
        await self.services.user(ALICE, PHONE)
        await self.services.user(BOB, PHONE)
        self.alice, self.bob = self.services.client("alice/PHONE"), self.services.client("bob/PHONE")

    async def send(self, count: int) -> None:
        for number in range(count):
            messages = {"messages": {ALICE: {SLEEPER.device_id: {"n": number}}}}
            await self.bob.put(f"/_matrix/client/v3/sendToDevice/m.test/{number}", messages)

    async def test_it_is_a_device_for_others_and_data_for_its_user(self) -> None:
        """Its keys are published and claimed as any."""
        await self.begin()
        self.assertEqual(404, (await self.alice.get(PATH)).status)
        self.assertEqual({"device_id": "SLEEPER"}, (await self.alice.put(PATH, body())).json)
        found = (await self.bob.post("/_matrix/client/v3/keys/query", {"device_keys": {ALICE: []}})).json

        self.assertIn("SLEEPER", found["device_keys"][ALICE])
        self.assertEqual(
            {"device_id": "SLEEPER", "device_data": body()["device_data"]}, (await self.alice.get(PATH)).json
        )

    async def test_a_user_has_one(self) -> None:
        """Another takes its place."""
        await self.begin()
        await self.alice.put(PATH, body())
        await self.alice.put(PATH, body(Device(ALICE, DeviceID("OTHER"))))
        found = (await self.bob.post("/_matrix/client/v3/keys/query", {"device_keys": {ALICE: []}})).json

        self.assertEqual({"OTHER"}, set(found["device_keys"][ALICE]))

    async def test_messages_are_read_page_by_page_and_stay(self) -> None:
        """Who is interrupted begins again; after the last page there is no token."""
        await self.begin()
        await self.alice.put(PATH, body())
        await self.send(150)
        for _ in range(2):
            first = (await self.alice.get(f"{PATH}/SLEEPER/events")).json
            second = (await self.alice.get(f"{PATH}/SLEEPER/events", from_=first["next_batch"])).json
            numbers = [event["content"]["n"] for page in (first, second) for event in page["events"]]
            self.assertEqual(list(range(150)), numbers)
            self.assertNotIn("next_batch", second)

    async def test_older_clients_read_until_a_page_is_empty(self) -> None:
        """They post, and get a token each time."""
        await self.begin()
        await self.alice.put(PATH, body())
        await self.send(3)
        first = (await self.alice.post(f"{PATH}/SLEEPER/events", {})).json
        second = (await self.alice.post(f"{PATH}/SLEEPER/events", {"next_batch": first["next_batch"]})).json

        self.assertEqual((3, 0), (len(first["events"]), len(second["events"])))
        self.assertEqual(first["next_batch"], second["next_batch"])

    async def test_it_can_be_deleted(self) -> None:
        """With all that waited for it; also like any device."""
        await self.begin()
        await self.alice.put(PATH, body())
        self.assertEqual({"device_id": "SLEEPER"}, (await self.alice.delete(PATH)).json)
        self.assertEqual([404, 404], [(await self.alice.get(PATH)).status, (await self.alice.delete(PATH)).status])
        await self.alice.put(PATH, body())
        await self.services.accounts.sessions.close_devices(ALICE, (SLEEPER.device_id,))

        self.assertEqual(404, (await self.alice.get(PATH)).status)

    async def test_bad_input_is_refused(self) -> None:
        """Other devices, wrong keys, wrong tokens."""
        await self.begin()
        parts: list[Any] = [
            {"device_id": "OTHER"},
            {"device_keys": {}},
            {"device_data": 1},
            {"device_data": {}},
            {"device_id": ""},
        ]
        for wrong in parts:
            self.assertEqual(400, (await self.alice.put(PATH, {**body(), **wrong})).status, wrong)
        self.assertEqual(403, (await self.alice.put(PATH, body(Device(ALICE, PHONE)))).status)
        await self.alice.put(PATH, body())
        self.assertEqual(403, (await self.alice.get(f"{PATH}/OTHER/events")).status)
        self.assertEqual(400, (await self.alice.get(f"{PATH}/SLEEPER/events", from_="x")).status)
        self.assertEqual(404, (await self.bob.get(f"{PATH}/SLEEPER/events")).status)
