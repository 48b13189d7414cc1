"""Tests of accounts in the store: users, devices, tokens, addresses, profiles, account data."""

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.interactive_auth import DUMMY, TERMS, Progress, advance
from homeserver.core.log import Position
from homeserver.core.registration import RegistrationToken
from homeserver.core.tokens import hash_of
from homeserver.store import (
    access_tokens,
    account_data,
    devices,
    earlier_push_rules,
    filters,
    login_tokens,
    profiles,
    push_rules,
    refresh_tokens,
    registration_tokens,
    threepids,
    uia_sessions,
    users,
)
from homeserver.store.earlier_push_rules import EarlierRules
from homeserver.store.push_rules import StoredRules
from homeserver.store.users import NewAccount
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one"), UserID("@bob:one")
PHONE, LAPTOP = DeviceID("PHONE"), DeviceID("LAPTOP")


@each_database
class UserTests(TransactionCase):
    """Accounts and their devices."""

    def test_a_name_is_taken_once(self) -> None:
        """The first account stays as it was."""
        self.assertTrue(users.insert_new(self.tx, NewAccount(ALICE, "hash", 5, is_admin=True)))
        self.assertFalse(users.insert_new(self.tx, NewAccount(ALICE, "other", 6)))
        user = users.by_id(self.read, ALICE)

        assert user is not None
        self.assertEqual(("hash", 5, True, False), (user.password_hash, user.created_ms, user.is_admin, user.is_guest))
        self.assertIsNone(users.by_id(self.read, BOB))

    def test_guests_are_upgraded_once(self) -> None:
        """Users, deactivated guests and strangers are not."""
        users.insert_new(self.tx, NewAccount(ALICE, None, 5, is_guest=True))
        users.insert_new(self.tx, NewAccount(BOB, None, 5, is_guest=True))
        users.deactivate(self.tx, BOB, erase=False)

        self.assertTrue(users.upgrade_guest(self.tx, NewAccount(ALICE, "hash", 6)))
        self.assertFalse(users.upgrade_guest(self.tx, NewAccount(ALICE, "hash", 6)))
        self.assertFalse(users.upgrade_guest(self.tx, NewAccount(BOB, "hash", 6)))

    def test_a_changed_password_is_not_renewed(self) -> None:
        """Hashing a password anew never brings an old one back."""
        users.insert_new(self.tx, NewAccount(ALICE, "old", 5))
        users.set_password_hash(self.tx, ALICE, "changed")
        users.renew_password_hash(self.tx, ALICE, "old", "old, renewed")
        user = users.by_id(self.read, ALICE)

        assert user is not None
        self.assertEqual("changed", user.password_hash)

    def test_devices_are_their_users(self) -> None:
        """Two users may have devices of one ID; one that is there keeps its name."""
        for user_id in (ALICE, BOB):
            self.assertTrue(devices.insert_new(self.tx, user_id, PHONE, "A phone", 1))
        self.assertFalse(devices.insert_new(self.tx, ALICE, PHONE, "Another", 2))
        devices.set_last_seen(self.tx, ALICE, PHONE, 7, "192.0.2.1", "agent")
        self.assertEqual(1, devices.delete(self.tx, BOB, [PHONE, LAPTOP]))
        phone = devices.by_id(self.read, ALICE, PHONE)

        assert phone is not None
        self.assertEqual(("A phone", 7, "192.0.2.1"), (phone.display_name, phone.last_seen_ms, phone.last_seen_ip))
        self.assertEqual([[PHONE], []], [devices.ids_of(self.read, user_id) for user_id in (ALICE, BOB)])

    def test_addresses_have_one_owner(self) -> None:
        """Who has proved none owns none."""
        self.assertIsNone(threepids.owner_of(self.read, "email", "a@example.org"))
        self.assertEqual([], threepids.of_user(self.read, ALICE))


@each_database
class TokenTests(TransactionCase):
    """Tokens, by their hashes."""

    def setUp(self) -> None:
        super().setUp()
        users.insert_new(self.tx, NewAccount(ALICE, None, 5, is_guest=True))

    def test_a_token_knows_its_account(self) -> None:
        """With one look-up; a token of nobody is unknown."""
        access_tokens.insert_token(self.tx, hash_of("a"), ALICE, PHONE, 9, None, 1)
        found = access_tokens.by_hash(self.read, hash_of("a"))

        assert found is not None
        self.assertEqual((ALICE, PHONE, 9, True), (found.user_id, found.device_id, found.expires_ms, found.is_guest))
        self.assertIs(False, bool(found.replaces_another))
        self.assertIsNone(access_tokens.by_hash(self.read, hash_of("b")))

    def test_tokens_go_by_device_and_user(self) -> None:
        """Those without a device go with the user."""
        for name, device_id in (("a", PHONE), ("b", LAPTOP), ("c", None)):
            access_tokens.insert_token(self.tx, hash_of(name), ALICE, device_id, None, None, 1)
        access_tokens.delete_of_devices(self.tx, ALICE, [PHONE])
        self.assertEqual([False, True, True], [self.is_there(name) for name in "abc"])
        access_tokens.delete_of_user(self.tx, ALICE)

        self.assertEqual([False, False, False], [self.is_there(name) for name in "abc"])

    def test_a_successor_retires_what_it_replaced(self) -> None:
        """The refresh token before it, with its access tokens, and nothing else."""
        for refresh, access in (("r1", "a1"), ("r2", "a2")):
            refresh_tokens.insert_token(self.tx, hash_of(refresh), ALICE, PHONE)
            access_tokens.insert_token(self.tx, hash_of(access), ALICE, PHONE, None, hash_of(refresh), 1)
        refresh_tokens.set_next(self.tx, hash_of("r1"), hash_of("r2"))
        second = access_tokens.by_hash(self.read, hash_of("a2"))
        assert second is not None
        self.assertTrue(second.replaces_another)
        refresh_tokens.retire_before(self.tx, hash_of("r2"))

        self.assertEqual([False, True], [self.is_there(name) for name in ("a1", "a2")])
        self.assertIsNone(refresh_tokens.by_hash(self.read, hash_of("r1")))
        self.assertIsNotNone(refresh_tokens.by_hash(self.read, hash_of("r2")))

    def test_sessions_may_end_as_a_whole(self) -> None:
        """However often they are refreshed."""
        refresh_tokens.insert_token(self.tx, hash_of("r"), ALICE, PHONE, session_expires_ms=10)
        token = refresh_tokens.by_hash(self.read, hash_of("r"))

        assert token is not None
        self.assertEqual([False, True], [token.is_expired(9), token.is_expired(10)])

    def test_login_tokens_are_used_up(self) -> None:
        """Also by coming too late; those that nobody used do not pile up."""
        for name, expires_ms in (("a", 10), ("b", 10), ("c", 5)):
            login_tokens.insert_token(self.tx, hash_of(name), ALICE, 1, expires_ms)
        taken = [login_tokens.take(self.tx, hash_of(name), now) for name, now in (("a", 9), ("a", 9), ("b", 10))]
        login_tokens.insert_token(self.tx, hash_of("d"), ALICE, 6, 20)

        self.assertEqual([ALICE, None, None], taken)
        self.assertIsNone(login_tokens.take(self.tx, hash_of("c"), 1))

    def test_registration_tokens_count(self) -> None:
        """New limits do not forget past uses."""
        registration_tokens.replace(self.tx, "welcome", 1, 100)
        used = [registration_tokens.use(self.tx, "welcome", 99) for _ in range(2)]
        registration_tokens.replace(self.tx, "welcome", 2, None)

        self.assertEqual([True, False], used)
        self.assertEqual([RegistrationToken("welcome", 2, 1, None)], registration_tokens.all_tokens(self.read))
        self.assertTrue(registration_tokens.use(self.tx, "welcome", 10**12))
        self.assertTrue(registration_tokens.delete_token(self.tx, "welcome"))
        self.assertFalse(registration_tokens.delete_token(self.tx, "welcome"))
        self.assertFalse(registration_tokens.use(self.tx, "welcome", 0))

    def test_progress_is_kept_for_a_while(self) -> None:
        """What a session has completed and proved; old sessions go when others come."""
        one = advance(Progress(), TERMS, "yes")
        uia_sessions.keep(self.tx, "s", "purpose", one, now_ms=0, lifetime_ms=100)
        uia_sessions.keep(self.tx, "s", "purpose", advance(one, DUMMY), now_ms=50, lifetime_ms=100)
        self.assertEqual(advance(one, DUMMY), uia_sessions.progress(self.read, "s"))
        uia_sessions.keep(self.tx, "t", "purpose", one, now_ms=151, lifetime_ms=100)

        self.assertEqual(Progress(), uia_sessions.progress(self.read, "s"))

    def is_there(self, token: str) -> bool:
        return access_tokens.by_hash(self.read, hash_of(token)) is not None


@each_database
class OwnDataTests(TransactionCase):
    """Profiles, account data, push rules and filters."""

    def test_profiles_of_many(self) -> None:
        """Those who have set anything."""
        profiles.set_field(self.tx, ALICE, "displayname", "Alice\0")
        profiles.set_field(self.tx, ALICE, "m.tz", None)
        profiles.set_field(self.tx, ALICE, "m.tz", "Europe/Paris")

        expected = {"displayname": "Alice\0", "m.tz": "Europe/Paris"}
        self.assertEqual({ALICE: expected}, profiles.of_users(self.read, [ALICE, BOB]))
        self.assertTrue(profiles.delete_field(self.tx, ALICE, "m.tz"))
        self.assertFalse(profiles.delete_field(self.tx, ALICE, "m.tz"))
        profiles.delete_of_user(self.tx, ALICE)
        self.assertEqual({}, profiles.of_user(self.read, ALICE))

    def test_account_data_by_position_and_type(self) -> None:
        """Deleted data is heard of, and not there."""
        account_data.replace(self.tx, ALICE, "", "a", "{}", Position(1))
        account_data.replace(self.tx, ALICE, "!room:one", "a", "{}", Position(2))
        account_data.replace(self.tx, ALICE, "", "b", None, Position(3))

        self.assertEqual(["", "!room:one"], [each.room_id for each in account_data.of_type(self.read, ALICE, "a")])
        self.assertEqual(2, len(account_data.all_of(self.read, ALICE)))
        changed = account_data.between(self.read, ALICE, Position(1), Position(3))
        self.assertEqual([("a", "{}"), ("b", None)], [(each.type, each.content) for each in changed])
        self.assertIsNone(account_data.content(self.read, ALICE, "", "b"))

    def test_push_rules_of_who_changed_any(self) -> None:
        """And since when."""
        push_rules.replace(self.tx, ALICE, "{}", Position(1))
        push_rules.replace(self.tx, ALICE, '{"added":[]}', Position(2))

        self.assertEqual(StoredRules('{"added":[]}', Position(2)), push_rules.of_user(self.read, ALICE))
        self.assertIsNone(push_rules.of_user(self.read, BOB))
        push_rules.delete_of_user(self.tx, ALICE)
        self.assertIsNone(push_rules.of_user(self.read, ALICE))

    def test_earlier_push_rules_are_kept_up_to_a_bound(self) -> None:
        """The newest so many sets, and characters; the very newest whatever its size."""
        for number in range(1, 6):
            earlier_push_rules.insert(self.tx, ALICE, Position(number), "x" * number)
        earlier_push_rules.insert(self.tx, BOB, Position(1), "bob")

        for sets, characters, kept in ((9, 99, [1, 2, 3, 4, 5]), (4, 99, [2, 3, 4, 5]), (4, 9, [4, 5]), (4, 0, [5])):
            earlier_push_rules.prune(self.tx, ALICE, sets, characters)
            expected = [EarlierRules(Position(number), "x" * number) for number in kept]
            self.assertEqual(expected, earlier_push_rules.of_user(self.read, ALICE))
        earlier_push_rules.delete_of_user(self.tx, ALICE)
        self.assertEqual([], earlier_push_rules.of_user(self.read, ALICE))
        self.assertEqual([EarlierRules(Position(1), "bob")], earlier_push_rules.of_user(self.read, BOB))

    def test_filters_are_numbered(self) -> None:
        """From 1, for each user; the same text has the same number, and no more than may be are kept."""
        numbers = [filters.insert_new(self.tx, ALICE, text, 2) for text in ("a", "b", "a", "c")]

        self.assertEqual([1, 2, 1, None], numbers)
        self.assertEqual(1, filters.insert_new(self.tx, BOB, "b", 2))
        self.assertEqual(["a", "b", None], [filters.by_number(self.read, ALICE, number) for number in (1, 2, 3)])
