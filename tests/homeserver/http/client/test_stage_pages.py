"""Pages on which somebody takes a stage for a client that does not know it, and the page that logs in."""

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import urlencode

from homeserver.core import interactive_auth as uia
from homeserver.core.identifiers import UserID
from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.terms import Policy, Translation
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.devices import DeviceEndpoints
from homeserver.http.client.login import LoginEndpoints
from homeserver.http.client.login_page import LoginPageEndpoints
from homeserver.http.client.register import RegisterEndpoints
from homeserver.http.client.stage_pages import StagePageEndpoints
from homeserver.services.login_failures import LoginFailureSettings
from homeserver.services.mail.pace import MailPace
from homeserver.services.mail.texts import Texts
from homeserver.services.mail.validation import Validation
from homeserver.services.passwords import Passwords
from homeserver.services.registration import Registration, RegistrationSettings
from homeserver.services.stages.email import EmailIdentity
from homeserver.services.stages.on_pages import StagesOnPages
from homeserver.services.stages.simple import Terms
from homeserver.store import registration_tokens
from tests.accounts import HERE, PASSWORD, Accounts
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase, each_database
from tests.mail import SETTINGS, Postbox, link_in
from tests.mailing import KEY, a_post, give_address

V3 = "/_matrix/client/v3"
POLICIES = (Policy("privacy", "1.0", (Translation("de", "Datenschutz", "https://x.org/de?a&b"),)),)
FORM = {"content-type": "application/x-www-form-urlencoded"}
ASKED = RegistrationSettings(enabled=True, tokens_required=True)
ALICE_ID = UserID("@alice:localhost")
ALICE = EmailAddress("alice@two.example")


@each_database
class StagePageTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.postbox = Postbox()
        names = iter(f"sid{number}" for number in range(100))
        self.accounts = accounts = Accounts(self.database, failures=LoginFailureSettings(account_burst=2))
        clock, base = accounts.clock, "https://one.example"
        self.validation = Validation(
            self.database,
            clock,
            a_post(self.database, clock, self.postbox, SETTINGS),
            Texts("Tea", "one.example"),
            MailPace(clock, SETTINGS),
            SETTINGS,
            KEY,
            base,
            lambda: next(names),
        )
        auth = accounts.interactive_auth
        auth.__init__(  # type: ignore[misc]
            KEY, self.database, clock, [*auth.stages, Terms(POLICIES), EmailIdentity(self.validation)]
        )
        registration = Registration(
            HERE, ASKED, self.database, clock, accounts.hashes, accounts.sessions, auth, accounts.appservices
        )
        registration.has_terms = True
        passwords = Passwords(self.database, accounts.hashes, accounts.sessions, auth, can_mail=True)
        site = a_site(
            RegisterEndpoints(registration),
            LoginEndpoints(accounts.logins),
            LoginPageEndpoints(),
            StagePageEndpoints(StagesOnPages(auth, self.validation)),
            AccountEndpoints(passwords, accounts.deactivation, accounts.third_party_ids),
            DeviceEndpoints(accounts.devices),
            authenticators=token_authenticators(accounts.tokens),
            clock=clock,
        )
        await self.database.write(registration_tokens.replace, "welcome", 1, None)
        self.client = Client(site)
        opened = await accounts.register("alice")
        await accounts.register("bob")
        assert opened.tokens is not None
        self.alice, self.device = self.client.signed_in(opened.tokens.access_token), opened.device_id

    def path(self, stage: str, session: str) -> str:
        return f"{V3}/auth/{stage}/fallback/web?{urlencode({'session': session})}"

    async def page(self, stage: str, session: str) -> Response:
        return await self.client.get(self.path(stage, session))

    async def send(self, stage: str, session: str, **form: str) -> Response:
        body = urlencode(form).encode()
        return await self.client.request("POST", self.path(stage, session), body, headers=FORM)

    async def deletion(self) -> Any:
        """The challenge that answers the wish to delete a device."""
        return (await self.alice.delete(f"{V3}/devices/{self.device}", {})).json

    async def delete_with(self, session: str) -> Response:
        return await self.alice.delete(f"{V3}/devices/{self.device}", {"auth": {"session": session}})

    def assert_done(self, page: Response) -> None:
        """The page tells the client, in the words of the spec, and may run nothing else."""
        text = page.body.decode()
        (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        self.assertEqual(200, page.status)
        self.assertIn("window.onAuthDone();", script)
        self.assertIn('window.opener.postMessage("authDone", "*");', script)
        digest = b64encode(sha256(script.encode()).digest()).decode()
        self.assertIn(f"script-src 'sha256-{digest}';", page.headers["content-security-policy"])

    async def test_a_registration_by_pages_alone(self) -> None:
        """A token and the terms: each page takes its stage, and the client comes back with nothing but its session."""
        wanted: dict[str, Any] = {"username": "carol", "password": PASSWORD}
        challenge = (await self.client.post(f"{V3}/register", wanted)).json
        session = challenge["session"]
        self.assertIn([uia.REGISTRATION_TOKEN, uia.TERMS], [each["stages"] for each in challenge["flows"]])
        shown = await self.page(uia.TERMS, session)
        self.assertIn('href="https://x.org/de?a&amp;b"', shown.body.decode())
        self.assertNotIn("script-src", shown.headers["content-security-policy"])
        # In another order than the flow's.
        self.assert_done(await self.send(uia.TERMS, session))
        wanted["auth"] = {"session": session}
        before = (await self.client.post(f"{V3}/register", wanted)).json
        self.assertNotIn("completed", before)
        wrong = await self.send(uia.REGISTRATION_TOKEN, session, token='"><script>alert(1)</script>')
        self.assertEqual((403, 0), (wrong.status, wrong.body.count(b"<script")))
        self.assertIn('role="alert"', wrong.body.decode())
        self.assert_done(await self.send(uia.REGISTRATION_TOKEN, session, token=" welcome "))
        # Once more, it is done still.
        self.assert_done(await self.page(uia.REGISTRATION_TOKEN, session))
        made = await self.client.post(f"{V3}/register", wanted)

        self.assertEqual((200, "@carol:localhost"), (made.status, made.json["user_id"]))

    async def test_a_password_on_a_page(self) -> None:
        """It says what for; another's password counts for nothing, and the session is good for one request."""
        session = (await self.deletion())["session"]
        shown = await self.page(uia.PASSWORD, session)
        self.assertIn("log out devices of yours", shown.body.decode())
        self.assertEqual(403, (await self.send(uia.PASSWORD, session, user="alice", password="no")).status)
        self.assert_done(await self.send(uia.PASSWORD, session, user="bob", password=PASSWORD))
        self.assertEqual(401, (await self.delete_with(session)).status)
        other = (await self.deletion())["session"]
        self.assert_done(await self.send(uia.PASSWORD, other, user="alice", password=PASSWORD))
        # What was proved for this deletes no other device.
        elsewhere = await self.alice.delete(f"{V3}/devices/OTHER", {"auth": {"session": other}})
        self.assertNotEqual(200, elsewhere.status)
        self.assertEqual(200, (await self.delete_with(other)).status)

    async def test_what_was_proved_is_used_up(self) -> None:
        """A second request with the session is asked again."""
        path = "/_matrix/client/v1/login/get_token"
        session = (await self.alice.post(path, {})).json["session"]
        self.assert_done(await self.send(uia.PASSWORD, session, user="@alice:localhost", password=PASSWORD))
        first = await self.alice.post(path, {"auth": {"session": session}})
        second = await self.alice.post(path, {"auth": {"session": session}})

        self.assertEqual((200, 401), (first.status, second.status))
        self.assertNotIn("completed", second.json)

    async def test_guessing_on_pages_is_slowed_down(self) -> None:
        """As everywhere."""
        session = (await self.deletion())["session"]
        statuses = [
            (await self.send(uia.PASSWORD, session, user="alice", password=str(number))).status for number in range(3)
        ]

        self.assertEqual([403, 403, 429], statuses)

    async def test_an_address_on_a_page(self) -> None:
        """The mail's link proves it; until it was followed the page waits, and then the password is another."""
        give = {"new_password": "quite another 7"}
        session = (await self.client.post(f"{V3}/account/password", give)).json["session"]
        await give_address(self.database, ALICE_ID, ALICE)
        self.assertEqual(400, (await self.send(uia.EMAIL_IDENTITY, session, email="nonsense")).status)
        waiting = await self.send(uia.EMAIL_IDENTITY, session, email=str(ALICE))
        (sid,) = re.findall(r'name="sid" value="([^"]+)"', waiting.body.decode())
        early = await self.send(uia.EMAIL_IDENTITY, session, sid=unescape(sid))
        self.assertEqual(403, early.status)
        self.assertIn("not followed yet", early.body.decode())
        self.assertIn(f'value="{sid}"', early.body.decode())
        await self.validation.confirm(sid, link_in(self.postbox.newest(ALICE)).partition("token=")[2])
        self.assert_done(await self.send(uia.EMAIL_IDENTITY, session, sid=sid))
        changed = await self.client.post(f"{V3}/account/password", {**give, "auth": {"session": session}})
        self.assertEqual(200, changed.status, changed.body)
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": ALICE_ID}}

        self.assertEqual(200, (await self.client.post(f"{V3}/login", {**body, "password": "quite another 7"})).status)

    async def test_what_is_no_page(self) -> None:
        """Stages that nobody takes here, sessions of others or of yesterday, and no session at all."""
        session = (await self.deletion())["session"]
        for stage in ("m.login.recaptcha", uia.EMAIL_IDENTITY, "<b>"):
            self.assertEqual(404, (await self.page(stage, session)).status)
            self.assertEqual(404, (await self.send(stage, session)).status)
        for strange in ("", "deleteDevice.AAAA", session[:-1] + ("A" if session[-1] != "A" else "B"), "\0<script>"):
            answer = await self.page(uia.PASSWORD, strange)
            self.assertEqual((400, 0), (answer.status, answer.body.count(b"<script")))
        self.assertEqual("M_MISSING_PARAM", (await self.client.get(f"{V3}/auth/m.login.dummy/fallback/web")).errcode)
        self.accounts.clock.advance(uia.SESSION_LIFETIME_MS / 1000)
        self.assertEqual(400, (await self.send(uia.PASSWORD, session, user="alice", password=PASSWORD)).status)

    async def test_odd_forms(self) -> None:
        """Bytes that are no form are refused, without a word of ours."""
        session = (await self.deletion())["session"]
        for body in (b"\xff\xfe=\xff", b"&" * 1000, b"user=%FF", b"user", b"\0"):
            answer = await self.client.request("POST", self.path(uia.PASSWORD, session), body, headers=FORM)
            self.assertIn(answer.status, (400, 403))

    async def test_the_login_page(self) -> None:
        """It runs its own script alone, and is found with and without the slash."""
        for path in ("/_matrix/static/client/login/", "/_matrix/static/client/login"):
            page = await self.client.get(path, device_id="GHTYAJCE")
            (script,) = re.findall(r"<script>(.*?)</script>", page.body.decode(), re.DOTALL)
            digest = b64encode(sha256(script.encode()).digest()).decode()

            self.assertEqual(200, page.status)
            self.assertIn("window.matrixLogin.onLogin(answer)", script)
            self.assertIn(f"script-src 'sha256-{digest}';", page.headers["content-security-policy"])
            self.assertNotIn("GHTYAJCE", page.body.decode())
