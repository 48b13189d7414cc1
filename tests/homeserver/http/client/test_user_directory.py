"""Finding users, and the rooms shared with them, over HTTP."""

from typing import Any
from unittest.mock import patch

from homeserver.core.identifiers import ServerName
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.mutual_rooms import MutualRoomEndpoints
from homeserver.http.client.profiles import ProfileEndpoints
from homeserver.http.client.user_directory import UserDirectoryEndpoints
from homeserver.services import mutual_rooms
from homeserver.services.departing import Departing
from homeserver.services.leased_rounds import LEASE_SECONDS
from homeserver.services.member_content import MemberContent
from homeserver.services.mutual_rooms import MutualRooms
from homeserver.services.own_members import OwnMembers
from homeserver.services.profiles import Profiles
from homeserver.services.user_directory import UserDirectory, UserDirectorySettings
from homeserver.services.user_directory_keeping import UserDirectoryKeeping
from homeserver.store import users
from homeserver.store.write import Write
from tests.client import SERVER, Client, a_site
from tests.databases import each_database
from tests.room_api import V1, V3, RoomAPICase, User

HERE = ServerName(SERVER)


class DirectoryCase(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        api, rooms = self.api, self.api.rooms
        content = MemberContent(HERE, self.database)
        departing = Departing(
            HERE, self.database, rooms.known, rooms.live_rooms, rooms.timeline, api.memberships, content, api.peers
        )
        own = OwnMembers(rooms.timeline, api.memberships, content, departing)
        self.keeping = self.keeper("one")
        self.site = self.a_site(UserDirectorySettings(), Profiles(HERE, self.database, own, api.peers))

    def a_site(self, settings: UserDirectorySettings, profiles: Profiles | None = None) -> Any:
        memberships = self.api.memberships
        return a_site(
            UserDirectoryEndpoints(UserDirectory(HERE, self.database, memberships, settings)),
            MutualRoomEndpoints(MutualRooms(self.database, memberships)),
            *([] if profiles is None else [ProfileEndpoints(profiles)]),
            authenticators=token_authenticators(self.api.tokens),
        )

    def keeper(self, holder: str) -> UserDirectoryKeeping:
        keeping = UserDirectoryKeeping(HERE, self.database, self.api.clock, holder)
        keeping.rounds.running = True
        return keeping

    def client(self, user: User) -> Client:
        return Client(self.site, user.client.token)

    async def search(self, user: User, term: str, **body: Any) -> Any:
        await self.keeping.catch_up()
        response = await self.client(user).post(f"{V3}/user_directory/search", {"search_term": term, **body})
        return await User.ok(_fired(response))

    async def found(self, user: User, term: str) -> list[str]:
        return [each["user_id"].partition(":")[0] for each in (await self.search(user, term))["results"]]

    async def call(self, user: User, name: str) -> None:
        path = f"{V3}/profile/{user.user_id}/displayname"
        await User.ok(self.client(user).put(path, {"displayname": name}))


async def _fired(response: Any) -> Any:
    return response


@each_database
class UserDirectoryTests(DirectoryCase):
    async def test_who_finds_whom(self) -> None:
        """Those who share a room with the searcher, and those in public or world-readable ones; never oneself."""
        private = await self.alice.create_room()
        await self.alice.act(private, "invite", user_id=self.bob.user_id)
        nobody = await self.found(self.alice, "bob")
        await self.bob.join(private)
        shared = await self.found(self.alice, "bob")
        others = await self.found(self.carol, "bob")
        public = await self.bob.create_room(preset="public_chat")
        open_ = await self.found(self.carol, "bob")
        await self.bob.act(public, "leave")
        closed = await self.found(self.carol, "bob")
        await self.alice.set_state(private, "m.room.history_visibility", {"history_visibility": "world_readable"})

        self.assertEqual(([], ["@bob"], []), (nobody, shared, others))
        self.assertEqual((["@bob"], []), (open_, closed))
        self.assertEqual((["@bob"], []), (await self.found(self.carol, "bob"), await self.found(self.bob, "bob")))

    async def test_names(self) -> None:
        """Users are found by what they are called now, and shown so."""
        await self.bob.create_room(preset="public_chat")
        await self.call(self.bob, "田中太郎")
        by_name = await self.search(self.alice, "太郎")
        await self.call(self.bob, "Robert")
        await User.ok(
            self.client(self.bob).put(f"{V3}/profile/{self.bob.user_id}/avatar_url", {"avatar_url": "mxc://x/y"})
        )

        self.assertEqual(
            {"results": [{"user_id": self.bob.user_id, "display_name": "田中太郎"}], "limited": False}, by_name
        )
        self.assertEqual([], await self.found(self.alice, "太郎"))
        self.assertEqual(
            [{"user_id": self.bob.user_id, "display_name": "Robert", "avatar_url": "mxc://x/y"}],
            (await self.search(self.alice, "ROB"))["results"],
        )

    async def test_limits(self) -> None:
        """No more than wanted, the best first, and whether there are more."""
        room_id = await self.alice.create_room(preset="public_chat")
        for index in range(5):
            await (await self.api.user(f"smith{index}")).join(room_id)
        await (await self.api.user("smith")).join(room_id)
        some = await self.search(self.bob, "smith", limit=3)

        self.assertEqual((True, 3), (some["limited"], len(some["results"])))
        self.assertEqual("@smith:localhost", some["results"][0]["user_id"])
        self.assertFalse((await self.search(self.bob, "smith", limit=6))["limited"])
        self.assertEqual({"results": [], "limited": False}, await self.search(self.bob, " -- "))

    async def test_ended_accounts(self) -> None:
        """Are found no more, even before the directory knows."""
        self.site = self.a_site(UserDirectorySettings(search_all_users=True))
        room_id = await self.bob.create_room()
        before = await self.found(self.alice, "bob")
        await self.bob.act(room_id, "leave")
        await self.database.write(self.deactivate)

        self.assertEqual((["@bob"], []), (before, await self.found(self.alice, "bob")))

    def deactivate(self, tx: Write) -> None:
        users.deactivate(tx, self.bob.user_id, erase=False)

    async def test_all_of_an_organization(self) -> None:
        """Where that is set, users of this server find each other without any room."""
        self.site = self.a_site(UserDirectorySettings(search_all_users=True))

        self.assertEqual(["@bob"], await self.found(self.alice, "b"))

    async def test_bad_input(self) -> None:
        """Each member of the body is held against what it may be."""
        bad: list[tuple[Any, str]] = [
            ({}, "M_MISSING_PARAM"),
            ({"search_term": 5}, "M_BAD_JSON"),
            ({"search_term": "x", "limit": -1}, "M_INVALID_PARAM"),
            ({"search_term": "x", "limit": "1"}, "M_BAD_JSON"),
            ({"search_term": "x" * 2_000}, "M_INVALID_PARAM"),
            ({"search_term": "\0"}, "M_BAD_JSON"),
        ]
        for body, errcode in bad:
            response = await self.client(self.alice).post(f"{V3}/user_directory/search", body)
            self.assert_refused(400, errcode, response)
        for term in ("%", "'", "😀", "a" * 1_000, "x " * 400):
            await self.search(self.alice, term)


@each_database
class KeepingTests(DirectoryCase):
    async def test_it_works_while_the_server_runs(self) -> None:
        """A second after something happened it is in the directory; a stop leaves the work to the next."""
        keeping = UserDirectoryKeeping(HERE, self.database, self.api.clock, "one")
        self.api.rooms.tail.follow(keeping.follow)
        await keeping.start()
        await self.bob.create_room(preset="public_chat")
        self.api.clock.advance(1)
        await keeping.rounds.settled()
        await keeping.stop()
        response = await self.client(self.alice).post(f"{V3}/user_directory/search", {"search_term": "bob"})

        self.assertEqual([self.bob.user_id], [each["user_id"] for each in response.json["results"]])
        self.assertTrue(await self.keeper("two").catch_up())

    async def test_one_process_does_the_work(self) -> None:
        """Another takes over when the first is gone for a while, and goes on where it was."""
        one, two = self.keeper("one"), self.keeper("two")
        first, second = await one.catch_up(), await two.catch_up()
        await self.bob.create_room(preset="public_chat")
        self.api.clock.advance(LEASE_SECONDS + 1)

        self.assertEqual((True, False, True), (first, second, await two.catch_up()))
        self.keeping = two
        self.assertEqual(["@bob"], await self.found(self.alice, "bob"))
        self.assertFalse(await one.catch_up())


@each_database
class MutualRoomTests(DirectoryCase):
    async def mutual(self, user: User, other: str, **query: Any) -> Any:
        response = await self.client(user).get(f"{V1}/mutual_rooms", user_id=other, **query)
        return await User.ok(_fired(response))

    async def test_mutual_rooms(self) -> None:
        """Those that both are in; none of users that nobody knows."""
        shared = [await self.alice.create_room(preset="public_chat") for _ in range(3)]
        for room_id in shared:
            await self.bob.join(room_id)
        await self.alice.create_room(preset="public_chat")
        await self.bob.act(shared[0], "leave")
        invited = await self.alice.create_room()
        await self.alice.act(invited, "invite", user_id=self.bob.user_id)

        self.assertEqual({"joined": shared[1:], "count": 2}, await self.mutual(self.alice, self.bob.user_id))
        self.assertEqual(shared[1:], (await self.mutual(self.bob, self.alice.user_id))["joined"])
        for nobody in ("@nobody:localhost", "@nobody:other.example"):
            self.assertEqual({"joined": [], "count": 0}, await self.mutual(self.alice, nobody))

    async def test_pages(self) -> None:
        """Many rooms come in several parts."""
        shared = [await self.alice.create_room(preset="public_chat") for _ in range(5)]
        for room_id in shared:
            await self.bob.join(room_id)
        with patch.object(mutual_rooms, "PAGE_MAX", 2):
            first = await self.mutual(self.alice, self.bob.user_id)
            second = await self.mutual(self.alice, self.bob.user_id, from_=first["next_batch"])
            third = await self.mutual(self.alice, self.bob.user_id, from_=second["next_batch"])

        self.assertEqual(shared, [*first["joined"], *second["joined"], *third["joined"]])
        self.assertEqual(([5] * 3, False), ([p["count"] for p in (first, second, third)], "next_batch" in third))

    async def test_bad_input(self) -> None:
        """Oneself, what is no user, and tokens that were not given out are refused."""
        path = f"{V1}/mutual_rooms"
        client = self.client(self.alice)
        for query in ({"user_id": self.alice.user_id}, {"user_id": "bob"}, {"user_id": "@bob:x", "from_": "x"}):
            self.assert_refused(400, "M_INVALID_PARAM", await client.get(path, **query))
        self.assert_refused(400, "M_MISSING_PARAM", await client.get(path))
