"""The whole server and a mail server that nobody here wrote: what is mailed is read, and its links are followed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from urllib.parse import urlsplit

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from conf.reading import SettingsError, parse_settings
from homeserver.http.request import EdgeSite
from scripts.serve import Server, start
from tests.client import Client, Response
from tests.mail import MailServer, body_of, link_in
from tests.waiting import until

V3 = "/_matrix/client/v3"
ADDRESS = "alice@two.example"
SECRET = "a.secret"


class MailCase(TestCase):
    """``self.server`` is up, and ``self.mail`` takes its mail."""

    settings: ClassVar[dict[str, Any]] = {}
    email: ClassVar[dict[str, Any]] = {}

    async def setUp(self) -> None:  # type: ignore[override]
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mail = MailServer()
        self.addCleanup(self.mail.stop)
        email = {"smtp_host": "127.0.0.1", "smtp_port": self.mail.port, "tls": False, "from": "Tea <tea@one.example>"}
        self.parsed = parse_settings(
            {
                "listeners": [{"port": 0}],
                "passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8, "length_min": 4},
                "rate_limits": {"enabled": False},
                **self.settings,
                "email": {**email, **self.email},
            },
            Path(folder.name),
        )
        self.server = await start(self.parsed, reactor)
        self.addCleanup(self.server.stop)

    @property
    def client(self) -> Client:
        return self.client_of(self.server)

    def client_of(self, server: Server) -> Client:
        return Client(EdgeSite(server.edge, server.settings.http, reactor))

    async def ask(self, what: str, address: str = ADDRESS, **more: Any) -> str:
        """The ID of a session for which mail was sent."""
        body = {"client_secret": SECRET, "email": address, "send_attempt": 1, **more}
        return str((await self.ok(self.client.post(f"{V3}/{what}/email/requestToken", body)))["sid"])

    async def follow(self, link: str, method: str = "POST") -> Response:
        """What a browser is shown that goes there, or presses the button."""
        parts = urlsplit(link)
        return await self.client.request(method, f"{parts.path}?{parts.query}")

    async def register(self, name: str, **auth: Any) -> Client:
        auth = auth or {"type": "m.login.dummy"}
        account = {"username": name, "password": "a good one", "auth": auth}
        return self.client.signed_in((await self.ok(self.client.post(f"{V3}/register", account)))["access_token"])

    async def add_address(self, client: Client, name: str, address: str = ADDRESS) -> None:
        """The user of *client* has that address."""
        sid = await self.ask("account/3pid", address)
        await self.follow(link_in(self.mail.newest(address)))
        auth = {"type": "m.login.password", "password": "a good one", "identifier": {"type": "m.id.user", "user": name}}
        await self.ok(client.post(f"{V3}/account/3pid/add", {"sid": sid, "client_secret": SECRET, "auth": auth}))

    async def login(self, password: str, address: str = ADDRESS) -> Response:
        identifier = {"type": "m.id.thirdparty", "medium": "email", "address": address}
        body = {"type": "m.login.password", "identifier": identifier, "password": password}
        return await self.client.post(f"{V3}/login", body)

    async def ok(self, answer: Any) -> Any:
        response: Response = await answer
        self.assertEqual(200, response.status, response.body)
        return response.json

    def count(self, address: str = ADDRESS) -> int:
        return sum(to == address for to, _ in self.mail.taken)


def proof(sid: str, secret: str = SECRET) -> dict[str, Any]:
    """The ``auth`` that proves an address."""
    return {"type": "m.login.email.identity", "threepid_creds": {"sid": sid, "client_secret": secret}}


class RegistrationTests(MailCase):
    settings: ClassVar[dict[str, Any]] = {
        "registration": {"enabled": True, "email_required": True},
        "terms": {
            "policies": [
                {
                    "id": "privacy",
                    "version": "1.2",
                    "translations": [{"language": "en", "name": "Privacy", "url": "https://one.example/privacy"}],
                }
            ]
        },
    }

    async def test_a_newcomer_accepts_the_terms_and_proves_an_address(self) -> None:
        """The address is the account's then, and logs in; nothing of it is skipped."""
        account = {"username": "alice", "password": "a good one"}
        start = (await self.client.post(f"{V3}/register", account)).json
        sid = await self.ask("register", "Alice@TWO.example")
        message = self.mail.newest(ADDRESS)
        early = await self.client.post(
            f"{V3}/register", {**account, "auth": {**proof(sid), "session": start["session"]}}
        )
        terms = {"type": "m.login.terms", "session": start["session"]}
        middle = (await self.client.post(f"{V3}/register", {**account, "auth": terms})).json
        unproved = await self.client.post(
            f"{V3}/register", {**account, "auth": {**proof(sid), "session": start["session"]}}
        )
        page = await self.follow(link_in(message), "GET")
        still = await self.client.post(
            f"{V3}/register", {**account, "auth": {**proof(sid), "session": start["session"]}}
        )
        thanks = await self.follow(link_in(message))
        client = await self.register("alice", **proof(sid), session=start["session"])
        again = await self.client.post(
            f"{V3}/register", {**account, "username": "bob", "auth": {**proof(sid), "session": start["session"]}}
        )

        self.assertEqual([{"stages": ["m.login.terms", "m.login.email.identity"]}], start["flows"])
        policy = start["params"]["m.login.terms"]["policies"]["privacy"]
        self.assertEqual({"version": "1.2", "en": {"name": "Privacy", "url": "https://one.example/privacy"}}, policy)
        self.assertEqual((401, "M_UNRECOGNIZED"), (early.status, early.errcode))
        self.assertEqual(["m.login.terms"], middle["completed"])
        self.assertEqual((401, "M_THREEPID_AUTH_FAILED"), (unproved.status, unproved.errcode))
        self.assertIn(b"<button>", page.body)
        self.assertEqual((401, "M_THREEPID_AUTH_FAILED"), (still.status, still.errcode))
        self.assertEqual(200, thanks.status)
        [owned] = (await self.ok(client.get(f"{V3}/account/3pid")))["threepids"]
        self.assertEqual(("email", ADDRESS), (owned["medium"], owned["address"]))
        self.assertEqual(200, (await self.login("a good one", "ALICE@two.example")).status)
        self.assertEqual(401, again.status)
        self.assertEqual("Tea", message["from"].addresses[0].display_name)
        self.assertEqual("auto-generated", message["auto-submitted"])
        self.assertIn(link_in(message).replace("&", "&amp;"), body_of(message, "html"))

    async def test_terms_are_not_accepted_unseen(self) -> None:
        """Without a session nobody can have read them."""
        account = {"username": "alice", "password": "a good one", "auth": {"type": "m.login.terms"}}
        response = await self.client.post(f"{V3}/register", account)

        self.assertEqual((401, "M_FORBIDDEN"), (response.status, response.errcode))
        self.assertNotIn("completed", response.json)


class AccountTests(MailCase):
    settings: ClassVar[dict[str, Any]] = {"registration": {"enabled": True}}
    email: ClassVar[dict[str, Any]] = {
        "next_link_hosts": ["chat.example"],
        "allowed_domains": ["two.example"],
        "tell_logins": True,
    }

    async def test_a_forgotten_password(self) -> None:
        """Other sessions end, the owner is told, and a link is good for one change."""
        client = await self.register("alice")
        await self.add_address(client, "alice")
        sid = await self.ask("account/password", next_link="https://chat.example/#/login")
        back = await self.follow(link_in(self.mail.newest(ADDRESS)))
        body = {"new_password": "a better one", "auth": proof(sid)}
        offered = (await self.client.post(f"{V3}/account/password", {"new_password": "a better one"})).json
        wrong = await self.client.post(f"{V3}/account/password", {**body, "auth": proof(sid, "other")})
        await self.ok(self.client.post(f"{V3}/account/password", body))
        again = await self.client.post(f"{V3}/account/password", body)
        await until(lambda: "changed" in self.mail.newest(ADDRESS)["subject"], "the notice comes")

        self.assertEqual((303, "https://chat.example/#/login"), (back.status, back.headers["location"]))
        stages = [flow["stages"] for flow in offered["flows"]]
        self.assertEqual([["m.login.password"], ["m.login.email.identity"]], stages)
        self.assertEqual((401, "M_THREEPID_AUTH_FAILED"), (wrong.status, wrong.errcode))
        self.assertEqual(401, again.status)
        self.assertEqual(401, (await client.get(f"{V3}/account/whoami")).status)
        self.assertEqual(
            (403, 200), ((await self.login("a good one")).status, (await self.login("a better one")).status)
        )

    async def test_devices_may_stay(self) -> None:
        """When the client says so."""
        client = await self.register("alice")
        await self.add_address(client, "alice")
        sid = await self.ask("account/password")
        await self.follow(link_in(self.mail.newest(ADDRESS)))
        body = {"new_password": "a better one", "auth": proof(sid), "logout_devices": False}
        await self.ok(self.client.post(f"{V3}/account/password", body))

        self.assertEqual(200, (await client.get(f"{V3}/account/whoami")).status)

    async def test_what_is_proved_serves_its_purpose_alone(self) -> None:
        """Who confirms an address to register, or to add it, sets nobody's password; and the other way round."""
        alice, bob = await self.register("alice"), await self.register("bob")
        await self.add_address(alice, "alice")
        sid = await self.ask("account/password")
        await self.follow(link_in(self.mail.newest(ADDRESS)))
        auth = {
            "type": "m.login.password",
            "password": "a good one",
            "identifier": {"type": "m.id.user", "user": "bob"},
        }
        stolen = await bob.post(f"{V3}/account/3pid/add", {"sid": sid, "client_secret": SECRET, "auth": auth})

        self.assertEqual((403, "M_THREEPID_AUTH_FAILED"), (stolen.status, stolen.errcode))

    async def test_who_asks_learns_of_no_account(self) -> None:
        """The answers are the same; the mail tells who reads it."""
        client = await self.register("alice")
        await self.add_address(client, "alice")
        taken = await self.ask("register")
        subject = self.mail.newest(ADDRESS)["subject"]
        unknown = await self.ask("account/password", "carol@two.example")

        self.assertIn("already", subject)
        self.assertIn("No", self.mail.newest("carol@two.example")["subject"])
        for sid, path in ((taken, "register"), (unknown, "account/password")):
            body = {"username": "eve", "password": "a good one", "new_password": "a good one", "auth": proof(sid)}
            self.assertEqual(401, (await self.client.post(f"{V3}/{path}", body)).status)

    async def test_addresses_come_and_go(self) -> None:
        """One that was removed logs nobody in, and may be another's."""
        alice, bob = await self.register("alice"), await self.register("bob")
        await self.add_address(alice, "alice")
        body = {"medium": "email", "address": "ALICE@two.example"}
        foreign = await bob.post(f"{V3}/account/3pid/delete", body)
        removed = await self.ok(alice.post(f"{V3}/account/3pid/delete", body))
        nobody = await self.login("a good one")
        await self.add_address(bob, "bob")

        self.assertEqual((400, "M_THREEPID_NOT_FOUND"), (foreign.status, foreign.errcode))
        self.assertEqual("no-support", removed["id_server_unbind_result"])
        self.assertEqual(403, nobody.status)
        self.assertEqual("@bob:localhost", (await self.login("a good one")).json["user_id"])

    async def test_a_login_on_a_new_device_is_told(self) -> None:
        """A known device is not."""
        client = await self.register("alice")
        await self.add_address(client, "alice")
        before = self.count()
        first = (await self.login("a good one")).json
        await until(lambda: self.count() == before + 1, "one mail comes")
        identifier = {"type": "m.id.user", "user": "alice"}
        body = {"type": "m.login.password", "identifier": identifier, "password": "a good one"}
        await self.ok(self.client.post(f"{V3}/login", {**body, "device_id": first["device_id"]}))
        await self.ok(self.client.post(f"{V3}/login", {**body, "initial_device_display_name": "<b>Phone</b>"}))
        await until(lambda: self.count() == before + 2, "another mail comes")
        message = self.mail.newest(ADDRESS)

        self.assertIn("Device: <b>Phone</b>", body_of(message))
        self.assertIn("&lt;b&gt;Phone&lt;/b&gt;", body_of(message, "html"))

    async def test_mail_is_asked_for_once(self) -> None:
        """A repeated request sends nothing; a higher number does, with the same link."""
        sid = await self.ask("register")
        link = link_in(self.mail.newest(ADDRESS))
        repeated = await self.ask("register")
        count = self.count()
        renewed = await self.ask("register", send_attempt=2)

        self.assertEqual((sid, sid, 1, 2), (repeated, renewed, count, self.count()))
        self.assertEqual(link, link_in(self.mail.newest(ADDRESS)))

    async def test_failures_show(self) -> None:
        """And do not count as an attempt."""
        self.mail.busy = True
        body = {"client_secret": SECRET, "email": ADDRESS, "send_attempt": 1}
        path = f"{V3}/register/email/requestToken"
        failed = await self.client.post(path, body)
        self.mail.busy = False
        self.mail.refused.add(ADDRESS)
        refused = await self.client.post(path, body)
        self.mail.refused.clear()
        await self.ask("register")

        self.assertEqual((503, 400), (failed.status, refused.status))
        self.assertEqual("M_INVALID_PARAM", refused.errcode)
        self.assertEqual(1, self.count())

    async def test_bad_requests(self) -> None:
        """Each with the error of the spec."""
        good: dict[str, Any] = {"client_secret": SECRET, "email": ADDRESS, "send_attempt": 1}
        phone = {"client_secret": SECRET, "country": "GB", "phone_number": "07700900001", "send_attempt": 1}
        cases: list[tuple[str, dict[str, Any], int, str]] = [
            ("email", {**good, "email": "alice"}, 400, "M_INVALID_PARAM"),
            ("email", {**good, "email": "a@two.example\r\nBcc: b@two.example"}, 400, "M_INVALID_PARAM"),
            ("email", {**good, "email": "alice@three.example"}, 403, "M_THREEPID_DENIED"),
            ("email", {**good, "client_secret": "a secret"}, 400, "M_INVALID_PARAM"),
            ("email", {**good, "client_secret": ""}, 400, "M_INVALID_PARAM"),
            ("email", {**good, "send_attempt": "1"}, 400, "M_BAD_JSON"),
            ("email", {**good, "next_link": "javascript:alert(1)"}, 400, "M_INVALID_PARAM"),
            ("email", {"email": ADDRESS}, 400, "M_MISSING_PARAM"),
            ("msisdn", phone, 400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
        ]
        for medium, body, status, errcode in cases:
            response = await self.client.post(f"{V3}/register/{medium}/requestToken", body)
            self.assertEqual((status, errcode), (response.status, response.errcode), body)
        self.assertEqual([], self.mail.taken)

    async def test_bad_links(self) -> None:
        """A page says so; strangers are not led to strangers."""
        sid = await self.ask("register", next_link="https://evil.example/")
        link = link_in(self.mail.newest(ADDRESS))
        for bad in (link[:-1] + ("0" if link[-1] != "0" else "1"), link.replace(sid, "x")):
            for method in ("GET", "POST"):
                response = await self.follow(bad, method)
                self.assertEqual((400, "text/html; charset=utf-8"), (response.status, response.headers["content-type"]))
        self.assertEqual(200, (await self.follow(link)).status)

    async def test_a_client_may_submit_the_token(self) -> None:
        """As to an identity server."""
        sid = await self.ask("register")
        parts = urlsplit(link_in(self.mail.newest(ADDRESS)))
        token = parts.query.partition("token=")[2]
        answers = []
        for body in (
            {"sid": sid, "client_secret": SECRET, "token": "x"},
            {"sid": sid, "client_secret": "other", "token": token},
            {"sid": sid, "client_secret": SECRET, "token": token},
        ):
            headers = {"content-type": "application/json"}
            answers.append(await self.client.request("POST", parts.path, body, headers=headers))
        await self.register("alice", **proof(sid))

        self.assertEqual(["M_TOKEN_INCORRECT", "M_INVALID_PARAM"], [each.errcode for each in answers[:2]])
        self.assertEqual({"success": True}, answers[2].json)


class DigestTests(MailCase):
    settings: ClassVar[dict[str, Any]] = {"registration": {"enabled": True}}
    email: ClassVar[dict[str, Any]] = {
        "digest_wait_minutes": 0.02,
        "app_name": "Tea",
        "client_url": "https://chat.example",
    }

    async def test_from_a_message_to_the_mail(self) -> None:
        """And to its end, by the link in it; other people's addresses are not written to."""
        alice, bob = await self.register("alice"), await self.register("bob")
        await self.add_address(alice, "alice")
        pusher = {
            "kind": "email",
            "app_id": "m.email",
            "pushkey": ADDRESS,
            "app_display_name": "Mail",
            "device_display_name": ADDRESS,
            "lang": "en",
            "data": {},
        }
        foreign = await bob.post(f"{V3}/pushers/set", pusher)
        misnamed = await alice.post(f"{V3}/pushers/set", {**pusher, "app_id": "mail"})
        await self.ok(alice.post(f"{V3}/pushers/set", pusher))
        room = {"preset": "public_chat", "name": "Kitchen"}
        room_id = (await self.ok(alice.post(f"{V3}/createRoom", room)))["room_id"]
        await self.ok(bob.post(f"{V3}/join/{room_id}", {}))
        before = self.count()
        content = {"msgtype": "m.text", "body": "the kettle boils"}
        await self.ok(bob.put(f"{V3}/rooms/{room_id}/send/m.room.message/1", content))
        await until(lambda: self.count() > before, "a mail comes")
        message = self.mail.newest(ADDRESS)
        link = message["list-unsubscribe"].strip("<>")
        page = await self.follow(link, "GET")
        still = (await self.ok(alice.get(f"{V3}/pushers")))["pushers"]
        bad = await self.follow(link[:-1] + ("0" if link[-1] != "0" else "1"))
        done = await self.follow(link)

        self.assertEqual((400, "M_THREEPID_NOT_FOUND"), (foreign.status, foreign.errcode))
        self.assertEqual((400, "M_INVALID_PARAM"), (misnamed.status, misnamed.errcode))
        self.assertEqual("Unread in Kitchen (Tea)", message["subject"])
        self.assertIn("@bob:localhost: the kettle boils", body_of(message))
        self.assertIn(f"https://chat.example/#/room/{room_id}", body_of(message))
        self.assertEqual((200, 400, 200), (page.status, bad.status, done.status))
        self.assertEqual(["email"], [each["kind"] for each in still])
        self.assertEqual([], (await self.ok(alice.get(f"{V3}/pushers")))["pushers"])


class SettingsTests(TestCase):
    def test_mail_that_is_required_needs_a_mail_server(self) -> None:
        """It is said at the start."""
        with self.assertRaises(SettingsError) as refused:
            parse_settings({"registration": {"email_required": True}}, Path("/srv"))

        self.assertIn("registration.email_required", str(refused.exception))

    def test_bad_senders(self) -> None:
        """The setting is named."""
        with self.assertRaises(SettingsError) as refused:
            parse_settings({"email": {"smtp_host": "mail", "from": "nobody"}}, Path("/srv"))

        self.assertIn("email: from must be an address", str(refused.exception))
