"""New accounts."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredList

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.services.refusals import (
    Exclusive,
    Forbidden,
    InteractiveAuthRequired,
    Reserved,
    Taken,
    UnknownToken,
    WeakPassword,
)
from homeserver.services.registration import NewUser, RegistrationSettings
from homeserver.services.sessions import NewSession
from homeserver.store import registration_tokens, users
from tests.accounts import DUMMY, INFO, OPEN, PASSWORD, START_SECONDS, Accounts
from tests.databases import DatabaseCase, each_database

ALICE = NewUser("alice", PASSWORD, NewSession())
WELCOME: JSON = {"type": "m.login.registration_token", "token": "welcome"}


@each_database
class RegistrationTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.registration = self.accounts.registration

    async def test_an_account_is_there_with_its_session(self) -> None:
        """After registering, the token works, and the name is taken."""
        opened = await self.registration.register(ALICE, DUMMY, INFO)
        caller = await self.accounts.caller_of(opened)

        self.assertEqual("@alice:localhost", caller.user_id)
        with self.assertRaises(Taken):
            await self.registration.check_available("alice")

    async def test_it_is_one_write(self) -> None:
        """Account, device and tokens are there together or not at all: a refused device leaves no account."""
        writes = 0

        def count(*args: Any) -> Any:
            nonlocal writes
            writes += 1
            return original(*args)

        original = self.database.write
        self.patch(self.database, "write", count)
        await self.registration.register(ALICE, DUMMY, INFO)

        self.assertEqual(1, writes)

    async def test_capitals_become_small(self) -> None:
        """One name is one user, however it is typed."""
        opened = await self.registration.register(evolve(ALICE, username="Alice"), DUMMY, INFO)

        self.assertEqual("@alice:localhost", opened.user_id)
        with self.assertRaises(Taken):
            await self.registration.register(evolve(ALICE, username="ALICE"), DUMMY, INFO)

    async def test_names_follow_the_grammar(self) -> None:
        """A name that no user may have is refused before any authentication."""
        for name in ("al ice", "ålice", "alice:x", "@alice", "x" * 300, "a\0"):
            with self.assertRaises(Malformed) as refused:
                await self.registration.register(evolve(ALICE, username=name), None, INFO)
            self.assertEqual("M_INVALID_USERNAME", refused.exception.code)

    async def test_a_taken_name_is_refused_before_authentication(self) -> None:
        """Nobody goes through a flow for nothing."""
        await self.registration.register(ALICE, DUMMY, INFO)

        with self.assertRaises(Taken):
            await self.registration.register(ALICE, None, INFO)

    async def test_two_at_once_get_one_name(self) -> None:
        """Of many who want a name at the same moment one gets it."""
        attempts = [Deferred.fromCoroutine(self.registration.register(ALICE, DUMMY, INFO)) for _ in range(5)]
        results = await DeferredList(attempts, consumeErrors=True)

        self.assertEqual(1, sum(succeeded for succeeded, _ in results))
        refused: list[Any] = [failure for succeeded, failure in results if not succeeded]
        self.assertEqual(4, sum(bool(failure.check(Taken)) for failure in refused))

    async def test_who_wants_no_name_gets_one(self) -> None:
        """The server makes one up, and it is a user's like any other."""
        names = {
            (await self.registration.register(evolve(ALICE, username=None), DUMMY, INFO)).user_id for _ in range(3)
        }

        self.assertEqual(3, len(names))

    async def test_a_session_may_be_declined(self) -> None:
        """An account without a device."""
        opened = await self.registration.register(evolve(ALICE, session=None), DUMMY, INFO)

        self.assertIsNone(opened.tokens)
        self.assertEqual([], await self.accounts.devices.all_of(opened.user_id))

    async def test_passwords(self) -> None:
        """A weak one is refused at once; none at all when everything else is done, so that clients may ask first."""
        with self.assertRaises(WeakPassword):
            await self.registration.register(evolve(ALICE, password="abc"), None, INFO)
        with self.assertRaises(InteractiveAuthRequired):
            await self.registration.register(evolve(ALICE, password=None), None, INFO)
        with self.assertRaises(Malformed):
            await self.registration.register(evolve(ALICE, password=None), DUMMY, INFO)

    async def test_the_password_is_stored_as_a_hash(self) -> None:
        """Nothing in the account's row shows it."""
        await self.registration.register(ALICE, DUMMY, INFO)
        user = await self.database.read(users.by_id, UserID("@alice:localhost"))

        assert user is not None
        assert user.password_hash is not None
        self.assertTrue(user.password_hash.startswith("$argon2id$"))
        self.assertNotIn(PASSWORD, user.password_hash)

    async def test_names_of_application_services_are_theirs(self) -> None:
        """Nobody else registers in their namespace."""
        with self.assertRaises(Reserved):
            await self.registration.register(evolve(ALICE, username="_bridge_x"), None, INFO)
        with self.assertRaises(Reserved):
            await self.registration.check_available("_bridge_x")

    async def test_application_services_register_their_users(self) -> None:
        """Within their namespace, without a password, and not twice."""
        user = NewUser("_bridge_x", None, None)
        opened = await self.registration.register_for_appservice(user, "as_token", INFO)

        self.assertEqual("@_bridge_x:localhost", opened.user_id)
        with self.assertRaises(Taken):
            await self.registration.register_for_appservice(user, "as_token", INFO)
        with self.assertRaises(Exclusive):
            await self.registration.register_for_appservice(evolve(user, username="alice"), "as_token", INFO)
        with self.assertRaises(UnknownToken):
            await self.registration.register_for_appservice(user, "no_token", INFO)
        with self.assertRaises(Malformed):
            # A service that was given another name would not know its own user.
            await self.registration.register_for_appservice(evolve(user, username="_bridge_X"), "as_token", INFO)
        with self.assertRaises(Malformed):
            await self.registration.register_for_appservice(evolve(user, username=None), "as_token", INFO)

    async def test_guests(self) -> None:
        """A guest has a session and nothing to come back with."""
        opened = await self.registration.register_guest(NewSession(), INFO)
        caller = await self.accounts.caller_of(opened)
        user = await self.database.read(users.by_id, caller.user_id)

        assert user is not None
        self.assertTrue(caller.is_guest)
        self.assertIsNone(user.password_hash)

    async def test_a_guest_becomes_a_user(self) -> None:
        """With the guest's token the name is kept and gets a password."""
        guest = await self.registration.register_guest(NewSession(), INFO)
        assert guest.tokens is not None
        name = guest.user_id[1:].partition(":")[0]
        upgrade = NewUser(name, PASSWORD, NewSession(), guest.tokens.access_token)
        with self.assertRaises(Forbidden):
            await self.registration.register(evolve(upgrade, username="another"), DUMMY, INFO)
        opened = await self.registration.register(upgrade, DUMMY, INFO)

        self.assertEqual(guest.user_id, opened.user_id)
        self.assertFalse((await self.accounts.caller_of(opened)).is_guest)
        self.assertFalse((await self.accounts.caller_of(guest)).is_guest)
        with self.assertRaises(Forbidden):
            await self.registration.register(upgrade, DUMMY, INFO)
        with self.assertRaises(UnknownToken):
            await self.registration.register(evolve(upgrade, guest_token="strange"), DUMMY, INFO)


@each_database
class ClosedRegistrationTests(DatabaseCase):
    def accounts(self, settings: RegistrationSettings) -> Accounts:
        return Accounts(self.database, settings)

    async def test_registration_may_be_closed(self) -> None:
        """By default nobody registers, as user or as guest; application services do."""
        registration = self.accounts(RegistrationSettings()).registration
        with self.assertRaises(Forbidden):
            await registration.register(ALICE, DUMMY, INFO)
        with self.assertRaises(Forbidden):
            await registration.register_guest(NewSession(), INFO)
        with self.assertRaises(Forbidden):
            await registration.is_token_valid("welcome")

        await registration.register_for_appservice(NewUser("_bridge_x", None, None), "as_token", INFO)

    async def test_tokens_have_uses(self) -> None:
        """As many accounts as the token allows; the dummy stage is not offered."""
        registration = self.accounts(evolve(OPEN, tokens_required=True)).registration
        await self.database.write(registration_tokens.replace, "welcome", 1, None)
        with self.assertRaises(InteractiveAuthRequired):
            await registration.register(ALICE, DUMMY, INFO)
        self.assertTrue(await registration.is_token_valid("welcome"))
        await registration.register(ALICE, WELCOME, INFO)

        self.assertFalse(await registration.is_token_valid("welcome"))
        with self.assertRaises(InteractiveAuthRequired):
            await registration.register(evolve(ALICE, username="bob"), WELCOME, INFO)

    async def test_a_use_is_not_spent_twice(self) -> None:
        """Of many who hold the last use at the same moment one gets in, and a refused name spends nothing."""
        registration = self.accounts(evolve(OPEN, tokens_required=True)).registration
        await self.database.write(registration_tokens.replace, "welcome", 1, None)
        attempts = [
            Deferred.fromCoroutine(registration.register(evolve(ALICE, username=f"user{number}"), WELCOME, INFO))
            for number in range(4)
        ]
        results = await DeferredList(attempts, consumeErrors=True)
        stored = await self.database.read(registration_tokens.by_token, "welcome")

        assert stored is not None
        self.assertEqual(1, sum(succeeded for succeeded, _ in results))
        self.assertEqual(1, stored.uses)

    async def test_tokens_expire(self) -> None:
        """Without a use, too."""
        accounts = self.accounts(evolve(OPEN, tokens_required=True))
        await self.database.write(registration_tokens.replace, "welcome", None, START_SECONDS * 1000 + 5000)
        self.assertTrue(await accounts.registration.is_token_valid("welcome"))
        accounts.clock.advance(5)

        self.assertFalse(await accounts.registration.is_token_valid("welcome"))
        with self.assertRaises(InteractiveAuthRequired):
            await accounts.registration.register(ALICE, WELCOME, INFO)

    async def test_strange_tokens_are_not_valid(self) -> None:
        """Whatever their form."""
        registration = self.accounts(OPEN).registration
        for token in ("", "strange", "x" * 1000, "ä"):
            self.assertFalse(await registration.is_token_valid(token))
