"""Accounts end, their users are reminded, and they are renewed."""

from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qs, urlsplit

from homeserver.core.identifiers import UserID
from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.validation import renewal_token
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.account_renewal import AccountRenewalEndpoints
from homeserver.http.client.login import SessionEndpoints
from homeserver.services.account_validity import DAY_MS, AccountSettings, AccountValidity, ValidityChange
from homeserver.services.housekeeping import Housekeeping
from homeserver.services.mail.reminders import RenewalReminders
from homeserver.services.mail.texts import Texts
from homeserver.services.refusals import BadState, Expired, InvalidParameter, NotFound
from homeserver.services.sessions import NewSession
from homeserver.store import users
from homeserver.store.outgoing_mail import claim
from homeserver.store.users import NewAccount
from tests.accounts import START_SECONDS, Accounts
from tests.client import Client, a_site
from tests.databases import DatabaseCase, each_database
from tests.mail import SETTINGS, Postbox
from tests.mailing import KEY, a_post, give_address

ALICE = UserID("@alice:localhost")
ADDRESS = EmailAddress("alice@two.example")
START_MS = START_SECONDS * 1000
A_MONTH = AccountSettings(valid_days=30, remind_days=7)


@each_database
class AccountValidityTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = accounts = Accounts(self.database)
        self.clock = accounts.clock
        post = a_post(self.database, self.clock, Postbox(), SETTINGS)
        self.reminders = RenewalReminders(post, Texts("Tea", "localhost"), KEY, "https://one.example")
        self.validity = self.validity_of(A_MONTH)
        self.site = a_site(
            AccountEndpoints(accounts.passwords, accounts.deactivation, accounts.third_party_ids),
            SessionEndpoints(accounts.sessions),
            AccountRenewalEndpoints(self.validity),
            authenticators=token_authenticators(accounts.tokens),
            clock=self.clock,
        )
        opened = await accounts.register("alice", NewSession(refreshable=True))
        assert opened.tokens is not None
        self.tokens, self.alice = opened.tokens, Client(self.site, opened.tokens.access_token)
        await give_address(self.database, ALICE, ADDRESS)

    def validity_of(self, settings: AccountSettings) -> AccountValidity:
        return AccountValidity(self.database, self.clock, settings, KEY, self.reminders)

    async def tidy(self) -> None:
        housekeeping = Housekeeping(self.database, self.clock, 600, [self.validity.chore])
        await housekeeping.start()
        await housekeeping.tidy()
        await housekeeping.stop()

    async def letters(self) -> list[Any]:
        """What waits to be sent, once."""
        now = int(self.clock.seconds() * 1000)
        waiting = await self.database.write(claim, now, now + 10**12, 100)
        return [message_from_bytes(each.message, policy=policy.default) for each in waiting]

    async def renew(self, path: str) -> tuple[int, str]:
        page = await Client(self.site).post(path)
        return page.status, page.body.decode()

    async def works(self) -> bool:
        return (await self.alice.get("/_matrix/client/v3/account/whoami")).status == 200

    async def test_an_account_ends_and_is_renewed_by_a_link(self) -> None:
        """The user is reminded once, before; the link is good once, before the end or after it."""
        await self.tidy()
        self.assertEqual(START_MS + 30 * DAY_MS, (await self.validity.of(ALICE)).expires_ms)
        self.clock.advance(22 * 86_400)
        await self.tidy()
        self.assertEqual([], await self.letters())
        self.clock.advance(2 * 86_400)
        await self.tidy()
        await self.tidy()
        (letter,) = await self.letters()
        text = letter.get_body(("plain",)).get_content()
        (link,) = [line for line in text.split() if line.startswith("https://one.example/")]
        self.assertEqual((str(ADDRESS), "Your Tea account ends soon"), (letter["to"], letter["subject"]))
        path = link.removeprefix("https://one.example")
        self.clock.advance(6 * 86_400)
        self.assertFalse(await self.works())
        with self.assertRaises(Expired):
            await self.accounts.sessions.refresh(self.tokens.refresh_token or "")
        # Who only opens the page, as scanners of mail do, renews nothing.
        self.assertEqual(200, (await Client(self.site).get(path)).status)
        self.assertFalse(await self.works())
        self.assertEqual(200, (await self.renew(path))[0])
        await self.accounts.sessions.refresh(self.tokens.refresh_token or "")
        renewed = (await self.validity.of(ALICE)).expires_ms
        self.assertEqual(START_MS + 60 * DAY_MS, renewed)
        self.assertEqual(200, (await self.renew(path))[0])
        self.assertEqual(renewed, (await self.validity.of(ALICE)).expires_ms)

    async def test_a_link_is_made_by_the_server_alone(self) -> None:
        """For one user and one end."""
        await self.tidy()
        until = (await self.validity.of(ALICE)).expires_ms or 0
        good = f"user_id={ALICE}&until={until}&token={renewal_token(KEY, ALICE, until)}"
        for change in (("alice", "bob"), (str(until), str(until + 1)), ("token=", "token=0")):
            status, text = await self.renew(f"/_folkmoot/client/v1/account/renew?{good.replace(*change)}")
            self.assertEqual(400, status)
            self.assertIn("not complete", text)

        self.assertEqual({"user_id", "until", "token"}, parse_qs(urlsplit(f"?{good}").query).keys())
        self.assertEqual(until, (await self.validity.of(ALICE)).expires_ms)

    async def test_whose_accounts_do_not_end(self) -> None:
        """Administrators', guests', application services', and those without an end that an administrator gave."""
        every = [UserID(f"@{name}:localhost") for name in ("root", "guest", "bot", "free")]
        await self.database.write(users.insert_new, NewAccount(every[0], None, 0, is_admin=True))
        await self.database.write(users.insert_new, NewAccount(every[1], None, 0, is_guest=True))
        await self.database.write(users.insert_new, NewAccount(every[2], None, 0, appservice_id="bridge"))
        await self.database.write(users.insert_new, NewAccount(every[3], None, 0))
        await self.validity.change(every[3], ValidityChange(never=True))
        await self.tidy()

        for user_id in every:
            self.assertIsNone((await self.validity.of(user_id)).expires_ms, user_id)

    async def test_what_an_administrator_settled_is_not_renewed(self) -> None:
        """Unless they say that it may be."""
        await self.tidy()
        until = START_MS + DAY_MS
        token = renewal_token(KEY, ALICE, until)
        await self.validity.change(ALICE, ValidityChange(expires_ms=until))
        await self.tidy()
        self.assertEqual([], await self.letters())
        with self.assertRaises(BadState):
            await self.validity.renew(ALICE, until, token)
        await self.validity.change(ALICE, ValidityChange(expires_ms=until, renewable=True))
        await self.tidy()

        self.assertEqual(1, len(await self.letters()))
        self.assertEqual(until + 30 * DAY_MS, (await self.validity.renew(ALICE, until, token)).expires_ms)

    async def test_without_the_setting_nothing_ends_by_itself(self) -> None:
        """And nothing can be renewed that nobody says for how long."""
        self.validity = self.validity_of(AccountSettings())
        await self.tidy()

        self.assertIsNone((await self.validity.of(ALICE)).expires_ms)
        with self.assertRaises(InvalidParameter):
            await self.validity.change(ALICE, ValidityChange(extend_days=1, renewable=True))

    async def test_many_accounts_begin_a_few_at_a_time(self) -> None:
        """None is left out, and the end of each is the same."""
        for number in range(60):
            await self.database.write(users.insert_new, NewAccount(UserID(f"@u{number}:localhost"), None, 0))
        await self.tidy()

        for number in (0, 30, 59):
            validity = await self.validity.of(UserID(f"@u{number}:localhost"))
            self.assertEqual(START_MS + 30 * DAY_MS, validity.expires_ms)

    async def test_an_account_that_is_closed_has_no_other_end(self) -> None:
        """Nothing of it is kept."""
        await self.tidy()
        self.accounts.deactivation.belongings = [*self.accounts.deactivation.belongings, self.validity]
        await self.accounts.deactivation.end(ALICE, erase=False)
        await self.tidy()

        with self.assertRaises(NotFound):
            await self.validity.of(ALICE)
        rows = await self.database.read(lambda tx: tx.exec_driver_sql("SELECT user_id FROM account_validity").all())
        self.assertEqual([], list(rows))
