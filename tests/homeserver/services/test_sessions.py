"""Sessions, their tokens, and who they speak for."""

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import DEVICE_LIST, LogEntry, Position
from homeserver.core.tokens import hash_of
from homeserver.services import access_tokens as access_tokens_service
from homeserver.services.last_seen import WRITE_SECONDS
from homeserver.services.refusals import Exclusive, Forbidden, UnknownToken
from homeserver.services.sessions import NewSession, SessionSettings, Tokens
from homeserver.store import access_tokens, devices, refresh_tokens
from tests.accounts import INFO, Accounts
from tests.databases import DatabaseCase, each_database

REFRESHABLE = NewSession(refreshable=True)
PHONE = NewSession(device_id=DeviceID("PHONE"), display_name="My phone")
ALICE = UserID("@alice:localhost")


@each_database
class SessionTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database, sessions=SessionSettings(refreshable_access_token_seconds=60))
        self.sessions = self.accounts.sessions

    async def works(self, token: str) -> bool:
        try:
            await self.accounts.tokens.caller(token, INFO)
        except UnknownToken:
            return False
        return True

    async def test_a_token_speaks_for_its_device(self) -> None:
        """The caller of a token is the user and device it was made for."""
        opened = await self.accounts.register("alice", PHONE)
        caller = await self.accounts.caller_of(opened)

        self.assertEqual((ALICE, "PHONE"), (caller.user_id, caller.device_id))
        self.assertFalse(caller.is_guest)

    async def test_tokens_are_stored_as_hashes(self) -> None:
        """What is in the database opens nothing."""
        opened = await self.accounts.register("alice", REFRESHABLE)
        assert opened.tokens is not None
        stored = await self.database.read(access_tokens.by_hash, hash_of(opened.tokens.access_token))

        assert stored is not None
        assert stored.refresh_hash is not None
        self.assertFalse(await self.works(hash_of(opened.tokens.access_token)))
        with self.assertRaises(UnknownToken):
            await self.sessions.refresh(stored.refresh_hash)

    async def test_a_device_has_one_session(self) -> None:
        """Logging in on a known device ends the session it had; its name stays."""
        first = await self.accounts.register("alice", PHONE)
        second = await self.sessions.open(ALICE, NewSession(DeviceID("PHONE"), "Another name"))
        device = await self.accounts.devices.one_of(ALICE, DeviceID("PHONE"))

        assert first.tokens is not None
        assert second.tokens is not None
        self.assertFalse(await self.works(first.tokens.access_token))
        self.assertTrue(await self.works(second.tokens.access_token))
        self.assertEqual("My phone", device.display_name)

    async def test_two_devices_have_two_sessions(self) -> None:
        """A new device disturbs no other."""
        first = await self.accounts.register("alice")
        second = await self.sessions.open(ALICE, NewSession())

        self.assertNotEqual(first.device_id, second.device_id)
        self.assertEqual(2, len(await self.accounts.devices.all_of(ALICE)))
        await self.accounts.caller_of(first)
        await self.accounts.caller_of(second)

    async def test_no_device_is_called_like_a_key(self) -> None:
        """A device ID that is a cross-signing key is refused, and no account is made with it."""
        with self.assertRaises(Forbidden):
            await self.accounts.register("alice", NewSession(DeviceID("CROSS_SIGNING_KEY")))

        await self.accounts.registration.check_available("alice")

    async def test_logging_out_deletes_the_device(self) -> None:
        """The device goes with its tokens and keys, in the same write, and others hear of it."""
        heard: list[LogEntry] = []
        opened = await self.accounts.register("alice", PHONE)
        caller = await self.accounts.caller_of(opened)
        self.database.subscribe(heard.extend)
        assert opened.tokens is not None
        await self.sessions.close(caller, opened.tokens.access_token)

        self.assertFalse(await self.works(opened.tokens.access_token))
        self.assertEqual([], await self.accounts.devices.all_of(ALICE))
        self.assertEqual([(ALICE, "PHONE")], self.accounts.keys.deleted)
        self.assertEqual([(DEVICE_LIST, ALICE)], [(entry.kind, entry.subject) for entry in heard])

    async def test_logging_out_everywhere(self) -> None:
        """All devices go, and other users' stay."""
        alice = [await self.accounts.register("alice"), await self.sessions.open(ALICE, REFRESHABLE)]
        bob = await self.accounts.register("bob")
        await self.sessions.close_all(ALICE)

        for opened in alice:
            assert opened.tokens is not None
            self.assertFalse(await self.works(opened.tokens.access_token))
        await self.accounts.caller_of(bob)

    async def test_deletion_elsewhere_is_heard_through_the_log(self) -> None:
        """A device that another process deleted has no caller here once the log says so."""
        opened = await self.accounts.register("alice", PHONE)
        await self.accounts.caller_of(opened)
        await self.database.write(access_tokens.delete_of_devices, ALICE, (DeviceID("PHONE"),))
        assert opened.tokens is not None
        self.assertTrue(await self.works(opened.tokens.access_token))
        self.accounts.tokens.follow([LogEntry(Position(1), DEVICE_LIST, ALICE)])

        self.assertFalse(await self.works(opened.tokens.access_token))

    async def test_memory_is_bounded_in_time(self) -> None:
        """A token that went without a word is unknown after a minute."""
        opened = await self.accounts.register("alice", PHONE)
        await self.accounts.caller_of(opened)
        await self.database.write(access_tokens.delete_of_devices, ALICE, (DeviceID("PHONE"),))
        self.accounts.clock.advance(access_tokens_service.FRESH_MS / 1000)

        assert opened.tokens is not None
        self.assertFalse(await self.works(opened.tokens.access_token))

    async def test_memory_is_bounded_in_size(self) -> None:
        """Of more tokens than are kept in memory the longest unknown are read again, and work."""
        self.patch(access_tokens_service, "KNOWN_MAX", 2)
        opened = [await self.accounts.register(f"user{number}") for number in range(4)]
        for _ in range(2):
            for each in opened:
                await self.accounts.caller_of(each)

        self.assertEqual(2, len(self.accounts.tokens._known))
        self.assertEqual(2, len(self.accounts.tokens._of_user))

    async def test_an_application_service_asserts_its_users(self) -> None:
        """Its token speaks for the users in its namespace, and for no others."""
        tokens = self.accounts.tokens
        caller = await tokens.caller("as_token", INFO, user_id=UserID("@_bridge_x:localhost"))

        self.assertEqual(("@_bridge_x:localhost", "bridge"), (caller.user_id, caller.appservice_id))
        with self.assertRaises(Exclusive):
            await tokens.caller("as_token", INFO, user_id=ALICE)

    async def test_ordinary_clients_assert_nobody(self) -> None:
        """The parameters of application services mean nothing with a client's token."""
        opened = await self.accounts.register("alice")
        assert opened.tokens is not None
        caller = await self.accounts.tokens.caller(opened.tokens.access_token, INFO, user_id=UserID("@bob:localhost"))

        self.assertEqual(ALICE, caller.user_id)

    async def test_last_seen_is_written_late_and_once(self) -> None:
        """
        Requests write nothing; after a while, one write says when and whence each device was seen last.

        Its user is told so at once.
        """
        opened = await self.accounts.register("alice", PHONE)
        head = self.database.head
        for _ in range(10):
            await self.accounts.caller_of(opened)
        [told] = await self.accounts.devices.all_of(ALICE)
        before = await self.database.read(devices.by_id, ALICE, DeviceID("PHONE"))
        self.accounts.clock.advance(WRITE_SECONDS)
        await self.database.catch_up()
        after = await self.database.read(devices.by_id, ALICE, DeviceID("PHONE"))

        assert before is not None
        assert after is not None
        self.assertIsNone(before.last_seen_ms)
        self.assertEqual(told, after)
        self.assertEqual((INFO.client_ip, INFO.user_agent), (after.last_seen_ip, after.last_seen_agent))
        self.assertEqual(int(self.accounts.clock.seconds() - WRITE_SECONDS) * 1000, after.last_seen_ms)
        self.assertEqual(head, self.database.head)

    async def test_a_stop_writes_what_was_noted(self) -> None:
        """Nothing noted is lost by a stop in good order."""
        opened = await self.accounts.register("alice", PHONE)
        await self.accounts.caller_of(opened)
        await self.accounts.last_seen.flush()

        seen = await self.database.read(devices.by_id, ALICE, DeviceID("PHONE"))
        assert seen is not None
        self.assertIsNotNone(seen.last_seen_ms)


@each_database
class RefreshTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database, sessions=SessionSettings(refreshable_access_token_seconds=60))
        self.sessions = self.accounts.sessions
        opened = await self.accounts.register("alice", REFRESHABLE)
        assert opened.tokens is not None
        self.first: Tokens = opened.tokens

    async def refreshed(self, tokens: Tokens) -> Tokens:
        assert tokens.refresh_token is not None
        return await self.sessions.refresh(tokens.refresh_token)

    async def use(self, tokens: Tokens) -> None:
        await self.accounts.tokens.caller(tokens.access_token, INFO)

    async def test_an_expired_token_is_a_soft_logout(self) -> None:
        """The client keeps its state and refreshes."""
        await self.use(self.first)
        self.accounts.clock.advance(60)
        with self.assertRaises(UnknownToken) as refused:
            await self.use(self.first)

        self.assertTrue(refused.exception.soft)
        await self.use(await self.refreshed(self.first))

    async def test_the_new_tokens_speak_for_the_same_device(self) -> None:
        """Refreshing keeps the session."""
        before = await self.accounts.tokens.caller(self.first.access_token, INFO)
        after = await self.accounts.tokens.caller((await self.refreshed(self.first)).access_token, INFO)

        self.assertEqual(before, after)

    async def test_a_lost_answer_can_be_asked_for_again(self) -> None:
        """Until the new tokens are used the old refresh token is good; the tokens that never arrived are not."""
        lost = await self.refreshed(self.first)
        second = await self.refreshed(self.first)
        await self.use(second)

        with self.assertRaises(UnknownToken):
            await self.use(lost)
        with self.assertRaises(UnknownToken):
            await self.refreshed(lost)

    async def test_using_the_new_access_token_ends_the_old_tokens(self) -> None:
        """The first request with the new token shows that it arrived."""
        second = await self.refreshed(self.first)
        await self.use(second)

        with self.assertRaises(UnknownToken):
            await self.refreshed(self.first)
        with self.assertRaises(UnknownToken):
            await self.use(self.first)

    async def test_using_the_new_refresh_token_ends_the_old_tokens(self) -> None:
        """So does refreshing again."""
        second = await self.refreshed(self.first)
        third = await self.refreshed(second)

        with self.assertRaises(UnknownToken):
            await self.refreshed(self.first)
        await self.use(third)

    async def test_sessions_leave_nothing_behind(self) -> None:
        """However often it is refreshed, a session is one device, and at the end no tokens are left of it."""
        tokens = self.first
        for _ in range(5):
            tokens = await self.refreshed(tokens)
            await self.use(tokens)
        caller = await self.accounts.tokens.caller(tokens.access_token, INFO)
        self.assertEqual(1, len(await self.database.read(devices.of_user, ALICE)))
        await self.sessions.close(caller, tokens.access_token)

        with self.assertRaises(UnknownToken):
            await self.refreshed(tokens)
        assert tokens.refresh_token is not None
        self.assertIsNone(await self.database.read(refresh_tokens.by_hash, hash_of(tokens.refresh_token)))

    async def test_made_up_tokens_refresh_nothing(self) -> None:
        """Neither a strange token nor an access token is a refresh token."""
        for token in ("", "fmr_made_up", self.first.access_token):
            with self.assertRaises(UnknownToken):
                await self.sessions.refresh(token)
