"""What users tell of themselves."""

from attrs import evolve

from homeserver.core.identifiers import UserID
from homeserver.core.log import PROFILE, LogEntry
from homeserver.core.malformed import Malformed
from homeserver.core.profiles import Profile
from homeserver.services.refusals import Forbidden, GuestsForbidden, NotFound, Unreachable
from tests.accounts import Accounts
from tests.databases import DatabaseCase, each_database

ALICE, BOB = UserID("@alice:localhost"), UserID("@bob:localhost")
CAROL = UserID("@carol:elsewhere.org")


@each_database
class ProfileTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = Accounts(self.database)
        self.profiles = self.accounts.profiles
        self.caller = await self.accounts.caller_of(await self.accounts.register("alice"))
        self.heard: list[LogEntry] = []
        self.database.subscribe(self.heard.extend)

    async def test_who_shows_names_hears_of_them(self) -> None:
        """With the whole profile; of nothing else, and not of what was so before."""
        heard: list[tuple[UserID, Profile]] = []

        async def listen(user_id: UserID, profile: Profile) -> None:
            heard.append((user_id, profile))

        self.profiles.listeners.append(listen)
        for field, value in (
            ("displayname", "Al"),
            ("displayname", "Al"),
            ("m.tz", "UTC"),
            ("avatar_url", "mxc://a/b"),
        ):
            await self.profiles.set_field(self.caller, ALICE, field, value)
        await self.profiles.delete_field(self.caller, ALICE, "displayname")

        self.assertEqual(
            [
                {"displayname": "Al"},
                {"displayname": "Al", "avatar_url": "mxc://a/b", "m.tz": "UTC"},
                {"avatar_url": "mxc://a/b", "m.tz": "UTC"},
            ],
            [profile for _, profile in heard],
        )

    async def test_what_is_set_is_shown(self) -> None:
        """Field by field and as a whole; a field may hold any JSON."""
        await self.profiles.set_field(self.caller, ALICE, "displayname", "Alice")
        await self.profiles.set_field(self.caller, ALICE, "org.example.job", {"title": "Engineer", "since": None})

        self.assertEqual("Alice", await self.profiles.field_of(ALICE, "displayname"))
        self.assertEqual(
            {"displayname": "Alice", "org.example.job": {"title": "Engineer", "since": None}},
            await self.profiles.of(ALICE),
        )

    async def test_names_and_pictures_are_told_to_rooms(self) -> None:
        """Only the two fields that member events repeat, and only when they change."""
        await self.profiles.set_field(self.caller, ALICE, "displayname", "Alice")
        await self.profiles.set_field(self.caller, ALICE, "displayname", "Alice")
        await self.profiles.set_field(self.caller, ALICE, "m.tz", "Europe/Paris")
        await self.profiles.delete_field(self.caller, ALICE, "displayname")
        await self.profiles.delete_field(self.caller, ALICE, "displayname")

        self.assertEqual([ALICE, ALICE], self.accounts.rooms.changed)
        self.assertEqual([(PROFILE, ALICE)] * 3, [(entry.kind, entry.subject) for entry in self.heard])

    async def test_one_is_not_true(self) -> None:
        """Values that Python takes for equal are different values."""
        await self.profiles.set_field(self.caller, ALICE, "org.example.x", True)
        await self.profiles.set_field(self.caller, ALICE, "org.example.x", 1)

        self.assertIs(int, type(await self.profiles.field_of(ALICE, "org.example.x")))

    async def test_an_empty_name_is_none(self) -> None:
        """As older clients take it away."""
        await self.profiles.set_field(self.caller, ALICE, "displayname", "Alice")
        await self.profiles.set_field(self.caller, ALICE, "displayname", "")

        with self.assertRaises(NotFound):
            await self.profiles.field_of(ALICE, "displayname")

    async def test_profiles_are_their_owners(self) -> None:
        """Nobody changes another's, of this server or any."""
        await self.accounts.register("bob")
        for user_id in (BOB, CAROL):
            with self.assertRaises(Forbidden):
                await self.profiles.set_field(self.caller, user_id, "displayname", "Bobby")
            with self.assertRaises(Forbidden):
                await self.profiles.delete_field(self.caller, user_id, "displayname")

    async def test_guests_have_a_name_and_no_more(self) -> None:
        """Spec: client-server-api#guest-access"""
        guest = evolve(self.caller, is_guest=True)
        await self.profiles.set_field(guest, ALICE, "displayname", "A guest")

        with self.assertRaises(GuestsForbidden):
            await self.profiles.set_field(guest, ALICE, "avatar_url", "mxc://localhost/a")
        with self.assertRaises(GuestsForbidden):
            await self.profiles.delete_field(guest, ALICE, "avatar_url")

    async def test_the_whole_stays_small(self) -> None:
        """What is there already counts; a refused change changes nothing."""
        await self.profiles.set_field(self.caller, ALICE, "org.example.a", "x" * 40_000)
        with self.assertRaises(Malformed) as refused:
            await self.profiles.set_field(self.caller, ALICE, "org.example.b", "x" * 40_000)
        await self.profiles.set_field(self.caller, ALICE, "org.example.a", "y" * 40_000)

        self.assertEqual("M_PROFILE_TOO_LARGE", refused.exception.code)
        self.assertEqual({"org.example.a"}, set(await self.profiles.local(ALICE)))

    async def test_users_without_a_profile_exist(self) -> None:
        """An empty profile is not a missing user."""
        self.assertEqual({}, await self.profiles.of(ALICE))
        with self.assertRaises(NotFound):
            await self.profiles.of(BOB)
        with self.assertRaises(NotFound):
            await self.profiles.field_of(ALICE, "displayname")

    async def test_other_servers_are_asked(self) -> None:
        """Their users' profiles are theirs to tell; what goes wrong there is no mistake of ours."""
        self.accounts.peers.profiles[CAROL] = {"displayname": "Carol", "m.tz": "Asia/Tokyo"}

        self.assertEqual({"displayname": "Carol", "m.tz": "Asia/Tokyo"}, await self.profiles.of(CAROL))
        self.assertEqual("Carol", await self.profiles.field_of(CAROL, "displayname"))
        with self.assertRaises(NotFound):
            await self.profiles.field_of(CAROL, "avatar_url")
        with self.assertRaises(NotFound):
            await self.profiles.of(UserID("@nobody:broken.org"))
        with self.assertRaises(Unreachable):
            await self.profiles.of(UserID("@nobody:silent.org"))
