"""Accounts are made over HTTP."""

from typing import Any

from attrs import evolve

from homeserver.services.registration import RegistrationSettings
from homeserver.store import registration_tokens
from tests.accounts import OPEN, PASSWORD, Accounts
from tests.client import Client
from tests.databases import DatabaseCase

REGISTER = "/_matrix/client/v3/register"
AVAILABLE = "/_matrix/client/v3/register/available"
VALIDITY = "/_matrix/client/v1/register/m.login.registration_token/validity"
WHOAMI = "/_matrix/client/v3/account/whoami"
BODY = {"username": "alice", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}


class RegisterTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(Accounts(self.database).site())

    async def test_one_request_is_enough(self) -> None:
        """With the dummy stage at once, the account is there and its token works."""
        response = await self.client.post(REGISTER, BODY)
        whoami = await self.client.signed_in(response.json["access_token"]).get(WHOAMI)

        self.assertEqual(200, response.status)
        self.assertEqual("@alice:localhost", response.json["user_id"])
        self.assertEqual(
            {"user_id": "@alice:localhost", "device_id": response.json["device_id"], "is_guest": False}, whoami.json
        )
        self.assertNotIn("refresh_token", response.json)

    async def test_the_flows_come_first(self) -> None:
        """A request without authentication learns how, and the session leads on."""
        first = await self.client.post(REGISTER, {"username": "alice", "password": PASSWORD})
        second = await self.client.post(
            REGISTER, {**BODY, "auth": {"type": "m.login.dummy", "session": first.json["session"]}}
        )

        self.assertEqual((401, [{"stages": ["m.login.dummy"]}]), (first.status, first.json["flows"]))
        self.assertEqual(200, second.status)

    async def test_devices_and_refresh_tokens(self) -> None:
        """The client's own device ID, and a token that it can refresh."""
        response = await self.client.post(
            REGISTER, {**BODY, "device_id": "PHONE", "initial_device_display_name": "My phone", "refresh_token": True}
        )
        client = self.client.signed_in(response.json["access_token"])
        devices = await client.get("/_matrix/client/v3/devices")

        self.assertEqual("PHONE", response.json["device_id"])
        self.assertEqual("My phone", devices.json["devices"][0]["display_name"])
        self.assertEqual(3_600_000, response.json["expires_in_ms"])
        self.assertTrue(response.json["refresh_token"])

    async def test_login_may_be_inhibited(self) -> None:
        """Only the user ID comes back."""
        response = await self.client.post(REGISTER, {**BODY, "inhibit_login": True})

        self.assertEqual({"user_id", "home_server"}, set(response.json))

    async def test_guests(self) -> None:
        """All but the device's name is ignored, however wrong."""
        response = await self.client.post(
            REGISTER, {"username": 7, "device_id": "MINE", "initial_device_display_name": "x"}, kind="guest"
        )
        whoami = await self.client.signed_in(response.json["access_token"]).get(WHOAMI)

        self.assertEqual(200, response.status)
        self.assertNotEqual("MINE", response.json["device_id"])
        self.assertTrue(whoami.json["is_guest"])

    async def test_refusals(self) -> None:
        """Each with the spec's code, before any authentication."""
        await self.client.post(REGISTER, BODY)
        for change, code in (
            ({"username": "alice"}, "M_USER_IN_USE"),
            ({"username": "al ice"}, "M_INVALID_USERNAME"),
            ({"username": "_bridge_x"}, "M_EXCLUSIVE"),
            ({"username": "bob", "password": "abc"}, "M_WEAK_PASSWORD"),
        ):
            response = await self.client.post(REGISTER, {"password": PASSWORD, **change})
            self.assertEqual((400, code), (response.status, response.errcode))

    async def test_bad_bodies(self) -> None:
        """What is not what the spec says is refused, and makes no account."""
        bad: list[Any] = [
            b"no json",
            [],
            {**BODY, "username": 7},
            {**BODY, "username": "a\0b"},
            {**BODY, "password": ["x"]},
            {**BODY, "password": "x" * 2000},
            {**BODY, "device_id": ""},
            {**BODY, "device_id": "x" * 300},
            {**BODY, "device_id": 7},
            {**BODY, "initial_device_display_name": {}},
            {**BODY, "initial_device_display_name": "x" * 300},
            {**BODY, "inhibit_login": "no"},
            {**BODY, "refresh_token": 1},
            {**BODY, "auth": "dummy"},
            {**BODY, "auth": {"type": 7}},
            {**BODY, "password": None},
        ]
        for body in bad:
            response = await self.client.post(REGISTER, body)
            self.assertEqual(400, response.status, body)
        unknown_kind = await self.client.post(REGISTER, BODY, kind="admin")

        self.assertEqual((400, "M_INVALID_PARAM"), (unknown_kind.status, unknown_kind.errcode))
        self.assertEqual(200, (await self.client.get(AVAILABLE, username="alice")).status)

    async def test_a_stage_that_is_not_offered(self) -> None:
        """The flows come again, with what was wrong."""
        response = await self.client.post(REGISTER, {**BODY, "auth": {"type": "m.login.recaptcha"}})

        self.assertEqual((401, "M_UNRECOGNIZED"), (response.status, response.errcode))
        self.assertIn("flows", response.json)

    async def test_names_are_asked_for(self) -> None:
        """Before anybody registers."""
        free = await self.client.get(AVAILABLE, username="alice")
        await self.client.post(REGISTER, BODY)

        self.assertEqual({"available": True}, free.json)
        for name, code in (
            ("alice", "M_USER_IN_USE"),
            ("ALICE", "M_USER_IN_USE"),
            ("a b", "M_INVALID_USERNAME"),
            ("", "M_INVALID_USERNAME"),
            ("_bridge_x", "M_EXCLUSIVE"),
        ):
            response = await self.client.get(AVAILABLE, username=name)
            self.assertEqual((400, code), (response.status, response.errcode), name)
        self.assertEqual("M_MISSING_PARAM", (await self.client.get(AVAILABLE)).errcode)

    async def test_application_services(self) -> None:
        """They register by their token; without it nobody does."""
        body = {"type": "m.login.application_service", "username": "_bridge_x", "inhibit_login": True}
        service = self.client.signed_in("as_token")

        self.assertEqual(200, (await service.post(REGISTER, body)).status)
        self.assertEqual("M_USER_IN_USE", (await service.post(REGISTER, body)).errcode)
        self.assertEqual("M_EXCLUSIVE", (await service.post(REGISTER, {**body, "username": "alice"})).errcode)
        self.assertEqual("M_MISSING_PARAM", (await service.post(REGISTER, {"type": body["type"]})).errcode)
        self.assertEqual("M_MISSING_TOKEN", (await self.client.post(REGISTER, body)).errcode)
        strange = await self.client.signed_in("strange").post(REGISTER, body)
        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (strange.status, strange.errcode))


class RestrictedRegistrationTests(DatabaseCase):
    def client(self, settings: RegistrationSettings) -> Client:
        return Client(Accounts(self.database, settings).site())

    async def test_closed(self) -> None:
        """Users, guests and tokens are refused alike."""
        client = self.client(RegistrationSettings())

        self.assertEqual((403, "M_FORBIDDEN"), _seen(await client.post(REGISTER, BODY)))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await client.post(REGISTER, {}, kind="guest")))
        self.assertEqual((403, "M_FORBIDDEN"), _seen(await client.get(VALIDITY, token="x")))

    async def test_by_token(self) -> None:
        """The stage is offered, a wrong token may be tried again, and a good one is good for its uses."""
        client = self.client(evolve(OPEN, tokens_required=True))
        await self.database.write(registration_tokens.replace, "welcome", 1, None)
        flows = await client.post(REGISTER, {"username": "alice", "password": PASSWORD})
        wrong = await client.post(REGISTER, {**BODY, "auth": {"type": "m.login.registration_token", "token": "x"}})
        valid = await client.get(VALIDITY, token="welcome")
        right = await client.post(
            REGISTER, {**BODY, "auth": {"type": "m.login.registration_token", "token": "welcome"}}
        )
        spent = await client.get(VALIDITY, token="welcome")

        self.assertEqual([{"stages": ["m.login.registration_token"]}], flows.json["flows"])
        self.assertEqual((401, "M_FORBIDDEN"), _seen(wrong))
        self.assertEqual(200, right.status)
        self.assertEqual(({"valid": True}, {"valid": False}), (valid.json, spent.json))
        self.assertEqual("M_MISSING_PARAM", (await client.get(VALIDITY)).errcode)


def _seen(response: Any) -> tuple[int, str | None]:
    return response.status, response.errcode
