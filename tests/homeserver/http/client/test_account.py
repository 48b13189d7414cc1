"""The caller's own account over HTTP."""

from typing import Any

from tests.accounts import PASSWORD, Accounts, by_password
from tests.client import Client
from tests.databases import DatabaseCase

ACCOUNT = "/_matrix/client/v3/account"
LOGIN = "/_matrix/client/v3/login"


class AccountTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.stranger = Client(self.accounts.site())
        opened = await self.accounts.register("alice")
        assert opened.tokens is not None
        self.alice = self.stranger.signed_in(opened.tokens.access_token)

    async def log_in(self, password: str) -> int:
        body = {"type": "m.login.password", "user": "alice", "password": password}
        return (await self.stranger.post(LOGIN, body)).status

    async def test_whoami(self) -> None:
        """Whom a token speaks for; an application service's for whom it asks."""
        service = self.stranger.signed_in("as_token")
        asserted = await service.get(f"{ACCOUNT}/whoami", user_id="@_bridge_x:localhost")
        refused = await service.get(f"{ACCOUNT}/whoami", user_id="@alice:localhost")

        self.assertEqual("@alice:localhost", (await self.alice.get(f"{ACCOUNT}/whoami")).json["user_id"])
        self.assertEqual("@_bridge_x:localhost", asserted.json["user_id"])
        self.assertNotIn("device_id", asserted.json)
        self.assertGreaterEqual(refused.status, 400)
        # What is no user ID is nobody of the service's either; of who is no service it means nothing.
        odd = await service.get(f"{ACCOUNT}/whoami", user_id="_bridge_x")
        self.assertGreaterEqual(odd.status, 400)
        self.assertEqual(200, (await self.alice.get(f"{ACCOUNT}/whoami", user_id="@odd")).status)
        self.assertEqual("M_MISSING_TOKEN", (await self.stranger.get(f"{ACCOUNT}/whoami")).errcode)

    async def test_a_new_password(self) -> None:
        """Asked for the old one first."""
        flows = await self.alice.post(f"{ACCOUNT}/password", {"new_password": "new password"})
        auth = by_password(session=flows.json["session"])
        changed = await self.alice.post(f"{ACCOUNT}/password", {"new_password": "new password", "auth": auth})

        self.assertEqual((401, 200), (flows.status, changed.status))
        self.assertEqual([403, 200], [await self.log_in(PASSWORD), await self.log_in("new password")])
        self.assertEqual(200, (await self.alice.get(f"{ACCOUNT}/whoami")).status)

    async def test_a_new_password_without_a_session(self) -> None:
        """Who has no session proves the old password alone; a bad token is not passed over."""
        body = {"new_password": "new password", "auth": by_password()}
        bad_token = await self.stranger.signed_in("strange").post(f"{ACCOUNT}/password", body)
        changed = await self.stranger.post(f"{ACCOUNT}/password", body)

        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (bad_token.status, bad_token.errcode))
        self.assertEqual((200, 200), (changed.status, await self.log_in("new password")))

    async def test_bad_passwords(self) -> None:
        """Refused before any authentication."""
        bad: list[tuple[Any, str]] = [
            ({}, "M_MISSING_PARAM"),
            ({"new_password": 7}, "M_BAD_JSON"),
            ({"new_password": "x" * 2000}, "M_INVALID_PARAM"),
            ({"new_password": "abc"}, "M_WEAK_PASSWORD"),
            ({"new_password": "new password", "logout_devices": "no"}, "M_BAD_JSON"),
            (b"[", "M_NOT_JSON"),
        ]
        for body, code in bad:
            response = await self.alice.post(f"{ACCOUNT}/password", body)
            self.assertEqual((400, code), (response.status, response.errcode), body)

    async def test_a_guest_has_no_password(self) -> None:
        """Guests change none, and end their account without one."""
        guest = await self.stranger.post("/_matrix/client/v3/register", {}, kind="guest")
        client = self.stranger.signed_in(guest.json["access_token"])
        password = await client.post(f"{ACCOUNT}/password", {"new_password": "new password"})
        flows = await client.post(f"{ACCOUNT}/deactivate", {})
        ended = await client.post(f"{ACCOUNT}/deactivate", {"auth": {"type": "m.login.dummy"}})

        self.assertEqual((403, "M_GUEST_ACCESS_FORBIDDEN"), (password.status, password.errcode))
        self.assertEqual((401, [{"stages": ["m.login.dummy"]}]), (flows.status, flows.json["flows"]))
        self.assertEqual((200, 401), (ended.status, (await client.get(f"{ACCOUNT}/whoami")).status))

    async def test_deactivation(self) -> None:
        """Asked for the password; then nothing opens the account again."""
        flows = await self.alice.post(f"{ACCOUNT}/deactivate", {})
        auth = by_password(session=flows.json["session"])
        ended = await self.alice.post(f"{ACCOUNT}/deactivate", {"auth": auth, "erase": True})

        self.assertEqual((401, 200), (flows.status, ended.status))
        self.assertEqual({"id_server_unbind_result": "success"}, ended.json)
        self.assertEqual(401, (await self.alice.get(f"{ACCOUNT}/whoami")).status)
        self.assertEqual(403, await self.log_in(PASSWORD))

    async def test_bad_deactivations(self) -> None:
        """Nothing ends by mistake."""
        bodies: list[Any] = [b"x", {"erase": "yes"}, {"auth": 7}, {"auth": {"password": PASSWORD}}, []]
        for body in bodies:
            self.assertEqual(400, (await self.alice.post(f"{ACCOUNT}/deactivate", body)).status, body)
        # That says as little as none at all: they are told how.
        self.assertEqual(401, (await self.alice.post(f"{ACCOUNT}/deactivate", {"auth": {}})).status)

        self.assertEqual(200, (await self.alice.get(f"{ACCOUNT}/whoami")).status)

    async def test_addresses(self) -> None:
        """None, as long as none was proved."""
        self.assertEqual({"threepids": []}, (await self.alice.get(f"{ACCOUNT}/3pid")).json)
        self.assertEqual(401, (await self.stranger.get(f"{ACCOUNT}/3pid")).status)

    async def test_capabilities(self) -> None:
        """What is offered is what there is: every room version, and the caller's fields."""
        response = (await self.alice.get("/_matrix/client/v3/capabilities")).json["capabilities"]

        self.assertEqual("12", response["m.room_versions"]["default"])
        # Those of proposals are there once a whole server was, in this process.
        stable = {version for version, how in response["m.room_versions"]["available"].items() if how == "stable"}
        self.assertEqual({str(n) for n in range(1, 13)}, stable)
        self.assertEqual({"enabled": True}, response["m.profile_fields"])
        self.assertEqual({"enabled": False}, response["m.3pid_changes"])
        self.assertNotIn("m.account_moderation", response)
        self.assertEqual(401, (await self.stranger.get("/_matrix/client/v3/capabilities")).status)
