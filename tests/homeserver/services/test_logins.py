"""The ways to a session, and the ends of accounts and passwords."""

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.core.user_identifiers import ThirdPartyID, UserName
from homeserver.services.login_failures import LoginFailureSettings
from homeserver.services.logins import LOGIN_TOKEN_LIFETIME_MS
from homeserver.services.password_hashes import PasswordHashes, PasswordSettings
from homeserver.services.refusals import (
    Exclusive,
    Forbidden,
    InteractiveAuthRequired,
    NotFound,
    Taken,
    TooSoon,
    UnknownToken,
    WeakPassword,
)
from homeserver.services.registration import NewUser
from homeserver.services.sessions import NewSession, Opened
from homeserver.store import account_data, earlier_push_rules, memberships, push_rules, pushers, users
from homeserver.store.pushers import StoredPusher
from homeserver.store.write import Write
from tests.accounts import INFO, PASSWORD, Accounts, by_password
from tests.databases import DatabaseCase, each_database

ALICE, BOB = UserID("@alice:localhost"), UserID("@bob:localhost")


@each_database
class LoginTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        settings = LoginFailureSettings(account_per_second=1, account_burst=3, address_per_second=1, address_burst=4)
        self.accounts = Accounts(self.database, failures=settings)
        self.logins = self.accounts.logins
        self.registered = await self.accounts.register("alice")

    async def by_password(self, name: str, password: str) -> Opened:
        return await self.logins.by_password(UserName(name), password, NewSession(), INFO)

    async def test_the_password_opens_a_session(self) -> None:
        """By localpart and by user ID."""
        for name in ("alice", "Alice", "@alice:localhost"):
            self.assertEqual(ALICE, (await self.by_password(name, PASSWORD)).user_id)

    async def test_nobody_else_gets_in(self) -> None:
        """A wrong password, a user who does not exist and one of another server are told the same."""
        reasons = set()
        for name, password in (("alice", "wrong"), ("nobody", PASSWORD), ("@alice:elsewhere.org", PASSWORD)):
            with self.assertRaises(Forbidden) as refused:
                await self.by_password(name, password)
            reasons.add(refused.exception.reason)

        self.assertEqual(1, len(reasons))

    async def test_users_without_a_password_have_none(self) -> None:
        """Guests and users of application services log in with no password whatsoever."""
        await self.accounts.registration.register_for_appservice(NewUser("_bridge_x", None, None), "as_token", INFO)
        for password in ("", "None", PASSWORD):
            self.accounts.clock.advance(10)
            with self.assertRaises(Forbidden):
                await self.by_password("_bridge_x", password)

    async def test_guessing_is_slowed_down(self) -> None:
        """After three failures even the right password waits; not for long, and only for this account."""
        for _ in range(3):
            with self.assertRaises(Forbidden):
                await self.by_password("alice", "wrong")
        with self.assertRaises(TooSoon):
            await self.by_password("alice", PASSWORD)
        self.accounts.clock.advance(1)

        await self.by_password("alice", PASSWORD)

    async def test_a_dearer_hash_is_made_at_the_next_login(self) -> None:
        """When the settings ask for more, the first login brings the account's hash up to it."""
        self.accounts.credentials.hashes = PasswordHashes(PasswordSettings(argon2_time_cost=2, argon2_memory_kib=16))
        await self.by_password("alice", PASSWORD)
        user = await self.database.read(users.by_id, ALICE)

        assert user is not None
        assert user.password_hash is not None
        self.assertIn("m=16,t=2", user.password_hash)
        await self.by_password("alice", PASSWORD)

    async def test_addresses_name_nobody_yet(self) -> None:
        """An address that nobody proved logs nobody in."""
        with self.assertRaises(Forbidden):
            await self.logins.by_password(ThirdPartyID("email", "a@example.org"), PASSWORD, NewSession(), INFO)

    async def test_a_login_token_is_good_once(self) -> None:
        """It logs its user in on one more device."""
        caller = await self.accounts.caller_of(self.registered)
        made = await self.logins.make_token(caller, by_password(), INFO)
        opened = await self.logins.by_token(made.token, NewSession(DeviceID("NEW")), INFO)

        self.assertEqual((ALICE, "NEW"), (opened.user_id, opened.device_id))
        await self.accounts.caller_of(opened)
        with self.assertRaises(Forbidden):
            await self.logins.by_token(made.token, NewSession(), INFO)

    async def test_login_tokens_expire(self) -> None:
        """After two minutes."""
        caller = await self.accounts.caller_of(self.registered)
        made = await self.logins.make_token(caller, by_password(), INFO)
        self.accounts.clock.advance(LOGIN_TOKEN_LIFETIME_MS / 1000)

        with self.assertRaises(Forbidden):
            await self.logins.by_token(made.token, NewSession(), INFO)

    async def test_each_login_token_needs_the_password(self) -> None:
        """Consent is asked for anew each time."""
        caller = await self.accounts.caller_of(self.registered)
        await self.logins.make_token(caller, by_password(), INFO)

        with self.assertRaises(InteractiveAuthRequired):
            await self.logins.make_token(caller, None, INFO)

    async def test_strange_login_tokens(self) -> None:
        """Nothing else is a login token."""
        assert self.registered.tokens is not None
        for token in ("", "fml_x", self.registered.tokens.access_token):
            with self.assertRaises(Forbidden):
                await self.logins.by_token(token, NewSession(), INFO)

    async def test_application_services_log_their_users_in(self) -> None:
        """Those that are registered and theirs."""
        await self.accounts.registration.register_for_appservice(NewUser("_bridge_x", None, None), "as_token", INFO)
        opened = await self.logins.by_appservice("as_token", UserName("_bridge_x"), NewSession(), INFO)

        self.assertEqual("@_bridge_x:localhost", (await self.accounts.caller_of(opened)).user_id)
        with self.assertRaises(Exclusive):
            await self.logins.by_appservice("as_token", UserName("alice"), NewSession(), INFO)
        for name in ("_bridge_unknown", "@x:elsewhere"):
            with self.assertRaises(Forbidden):
                await self.logins.by_appservice("as_token", UserName(name), NewSession(), INFO)
        with self.assertRaises(Forbidden):
            await self.logins.by_appservice("strange", UserName("_bridge_x"), NewSession(), INFO)


@each_database
class PasswordChangeTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.mine = await self.accounts.register("alice")
        self.other = await self.accounts.sessions.open(ALICE, NewSession(refreshable=True))
        self.caller = await self.accounts.caller_of(self.mine)

    async def change(self, auth: JSON = None, new: str = "new password", logout_devices: bool = True) -> None:
        proof = by_password() if auth is None else auth
        await self.accounts.passwords.change(
            self.caller,
            new,
            proof,
            INFO,
            logout_devices=logout_devices,
        )

    async def log_in(self, password: str) -> None:
        await self.accounts.logins.by_password(UserName("alice"), password, NewSession(), INFO)

    async def test_the_new_password_takes_the_place_of_the_old(self) -> None:
        """The other devices are logged out, and the one that asked stays."""
        await self.change()

        await self.log_in("new password")
        with self.assertRaises(Forbidden):
            await self.log_in(PASSWORD)
        await self.accounts.caller_of(self.mine)
        with self.assertRaises(UnknownToken):
            await self.accounts.caller_of(self.other)

    async def test_devices_may_stay(self) -> None:
        """When the user says so."""
        await self.change(logout_devices=False)

        await self.accounts.caller_of(self.other)

    async def test_it_needs_the_old_password(self) -> None:
        """A stolen token changes no password."""
        with self.assertRaises(InteractiveAuthRequired):
            await self.change({"type": "m.login.password", "user": "alice", "password": "wrong"})
        with self.assertRaises(InteractiveAuthRequired):
            await self.accounts.passwords.change(self.caller, "new password", None, INFO, logout_devices=True)

        await self.log_in(PASSWORD)

    async def test_weak_passwords_are_refused(self) -> None:
        """Before any authentication."""
        with self.assertRaises(WeakPassword):
            await self.accounts.passwords.change(self.caller, "abc", None, INFO, logout_devices=True)

    async def test_a_user_without_a_session_changes_it_by_password(self) -> None:
        """The account is the one whose password was proved; all of its devices are logged out."""
        await self.accounts.passwords.change(None, "new password", by_password(), INFO, logout_devices=True)

        await self.log_in("new password")
        with self.assertRaises(UnknownToken):
            await self.accounts.caller_of(self.mine)


@each_database
class DeactivationTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.opened = await self.accounts.register("alice", NewSession(refreshable=True))
        self.caller = await self.accounts.caller_of(self.opened)

    async def deactivate(self, *, erase: bool = False) -> None:
        await self.accounts.deactivation.deactivate(self.caller, by_password(), INFO, erase=erase)

    async def test_nobody_logs_in_any_more(self) -> None:
        """Tokens and password are gone, and the name stays taken."""
        await self.deactivate()

        with self.assertRaises(UnknownToken):
            await self.accounts.caller_of(self.opened)
        assert self.opened.tokens is not None
        assert self.opened.tokens.refresh_token is not None
        with self.assertRaises(UnknownToken):
            await self.accounts.sessions.refresh(self.opened.tokens.refresh_token)
        with self.assertRaises(Forbidden):
            await self.accounts.logins.by_password(UserName("alice"), PASSWORD, NewSession(), INFO)
        with self.assertRaises(Taken):
            await self.accounts.registration.check_available("alice")

    async def test_the_rest_of_the_server_hears_of_it(self) -> None:
        """Rooms are left, and keys and the like deleted."""
        await self.deactivate(erase=True)

        self.assertEqual([ALICE], self.accounts.rooms.left)
        self.assertEqual([(ALICE, True)], self.accounts.keys.ended)
        self.assertEqual([(ALICE, self.opened.device_id)], self.accounts.keys.deleted)

    async def test_nobody_is_pushed_to_any_more(self) -> None:
        """Pushers go with the device that set them, and all of them with the account."""
        for pushkey, device_id in (("one", self.opened.device_id), ("other", DeviceID("OTHER")), ("none", None)):
            pusher = StoredPusher(ALICE, "app", pushkey, device_id, "http", "{}", True, Position(0), 1, None)
            await self.database.write(pushers.replace, pusher)
        await self.accounts.sessions.close(self.caller, "")
        left = await self.database.read(pushers.of_user, ALICE)
        await self.accounts.deactivation.end(ALICE, erase=False)

        self.assertEqual({"other", "none"}, {pusher.pushkey for pusher in left})
        self.assertEqual([], await self.database.read(pushers.of_user, ALICE))

    async def test_it_needs_the_password(self) -> None:
        """A stolen token ends no account."""
        with self.assertRaises(InteractiveAuthRequired):
            await self.accounts.deactivation.deactivate(self.caller, None, INFO, erase=True)

        await self.accounts.caller_of(self.opened)

    async def test_erasing_takes_what_is_no_event(self) -> None:
        """Profile, account data, filters and push rules go; without the wish they stay."""
        await self.accounts.register("bob")
        for user_id in (ALICE, BOB):
            await self.accounts.account_data.set(user_id, None, "org.example", {"a": 1})
            await self.accounts.filters.define(user_id, {"presence": {"types": []}})
            await self.accounts.push_rules.set_enabled(user_id, "override", ".m.rule.master", True)
        await self.accounts.profiles.set_field(self.caller, ALICE, "displayname", "Alice")
        await self.accounts.deactivation.end(ALICE, erase=True)
        await self.accounts.deactivation.end(BOB, erase=False)

        self.assertEqual([], await self.database.read(account_data.all_of, ALICE))
        self.assertEqual(1, len(await self.database.read(account_data.all_of, BOB)))
        self.assertEqual({}, await self.accounts.profiles.local(ALICE))
        self.assertIsNone(await self.database.read(push_rules.of_user, ALICE))
        self.assertIsNotNone(await self.database.read(push_rules.of_user, BOB))
        self.assertEqual([], await self.database.read(earlier_push_rules.of_user, ALICE))
        self.assertEqual(1, len(await self.database.read(earlier_push_rules.of_user, BOB)))
        with self.assertRaises(NotFound):
            await self.accounts.filters.text_of(ALICE, "1")

    async def test_what_a_stop_interrupted_is_done_at_the_start(self) -> None:
        """An ended account that is still in a room leaves it."""
        await self.database.write(_joined, ALICE)
        await self.database.write(_joined, BOB)
        await self.accounts.register("bob")
        await self.deactivate()
        self.accounts.rooms.left.clear()
        await self.accounts.deactivation.finish()

        self.assertEqual([ALICE], self.accounts.rooms.left)


def _joined(tx: Write, user_id: UserID) -> None:
    memberships.replace(
        tx, user_id=user_id, room_nid=1, membership="join", position=Position(1), event_nid=None, sender=user_id
    )
