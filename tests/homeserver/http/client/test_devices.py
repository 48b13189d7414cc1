"""Devices over HTTP."""

from typing import Any

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.services.sessions import NewSession
from tests.accounts import Accounts, by_password
from tests.client import Client
from tests.databases import DatabaseCase

DEVICES = "/_matrix/client/v3/devices"
DELETE = "/_matrix/client/v3/delete_devices"


class DeviceTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.stranger = Client(self.accounts.site())
        opened = await self.accounts.register("alice", NewSession(DeviceID("PHONE"), "My phone"))
        self.accounts.clock.advance(1)
        for device_id in ("LAPTOP", "TABLET"):
            await self.accounts.sessions.open(UserID("@alice:localhost"), NewSession(DeviceID(device_id)))
        assert opened.tokens is not None
        self.alice = self.stranger.signed_in(opened.tokens.access_token)

    async def ids(self) -> set[str]:
        return {device["device_id"] for device in (await self.alice.get(DEVICES)).json["devices"]}

    async def test_listing_and_showing(self) -> None:
        """What was never seen has the time when it was made; what has no name or address, empty ones."""
        await self.accounts.last_seen.flush()

        self.assertEqual({"PHONE", "LAPTOP", "TABLET"}, await self.ids())
        laptop = (await self.alice.get(f"{DEVICES}/LAPTOP")).json
        self.assertEqual(("", ""), (laptop["display_name"], laptop["last_seen_ip"]))
        self.assertEqual(int(self.accounts.clock.seconds() * 1000), laptop["last_seen_ts"])
        await self.accounts.last_seen.flush()
        phone = (await self.alice.get(f"{DEVICES}/PHONE")).json
        self.assertEqual(("My phone", "192.0.2.1"), (phone["display_name"], phone["last_seen_ip"]))
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.get(f"{DEVICES}/STRANGE")))

    async def test_renaming(self) -> None:
        """A new name; none leaves it as it is."""
        self.assertEqual(200, (await self.alice.put(f"{DEVICES}/LAPTOP", {"display_name": "My laptop"})).status)
        self.assertEqual(200, (await self.alice.put(f"{DEVICES}/LAPTOP", {})).status)
        self.assertEqual("My laptop", (await self.alice.get(f"{DEVICES}/LAPTOP")).json["display_name"])
        self.assertEqual((404, "M_NOT_FOUND"), _seen(await self.alice.put(f"{DEVICES}/NEW", {"display_name": "x"})))

    async def test_application_services_make_devices(self) -> None:
        """201 for a new one, 200 afterwards."""
        service = self.stranger.signed_in("as_token")
        query = {"user_id": "@_bridge_x:localhost"}
        made = await service.put(f"{DEVICES}/NEW", {"display_name": "x"}, **query)
        named = await service.put(f"{DEVICES}/NEW", {"display_name": "y"}, **query)
        deleted = await service.delete(f"{DEVICES}/NEW", {}, **query)

        self.assertEqual([201, 200, 200], [made.status, named.status, deleted.status])

    async def test_deleting_one(self) -> None:
        """Asked for the password first; a device that is gone already is no mistake."""
        flows = await self.alice.delete(f"{DEVICES}/LAPTOP")
        auth = by_password(session=flows.json["session"])
        deleted = await self.alice.delete(f"{DEVICES}/LAPTOP", {"auth": auth})
        again = await self.alice.delete(f"{DEVICES}/LAPTOP", {"auth": by_password()})

        self.assertEqual([401, 200, 200], [flows.status, deleted.status, again.status])
        self.assertEqual({"PHONE", "TABLET"}, await self.ids())

    async def test_deleting_many(self) -> None:
        """All at once."""
        flows = await self.alice.post(DELETE, {"devices": ["LAPTOP", "TABLET"]})
        auth = by_password(session=flows.json["session"])
        wrong = {**auth, "password": "wrong"}
        refused = await self.alice.post(DELETE, {"devices": ["LAPTOP", "TABLET"], "auth": wrong})
        deleted = await self.alice.post(DELETE, {"devices": ["LAPTOP", "TABLET"], "auth": auth})

        self.assertEqual([401, 401, 200], [flows.status, refused.status, deleted.status])
        self.assertEqual("M_FORBIDDEN", refused.errcode)
        self.assertEqual({"PHONE"}, await self.ids())

    async def test_bad_requests(self) -> None:
        """Wrong types, names too long, and nobody who asks."""
        bad_bodies: list[Any] = [{}, {"devices": "LAPTOP"}, {"devices": [7]}, {"devices": [""]}, [], b"x"]
        for body in bad_bodies:
            self.assertEqual(400, (await self.alice.post(DELETE, body)).status, body)
        for body in ({"display_name": 7}, {"display_name": "x" * 300}, {"display_name": "\0"}, [], b"x"):
            self.assertEqual(400, (await self.alice.put(f"{DEVICES}/LAPTOP", body)).status, body)
        for path in ("%00", "x" * 300):
            self.assertEqual(400, (await self.alice.get(f"{DEVICES}/{path}")).status)

        self.assertEqual((401, "M_MISSING_TOKEN"), _seen(await self.stranger.get(DEVICES)))
        self.assertEqual({"PHONE", "LAPTOP", "TABLET"}, await self.ids())


def _seen(response: Any) -> tuple[int, str | None]:
    return response.status, response.errcode
