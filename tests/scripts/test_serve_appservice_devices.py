"""The whole server with an application service that has devices, and is told of what is not stored."""

from typing import Any, ClassVar

from tests.client import Client
from tests.scripts.appservices import GHOST, V3, AppserviceCase


class EphemeralTests(AppserviceCase):
    registration: ClassVar[dict[str, Any]] = {"receive_ephemeral": True, "de.sorunome.msc2409.push_ephemeral": True}

    async def test_typing_receipts_and_presence(self) -> None:
        """Of its rooms, under the name that the registration asks by; private receipts are its own users' alone."""
        alice = await self.user("alice")
        room_id = await self.room_with_ghost(alice)
        other = (await alice.post(f"{V3}/createRoom", {})).json["room_id"]
        said = (await self.say(alice, room_id, "hello")).json["event_id"]
        for room in (room_id, other):
            await alice.put(f"{V3}/rooms/{room}/typing/@alice:localhost", {"typing": True, "timeout": 30000})
        await self.until(lambda: self.of_type("m.typing"))
        await alice.post(f"{V3}/rooms/{room_id}/receipt/m.read.private/{said}", {})
        await alice.post(f"{V3}/rooms/{room_id}/receipt/m.read/{said}", {})
        await self.service.post(f"{V3}/rooms/{room_id}/receipt/m.read.private/{said}", {}, user_id=GHOST)
        await alice.put(f"{V3}/presence/@alice:localhost/status", {"presence": "online", "status_msg": "tea"})
        for room in (room_id, other):
            await alice.put(f"{V3}/rooms/{room}/typing/@alice:localhost", {"typing": False})
        await self.until(lambda: self.of_type("m.presence") and len(self.readers()) == 2 and len(self.typists()) == 2)

        self.assertEqual([(room_id, ["@alice:localhost"]), (room_id, [])], self.typists())
        self.assertEqual({("m.read", "@alice:localhost"), ("m.read.private", GHOST)}, self.readers())
        self.assertEqual("tea", self.of_type("m.presence")[-1]["content"]["status_msg"])
        self.assertEqual(self.bridge.told("ephemeral"), self.bridge.told("de.sorunome.msc2409.ephemeral"))

    def of_type(self, kind: str) -> list[Any]:
        return [each for each in self.bridge.told("ephemeral") if each["type"] == kind]

    def typists(self) -> list[Any]:
        return [(each["room_id"], each["content"]["user_ids"]) for each in self.of_type("m.typing")]

    def readers(self) -> set[Any]:
        return {
            (kind, user)
            for each in self.of_type("m.receipt")
            for of_event in each["content"].values()
            for kind, users in of_event.items()
            for user in users
        }


class EncryptionTests(AppserviceCase):
    registration: ClassVar[dict[str, Any]] = {"org.matrix.msc3202": True}

    async def test_keys_of_its_devices(self) -> None:
        """They are uploaded by the token of the service, and counted for it when one is taken."""
        alice = await self.user("alice")
        await self.ghost()
        await self.service.put(f"{V3}/devices/D1", {}, user_id=GHOST)
        algorithms = ["m.olm.v1.curve25519-aes-sha2"]
        keys = {"user_id": GHOST, "device_id": "D1", "algorithms": algorithms, "keys": {"ed25519:D1": "x"}}
        signed = {"signatures": {GHOST: {"ed25519:D1": "y"}}}
        body = {
            "device_keys": {**keys, **signed},
            "one_time_keys": {f"signed_curve25519:{name}": {"key": name, **signed} for name in "ab"},
            "fallback_keys": {"signed_curve25519:f": {"key": "f", "fallback": True, **signed}},
        }
        uploaded = await self.service.post(f"{V3}/keys/upload", body, user_id=GHOST, device_id="D1")
        counts = "device_one_time_keys_count"
        await self.until(lambda: self.last(counts) == {GHOST: {"D1": {"signed_curve25519": 2}}})
        wanted = {"one_time_keys": {GHOST: {"D1": "signed_curve25519"}}}
        claimed = [(await alice.post(f"{V3}/keys/claim", wanted)).status for _ in range(3)]
        await self.until(lambda: self.last("device_unused_fallback_key_types") == {GHOST: {"D1": []}})
        signing = {"user_id": GHOST, "usage": ["master"], "keys": {"ed25519:m": "m"}}
        master = await self.service.post(f"{V3}/keys/device_signing/upload", {"master_key": signing}, user_id=GHOST)

        self.assertEqual((200, [200] * 3), (uploaded.status, claimed), uploaded.body)
        self.assertEqual({GHOST: {"D1": {"signed_curve25519": 0}}}, self.last(counts))
        self.assertNotEqual(401, master.status, "no interactive authentication is asked for")

    def last(self, name: str) -> Any:
        """The newest that was said under this name."""
        return next((each.body[name] for each in self.bridge.transactions[::-1] if each.body.get(name)), None)

    async def test_messages_keys_and_device_lists(self) -> None:
        """Once each, with whom they are for; by old names and new."""
        alice = await self.user("alice")
        await self.room_with_ghost(alice)
        await self.service.put(f"{V3}/devices/D1", {}, user_id=GHOST)
        await self.until(lambda: any(GHOST in each for each in self.lists("changed")))
        message = {"messages": {GHOST: {"D1": {"x": 1}}}}
        await alice.put(f"{V3}/sendToDevice/org.example.hi/t1", message)
        await self.until(lambda: self.bridge.told("to_device"))
        device = (await alice.get(f"{V3}/account/whoami")).json["device_id"]
        await alice.put(f"{V3}/devices/{device}", {"display_name": "Phone"})
        await self.until(lambda: any("@alice:localhost" in each for each in self.lists("changed")[1:]))
        await alice.put(f"{V3}/sendToDevice/org.example.hi/t2", message)
        await self.until(lambda: len(self.bridge.told("to_device")) == 2)
        sync = await self.service.get(f"{V3}/sync", user_id=GHOST, device_id="D1")

        told = {"type": "org.example.hi", "sender": "@alice:localhost", "content": {"x": 1}}
        told |= {"to_user_id": GHOST, "to_device_id": "D1"}
        self.assertEqual([told, told], self.bridge.told("to_device"))
        self.assertEqual([told, told], self.bridge.told("de.sorunome.msc2409.to_device"))
        counts = [each.body["device_one_time_keys_count"] for each in self.bridge.transactions]
        self.assertIn({GHOST: {"D1": {"signed_curve25519": 0}}}, counts)
        for each in self.bridge.transactions:
            for name in ("device_lists", "device_one_time_keys_count", "device_unused_fallback_key_types"):
                self.assertEqual(each.body[name], each.body[f"org.matrix.msc3202.{name}"])
        # The first was in a transaction that was taken: it is gone.
        self.assertLessEqual(len(sync.json.get("to_device", {}).get("events", ())), 1)

    def lists(self, name: str) -> list[list[str]]:
        return [each.body["device_lists"][name] for each in self.bridge.transactions]


class UnaskedEncryptionTests(EncryptionTests):
    """The same for a service that does not ask for it, and has a device with keys."""

    registration: ClassVar[dict[str, Any]] = {}

    async def test_messages_keys_and_device_lists(self) -> None:
        """As soon as there is one."""
        await self.ghost()
        alice = await self.user("alice")
        for name in ("D1", "D2"):
            await self.service.put(f"{V3}/devices/{name}", {}, user_id=GHOST)
        message = {"messages": {GHOST: {"D2": {"x": 1}}}}
        await alice.put(f"{V3}/sendToDevice/org.example.hi/t1", message)
        await self.room_with_ghost_again(alice)
        await self.until(lambda: self.bridge.events)
        self.assertEqual([], self.bridge.told("to_device"))
        keys = {"user_id": GHOST, "device_id": "D1", "algorithms": [], "keys": {"ed25519:D1": "x"}}
        body = {"device_keys": {**keys, "signatures": {GHOST: {"ed25519:D1": "y"}}}}
        uploaded = await self.service.post(f"{V3}/keys/upload", body, user_id=GHOST, device_id="D1")
        await alice.put(f"{V3}/sendToDevice/org.example.hi/t2", message)
        await self.until(lambda: self.bridge.told("to_device"))

        self.assertEqual(200, uploaded.status, uploaded.body)

    async def room_with_ghost_again(self, alice: Client) -> None:
        room_id = (await alice.post(f"{V3}/createRoom", {"preset": "public_chat"})).json["room_id"]
        await self.service.post(f"{V3}/join/{room_id}", {}, user_id=GHOST)
