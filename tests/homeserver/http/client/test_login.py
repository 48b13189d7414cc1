"""Sessions over HTTP: opened, renewed, closed."""

from typing import Any

from homeserver.core.identifiers import UserID
from homeserver.core.tokens import hash_of
from homeserver.http.client.login import LoginEndpoints
from homeserver.http.client.wellknown import client_configuration
from homeserver.services.login_failures import LoginFailureSettings
from homeserver.store import access_tokens
from tests.accounts import PASSWORD, Accounts, by_password
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase

LOGIN = "/_matrix/client/v3/login"
GET_TOKEN = "/_matrix/client/v1/login/get_token"
REFRESH = "/_matrix/client/v3/refresh"
LOGOUT = "/_matrix/client/v3/logout"
WHOAMI = "/_matrix/client/v3/account/whoami"
BODY = {
    "type": "m.login.password",
    "identifier": {"type": "m.id.user", "user": "alice"},
    "password": PASSWORD,
}


class LoginTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database, failures=LoginFailureSettings(account_per_second=1, account_burst=5))
        self.client = Client(self.accounts.site())
        opened = await self.accounts.register("alice")
        assert opened.tokens is not None
        self.alice = self.client.signed_in(opened.tokens.access_token)

    async def log_in(self, **change: Any) -> Response:
        return await self.client.post(LOGIN, {**BODY, **change})

    async def test_the_flows(self) -> None:
        """By password, by token, and for application services."""
        response = await self.client.get(LOGIN)

        self.assertEqual(
            ["m.login.password", "m.login.token", "m.login.application_service"],
            [flow["type"] for flow in response.json["flows"]],
        )
        self.assertTrue(response.json["flows"][1]["get_login_token"])

    async def test_by_password(self) -> None:
        """A session on a device of the client's choice."""
        response = await self.log_in(device_id="PHONE", initial_device_display_name="My phone")
        whoami = await self.client.signed_in(response.json["access_token"]).get(WHOAMI)

        self.assertEqual(200, response.status)
        self.assertEqual("PHONE", whoami.json["device_id"])

    async def test_where_the_server_is(self) -> None:
        """A login tells what autodiscovery does, where that is known; nothing else does."""
        unknown = await self.log_in()
        told = client_configuration("https://m.example.org", {"org.example.more": True})
        site = a_site(LoginEndpoints(self.accounts.logins, well_known=told), clock=self.accounts.clock)
        known = await Client(site).post(LOGIN, BODY)

        self.assertEqual((200, 200), (unknown.status, known.status))
        self.assertNotIn("well_known", unknown.json)
        self.assertEqual(
            {"m.homeserver": {"base_url": "https://m.example.org"}, "org.example.more": True}, known.json["well_known"]
        )

    async def test_deprecated_forms(self) -> None:
        """Older clients name the user in another place, and ask under another path."""
        old = {"type": "m.login.password", "user": "@alice:localhost", "password": PASSWORD}

        self.assertEqual(200, (await self.client.post(LOGIN, old)).status)
        self.assertEqual(200, (await self.client.post("/_matrix/client/r0/login", old)).status)

    async def test_failures(self) -> None:
        """Wrong password and unknown user look the same; too many of them must wait."""
        wrong = await self.log_in(password="wrong")
        unknown = await self.log_in(identifier={"type": "m.id.user", "user": "nobody"})

        self.assertEqual((403, "M_FORBIDDEN"), (wrong.status, wrong.errcode))
        self.assertEqual(wrong.json, unknown.json)
        for _ in range(4):
            await self.log_in(password="wrong")
        limited = await self.log_in()
        self.assertEqual((429, "M_LIMIT_EXCEEDED"), (limited.status, limited.errcode))
        self.assertEqual("1", limited.headers["retry-after"])

    async def test_bad_bodies(self) -> None:
        """What is not what the spec says is refused before any password is looked at."""
        bad: list[tuple[Any, str]] = [
            (b"{", "M_NOT_JSON"),
            ([], "M_BAD_JSON"),
            ({}, "M_MISSING_PARAM"),
            ({**BODY, "type": 7}, "M_BAD_JSON"),
            ({**BODY, "type": "m.login.face"}, "M_UNKNOWN"),
            ({**BODY, "identifier": "alice"}, "M_BAD_JSON"),
            ({**BODY, "identifier": {"type": "m.id.user"}}, "M_MISSING_PARAM"),
            ({**BODY, "identifier": {"type": "m.id.soul"}}, "M_UNKNOWN"),
            ({**BODY, "password": None}, "M_MISSING_PARAM"),
            ({**BODY, "password": 7}, "M_BAD_JSON"),
            ({**BODY, "device_id": ["x"]}, "M_BAD_JSON"),
            ({**BODY, "refresh_token": "yes"}, "M_BAD_JSON"),
            ({"type": "m.login.token"}, "M_MISSING_PARAM"),
            ({"type": "m.login.token", "token": 7}, "M_BAD_JSON"),
            ({"type": "m.login.application_service"}, "M_MISSING_TOKEN"),
        ]
        for body, code in bad:
            response = await self.client.post(LOGIN, body)
            self.assertIn(response.status, (400, 401), body)
            self.assertEqual(code, response.errcode, body)

    async def test_a_third_party_identifier_that_is_nobodys(self) -> None:
        """403, as the spec says."""
        response = await self.log_in(identifier={"type": "m.id.thirdparty", "medium": "email", "address": "a@b.org"})

        self.assertEqual((403, "M_FORBIDDEN"), (response.status, response.errcode))

    async def test_by_token(self) -> None:
        """A session with a session's help, asked for the password each time; the token works once."""
        flows = await self.alice.post(GET_TOKEN, {})
        made = await self.alice.post(GET_TOKEN, {"auth": by_password(session=flows.json["session"])})
        body = {"type": "m.login.token", "token": made.json["login_token"]}
        first, second = await self.client.post(LOGIN, body), await self.client.post(LOGIN, body)

        self.assertEqual((401, 200), (flows.status, made.status))
        self.assertEqual(120_000, made.json["expires_in_ms"])
        self.assertEqual((200, "@alice:localhost"), (first.status, first.json["user_id"]))
        self.assertEqual((403, "M_FORBIDDEN"), (second.status, second.errcode))
        self.assertEqual("M_MISSING_TOKEN", (await self.client.post(GET_TOKEN, {})).errcode)

    async def test_refreshing(self) -> None:
        """The new token works; after its first use the old ones do not."""
        session = (await self.log_in(refresh_token=True)).json
        self.assertEqual(3_600_000, session["expires_in_ms"])
        self.accounts.clock.advance(3600)
        expired = await self.client.signed_in(session["access_token"]).get(WHOAMI)
        renewed = await self.client.post(REFRESH, {"refresh_token": session["refresh_token"]})
        works = await self.client.signed_in(renewed.json["access_token"]).get(WHOAMI)
        again = await self.client.post(REFRESH, {"refresh_token": session["refresh_token"]})

        self.assertEqual((401, "M_UNKNOWN_TOKEN", True), (expired.status, expired.errcode, expired.json["soft_logout"]))
        self.assertEqual((200, 200), (renewed.status, works.status))
        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (again.status, again.errcode))
        self.assertNotIn("soft_logout", again.json)

    async def test_bad_refreshes(self) -> None:
        """A token that is none, in whatever form."""
        for body, code in (({}, "M_MISSING_PARAM"), ({"refresh_token": 7}, "M_BAD_JSON"), ([], "M_BAD_JSON")):
            response = await self.client.post(REFRESH, body)
            self.assertEqual((400, code), (response.status, response.errcode))
        unknown = await self.client.post(REFRESH, {"refresh_token": "x"})

        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (unknown.status, unknown.errcode))

    async def test_logout(self) -> None:
        """One session ends, and the other goes on; then all end."""
        other = self.client.signed_in((await self.log_in()).json["access_token"])
        self.assertEqual({}, (await self.alice.post(LOGOUT)).json)
        self.assertEqual(401, (await self.alice.get(WHOAMI)).status)
        self.assertEqual(200, (await other.get(WHOAMI)).status)
        third = self.client.signed_in((await self.log_in()).json["access_token"])
        await other.post(f"{LOGOUT}/all", {})

        for client in (other, third):
            response = await client.get(WHOAMI)
            self.assertEqual((401, "M_UNKNOWN_TOKEN"), (response.status, response.errcode))

    async def test_tokens_that_are_none(self) -> None:
        """Missing and unknown tokens have codes of their own."""
        for path in (LOGOUT, f"{LOGOUT}/all"):
            missing = await self.client.post(path, {})
            unknown = await self.client.signed_in("strange").post(path, {})
            self.assertEqual((401, "M_MISSING_TOKEN"), (missing.status, missing.errcode))
            self.assertEqual((401, "M_UNKNOWN_TOKEN"), (unknown.status, unknown.errcode))

    async def change_password(self, new: str, **more: Any) -> Response:
        body = {"new_password": new, "auth": by_password("alice"), **more}
        return await self.alice.post("/_matrix/client/v3/account/password", body)

    async def a_login_token(self) -> str:
        made = await self.alice.post(GET_TOKEN, {"auth": by_password("alice")})
        return str(made.json["login_token"])

    async def test_logging_out_everywhere_ends_tokens_that_were_not_used_yet(self) -> None:
        """Whoever made one with a session that is over does not come back by it."""
        token = await self.a_login_token()
        await self.alice.post(f"{LOGOUT}/all", {})
        late = await self.client.post(LOGIN, {"type": "m.login.token", "token": token})

        self.assertEqual((403, "M_FORBIDDEN"), (late.status, late.errcode))

    async def test_a_new_password_ends_every_other_way_in(self) -> None:
        """Devices, tokens without one and tokens to log in with; the caller stays, and all do if that is said."""
        other = self.client.signed_in((await self.log_in()).json["access_token"])
        now = int(self.accounts.clock.seconds() * 1000)
        await self.database.write(
            access_tokens.insert_token, hash_of("acting"), UserID("@alice:localhost"), None, now + 10**6, None, now
        )
        acting, token = self.client.signed_in("acting"), await self.a_login_token()
        self.assertEqual(200, (await self.change_password("something 8 new", logout_devices=False)).status)
        self.assertEqual([200] * 3, [(await each.get(WHOAMI)).status for each in (self.alice, other, acting)])
        body = {"new_password": PASSWORD, "auth": by_password("alice", "something 8 new")}
        self.assertEqual(200, (await self.alice.post("/_matrix/client/v3/account/password", body)).status)

        self.assertEqual([200, 401, 401], [(await each.get(WHOAMI)).status for each in (self.alice, other, acting)])
        self.assertEqual(403, (await self.client.post(LOGIN, {"type": "m.login.token", "token": token})).status)

    async def test_addresses_may_be_left_out(self) -> None:
        """Then nobody is told from where a device came, only when."""
        for keeps, shown in ((True, "192.0.2.1"), (False, "")):
            self.accounts.last_seen.keeps_addresses = keeps
            await self.alice.get(WHOAMI)
            await self.accounts.last_seen.flush()
            (device,) = (await self.alice.get("/_matrix/client/v3/devices")).json["devices"]

            self.assertEqual(shown, device["last_seen_ip"])
            self.assertIsNotNone(device["last_seen_ts"])
