"""Addresses of accounts, on a server that sends no mail and asks no identity server."""

from typing import Any

from homeserver.core.mail.addresses import EMAIL
from homeserver.http.client.third_party_ids import ThirdPartyIDEndpoints, ValidationEndpoints
from homeserver.store import threepids
from homeserver.store.threepids import OwnedAddress
from tests.accounts import Accounts, by_password
from tests.client import Client, a_site
from tests.databases import DatabaseCase, each_database

V3 = "/_matrix/client/v3"
ADDRESS = "alice@two.example"


@each_database
class ThirdPartyIDTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        alice = await self.accounts.caller_of(await self.accounts.register("alice"))
        site = a_site(ThirdPartyIDEndpoints(self.accounts.third_party_ids), ValidationEndpoints(None))
        self.alice = Client(site, "alice")
        self.stranger = Client(site)
        owned = OwnedAddress(EMAIL, ADDRESS, 1, 2)
        self.assertTrue(await self.database.write(threepids.insert_new, alice.user_id, owned))

    async def test_nothing_is_proved_without_mail(self) -> None:
        """Each request for mail, or for a message to a telephone, is told so."""
        mail = {"client_secret": "s", "email": ADDRESS, "send_attempt": 1}
        phone = {"client_secret": "s", "country": "GB", "phone_number": "1", "send_attempt": 1}
        for what in ("register", "account/3pid", "account/password"):
            for medium, body in (("email", mail), ("msisdn", phone)):
                response = await self.stranger.post(f"{V3}/{what}/{medium}/requestToken", body)
                self.assertEqual((400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"), (response.status, response.errcode))

    async def test_nobody_is_written_to_who_cannot_register(self) -> None:
        """Spec: client-server-api#post_matrixclientv3registeremailrequesttoken"""
        closed = Client(a_site(ValidationEndpoints(None, registration_is_open=False)))
        mail = {"client_secret": "s", "email": ADDRESS, "send_attempt": 1}
        response = await closed.post(f"{V3}/register/email/requestToken", mail)

        self.assertEqual((403, "M_FORBIDDEN"), (response.status, response.errcode))

    async def test_nothing_is_added_that_is_not_proved(self) -> None:
        """Though the password is right; and before it nothing is looked at."""
        body: dict[str, Any] = {"sid": "sid", "client_secret": "secret"}
        asked = await self.alice.post(f"{V3}/account/3pid/add", body)
        refused = await self.alice.post(f"{V3}/account/3pid/add", {**body, "auth": by_password()})
        malformed = await self.alice.post(f"{V3}/account/3pid/add", {**body, "sid": "a b"})

        self.assertEqual(401, asked.status)
        self.assertEqual((403, "M_THREEPID_AUTH_FAILED"), (refused.status, refused.errcode))
        self.assertEqual((400, "M_INVALID_PARAM"), (malformed.status, malformed.errcode))

    async def test_the_old_way_to_bind(self) -> None:
        """Without identity servers nobody can say whose the address is."""
        creds = {"sid": "sid", "client_secret": "secret", "id_server": "id.example", "id_access_token": "token"}
        response = await self.alice.post(f"{V3}/account/3pid", {"three_pid_creds": creds})
        incomplete = await self.alice.post(f"{V3}/account/3pid", {"three_pid_creds": {"sid": "sid"}})

        self.assertEqual((403, "M_THREEPID_AUTH_FAILED"), (response.status, response.errcode))
        self.assertEqual((400, "M_MISSING_PARAM"), (incomplete.status, incomplete.errcode))

    async def test_an_address_is_removed(self) -> None:
        """However it is spelled, and once."""
        body = {"medium": "email", "address": "Alice@Two.Example"}
        first = await self.alice.post(f"{V3}/account/3pid/delete", body)
        second = await self.alice.post(f"{V3}/account/3pid/delete", body)
        unknown = await self.alice.post(f"{V3}/account/3pid/delete", {**body, "medium": "fax"})

        self.assertEqual((200, "no-support"), (first.status, first.json["id_server_unbind_result"]))
        self.assertEqual((400, "M_THREEPID_NOT_FOUND"), (second.status, second.errcode))
        self.assertEqual(400, unknown.status)
