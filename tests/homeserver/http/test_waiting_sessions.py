"""Requests that wait end as soon as their token, or their account, is not good any more."""

from attrs import define, field
from twisted.internet.defer import Deferred

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import ACCOUNT
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.login import LoginEndpoints, SessionEndpoints
from homeserver.http.edge import Edge
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.clock import now_ms
from homeserver.services.sessions import NewSession
from homeserver.store import account_validity, users
from homeserver.store.account_validity import Validity
from homeserver.store.write import Write
from tests.accounts import PASSWORD, Accounts
from tests.client import Client, Pending, a_site
from tests.databases import DatabaseCase, each_database
from tests.waiting import at_rest, until

V3 = "/_matrix/client/v3"
ALICE = "@alice:localhost"


@define(eq=False)
class Waiting:
    """A sync that has no news."""

    gate: "Deferred[None]" = field(factory=Deferred)
    waiting: int = 0

    @operation("sync", long_poll=True)
    async def sync(
        self,
        caller: Caller,
        filter_: str | None,
        since: str | None,
        set_presence: str | None,
        full_state: bool = False,
        timeout: int = 0,
        use_state_after: bool = False,
    ) -> JSONObject:
        self.waiting += 1
        try:
            await Deferred()
        finally:
            self.waiting -= 1
        return {"next_batch": "1"}


@each_database
class WaitingSessionTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = accounts = Accounts(self.database)
        self.syncs = Waiting()
        self.site = a_site(
            self.syncs,
            LoginEndpoints(accounts.logins),
            SessionEndpoints(accounts.sessions),
            AccountEndpoints(accounts.passwords, accounts.deactivation, accounts.third_party_ids),
            authenticators=token_authenticators(accounts.tokens),
            clock=accounts.clock,
        )
        assert isinstance(self.site.edge, Edge)
        self.edge = self.site.edge
        accounts.tokens.listeners.append(self.edge.check_again)
        self.phone = await self.client_of(await accounts.register("alice", NewSession(DeviceID("PHONE"))))
        self.laptop = await self.client_of(await accounts.sessions.open(ALICE, NewSession(DeviceID("LAPTOP"))))  # type: ignore[arg-type]
        self.bob = await self.client_of(await accounts.register("bob"))

    async def client_of(self, opened: object) -> Client:
        return Client(self.site, opened.tokens.access_token)  # type: ignore[attr-defined]

    async def waiting(self, *clients: Client) -> list[Pending]:
        pending = [client.start("GET", f"{V3}/sync") for client in clients]
        await until(lambda: self.syncs.waiting == len(clients), "all of them wait")
        self.addCleanup(self.end, pending)
        return pending

    def end(self, pending: list[Pending]) -> None:
        for each in pending:
            if each.response is None:
                each.disconnect()

    def write_account(self, tx: Write, /, **change: bool) -> None:
        users.set_locked(tx, ALICE, **change)  # type: ignore[arg-type]
        tx.log(ACCOUNT, ALICE)

    async def test_a_logout_ends_the_devices_own(self) -> None:
        """Others of the user wait on."""
        phone, laptop, bob = await self.waiting(self.phone, self.laptop, self.bob)
        await self.phone.post(f"{V3}/logout", {})
        ended = await phone.arrived

        self.assertEqual((401, "M_UNKNOWN_TOKEN", None), (ended.status, ended.errcode, ended.json.get("soft_logout")))
        await at_rest()
        self.assertEqual([None, None], [laptop.response, bob.response])
        self.assertEqual(2, self.syncs.waiting)

    async def test_time_ends_them_too(self) -> None:
        """An account that is good for some time, and what was looked up of it is not trusted longer."""
        ends_ms = now_ms(self.accounts.clock) + 90_000
        await self.database.write(self.write_end, ends_ms)
        phone, laptop, bob = await self.waiting(self.phone, self.laptop, self.bob)
        self.accounts.clock.advance(89)
        await at_rest()
        self.assertEqual([None, None], [phone.response, laptop.response])
        self.accounts.clock.advance(1.1)

        answers = [await each.arrived for each in (phone, laptop)]
        self.assertEqual([(401, "M_USER_LOCKED")] * 2, [(each.status, each.errcode) for each in answers])
        await at_rest()
        self.assertIsNone(bob.response)

    def write_end(self, tx: Write, ends_ms: int) -> None:
        account_validity.replace(tx, Validity(UserID(ALICE), ends_ms))
        tx.log(ACCOUNT, ALICE)

    async def test_a_logout_everywhere_ends_all(self) -> None:
        """Of the user."""
        phone, laptop, bob = await self.waiting(self.phone, self.laptop, self.bob)
        await self.phone.post(f"{V3}/logout/all", {})

        self.assertEqual([401, 401], [(await each.arrived).status for each in (phone, laptop)])
        await at_rest()
        self.assertIsNone(bob.response)

    async def test_a_lock_ends_them_softly(self) -> None:
        """Whichever process wrote it: the log tells.  The tokens are good again once the account is."""
        (phone,) = await self.waiting(self.phone)
        await self.database.write(self.write_account, locked=True)
        ended = await phone.arrived
        self.assertEqual((401, "M_USER_LOCKED", True), (ended.status, ended.errcode, ended.json["soft_logout"]))
        self.assertEqual(401, (await self.phone.get(f"{V3}/account/whoami")).status)
        await self.database.write(self.write_account, locked=False)

        self.assertEqual(200, (await self.phone.get(f"{V3}/account/whoami")).status)

    async def test_the_end_of_the_account_ends_them(self) -> None:
        """For good."""
        (phone,) = await self.waiting(self.phone)
        await self.accounts.deactivation.end(ALICE, erase=False)  # type: ignore[arg-type]
        ended = await phone.arrived

        self.assertEqual((401, "M_UNKNOWN_TOKEN"), (ended.status, ended.errcode))

    async def test_a_login_elsewhere_changes_nothing(self) -> None:
        """It only makes the server look again."""
        (phone,) = await self.waiting(self.phone)
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": ALICE}, "password": PASSWORD}
        self.assertEqual(200, (await self.bob.post(f"{V3}/login", body)).status)
        await at_rest()

        self.assertIsNone(phone.response)

    async def test_nothing_is_kept_of_those_that_ended(self) -> None:
        """However they did."""
        phone, laptop = await self.waiting(self.phone, self.laptop)
        phone.disconnect()
        await self.laptop.post(f"{V3}/logout", {})
        await laptop.arrived

        self.assertEqual({}, self.edge._waiting)
