"""Proving addresses, where time passes or somebody hurries."""

from attrs import evolve
from twisted.internet.task import Clock

from homeserver.core.identifiers import UserID
from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.validation import Purpose
from homeserver.services.callers import RequestInfo
from homeserver.services.mail.pace import MailPace
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.mail.texts import Texts
from homeserver.services.mail.validation import MailRequest, Validation
from homeserver.services.refusals import AddressInUse, AddressNotFound, AddressNotProved, SessionExpired, TooSoon
from homeserver.store import users
from homeserver.store.users import NewAccount
from tests.databases import DatabaseCase, each_database
from tests.mail import SETTINGS, Postbox, link_in
from tests.mailing import KEY, a_post, give_address

ALICE = EmailAddress("alice@two.example")
ALICE_ID = UserID("@alice:one.example")
INFO = RequestInfo("192.0.2.1", "")
ASKED = MailRequest(ALICE, "secret", 1)


@each_database
class ValidationTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.postbox = Postbox()
        self.names = iter(f"sid{number}" for number in range(1000))
        self.validation = self.validation_of(SETTINGS)

    def validation_of(self, settings: EmailSettings) -> Validation:
        post = a_post(self.database, self.clock, self.postbox, settings)
        pace = MailPace(self.clock, settings)
        texts = Texts("Tea", "one.example")
        base = "https://one.example"
        return Validation(self.database, self.clock, post, texts, pace, settings, KEY, base, lambda: next(self.names))

    async def confirmed(self, asked: MailRequest = ASKED) -> str:
        """The session of an address that was proved."""
        sid = await self.validation.request(Purpose.ADD, asked, INFO)
        token = link_in(self.postbox.newest(asked.address)).partition("token=")[2]
        await self.validation.confirm(sid, token)
        return sid

    async def test_links_end(self) -> None:
        """After an hour; then the client asks anew."""
        sid = await self.validation.request(Purpose.ADD, ASKED, INFO)
        token = link_in(self.postbox.newest(ALICE)).partition("token=")[2]
        self.clock.advance(3600)
        with self.assertRaises(SessionExpired):
            await self.validation.confirm(sid, token)
        again = await self.validation.request(Purpose.ADD, ASKED, INFO)
        await self.validation.confirm(again, link_in(self.postbox.newest(ALICE)).partition("token=")[2])

        self.assertEqual(2, self.postbox.count(ALICE))

    async def test_proofs_end(self) -> None:
        """An hour after the link was followed, if nobody made use of them."""
        sid = await self.confirmed()
        self.clock.advance(3599)
        proven = await self.validation.proven(Purpose.ADD, sid, "secret")
        self.clock.advance(1)

        self.assertEqual(ALICE, proven.address)
        with self.assertRaises(AddressNotProved):
            await self.validation.proven(Purpose.ADD, sid, "secret")

    async def test_a_proof_is_its_clients(self) -> None:
        """Another secret, another purpose or another session proves nothing."""
        sid = await self.confirmed()
        for purpose, name, secret in (
            (Purpose.ADD, sid, "other"),
            (Purpose.RESET, sid, "secret"),
            (Purpose.ADD, "other", "secret"),
        ):
            with self.assertRaises(AddressNotProved):
                await self.validation.proven(purpose, name, secret)

    async def test_nobody_is_flooded(self) -> None:
        """An address gets a few mails at once, and then a few an hour; others are written to meanwhile."""
        for attempt in range(SETTINGS.address_burst):
            await self.validation.request(Purpose.ADD, MailRequest(ALICE, f"s{attempt}", 1), INFO)
        with self.assertRaises(TooSoon) as refused:
            await self.validation.request(Purpose.ADD, MailRequest(ALICE, "more", 1), INFO)
        await self.validation.request(Purpose.ADD, MailRequest(EmailAddress("bob@two.example"), "s", 1), INFO)
        self.clock.advance(refused.exception.retry_after_ms / 1000 + 1)
        await self.validation.request(Purpose.ADD, MailRequest(ALICE, "more", 1), INFO)

        self.assertEqual(SETTINGS.address_burst + 1, self.postbox.count(ALICE))

    async def test_nobody_floods(self) -> None:
        """One client has only so many strangers written to."""
        for number in range(SETTINGS.client_burst):
            await self.validation.request(
                Purpose.ADD, MailRequest(EmailAddress(f"u{number}@two.example"), "s", 1), INFO
            )
        with self.assertRaises(TooSoon):
            await self.validation.request(Purpose.ADD, ASKED, INFO)
        await self.validation.request(Purpose.ADD, ASKED, RequestInfo("192.0.2.2", ""))

    async def test_accounts_are_revealed_where_the_settings_say_so(self) -> None:
        """Then nothing is sent."""
        self.validation = self.validation_of(evolve(SETTINGS, reveal_accounts=True))
        with self.assertRaises(AddressNotFound):
            await self.validation.request(Purpose.RESET, ASKED, INFO)
        await self.database.write(users.insert_new, NewAccount(ALICE_ID, None, 0))
        await give_address(self.database, ALICE_ID, ALICE)
        for purpose in (Purpose.ADD, Purpose.REGISTER):
            with self.assertRaises(AddressInUse):
                await self.validation.request(purpose, ASKED, INFO)

        self.assertEqual([], self.postbox.taken)
