"""Tests of e2ee/services/device_lists.py, through syncs: whose devices a client must look at again."""

from typing import Any

from attrs import evolve
from twisted.internet import reactor

from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.services.log_tail import LogTail
from homeserver.store.database import open_database
from tests.databases import DatabaseCase, each_database, fresh_settings
from tests.encryption import ALICE, BOB, CAROL, PHONE, Device, Encryption, arrive

TWO = ServerName("two.example")
EVE = UserID("@eve:two.example")


@each_database
class DeviceListTests(DatabaseCase):
    async def begin(self) -> None:
        self.services = Encryption(self.database)
        self.sync = self.services.sync
        for user_id in (ALICE, BOB, CAROL):
            await self.services.user(user_id, PHONE)
        await self.services.start()
        self.salt = 0

    async def room(self, *user_ids: UserID) -> RoomID:
        room_id = await self.sync.new_room(user_ids[0], preset="public_chat")
        await self.sync.join(room_id, *user_ids[1:])
        return room_id

    async def change(self, user_id: UserID) -> None:
        """The user's device has other keys."""
        self.salt += 1
        await self.services.upload(Device(user_id, PHONE, str(self.salt)))

    async def token(self, user_id: UserID = ALICE) -> str:
        token: str = (await self.sync.sync(user_id))["next_batch"]
        return token

    async def news(self, since: str, user_id: UserID = ALICE) -> tuple[list[str], list[str]]:
        """What a sync says, and what it says to who comes after memory has forgotten; they are the same."""
        lists: Any = (await self.sync.sync(user_id, since)).get("device_lists", {"changed": [], "left": []})
        forgetful = evolve(self.services.device_lists, tail=LogTail(self.database.head))
        await self.services.settle()
        position = int(since[1:].partition("_")[0])
        later = await forgetful.changes(user_id, position, self.database.head)  # type: ignore[arg-type]
        self.assertEqual((lists["changed"], lists["left"]), (sorted(later.changed), sorted(later.left)))
        return lists["changed"], lists["left"]

    async def test_changes_of_those_one_shares_a_room_with(self) -> None:
        """And of oneself; not of strangers."""
        await self.begin()
        await self.room(ALICE, BOB)
        since = await self.token()
        for user_id in (ALICE, BOB, CAROL):
            await self.change(user_id)

        self.assertEqual(([ALICE, BOB], []), await self.news(since))

    async def test_the_same_keys_again_are_no_change(self) -> None:
        """Clients upload them now and then."""
        await self.begin()
        await self.room(ALICE, BOB)
        await self.change(BOB)
        since = await self.token()
        await self.services.upload(Device(BOB, PHONE, str(self.salt)))

        self.assertEqual(([], []), await self.news(since))

    async def test_new_names_and_the_end_of_a_device_are_changes(self) -> None:
        """Others see both."""
        await self.begin()
        await self.room(ALICE, BOB)
        await self.change(BOB)
        since = await self.token()
        caller = self.services.tokens.callers["bob/PHONE"]
        await self.services.accounts.devices.rename(caller, PHONE, "another name")
        self.assertEqual(([BOB], []), await self.news(since))
        since = await self.token()
        await self.services.accounts.sessions.close_devices(BOB, (PHONE,))

        self.assertEqual(([BOB], []), await self.news(since))

    async def test_a_first_sync_says_nothing(self) -> None:
        """There is nothing yet that could be out of date."""
        await self.begin()
        await self.room(ALICE, BOB)
        await self.change(BOB)

        self.assertNotIn("device_lists", await self.sync.sync(ALICE))

    async def test_who_joins_is_new_to_all_and_all_are_new_to_who_joins(self) -> None:
        """Each may hold a list of the other from long ago."""
        await self.begin()
        room_id = await self.room(ALICE)
        alices, bobs = await self.token(), await self.token(BOB)
        await self.sync.join(room_id, BOB)

        self.assertEqual(([BOB], []), await self.news(alices))
        self.assertEqual(([ALICE], []), await self.news(bobs, BOB))

    async def test_who_shares_a_room_anyway_is_not_new(self) -> None:
        """No change went unheard."""
        await self.begin()
        await self.room(ALICE, BOB)
        room_id = await self.room(ALICE)
        since = await self.token()
        await self.sync.join(room_id, BOB)

        self.assertEqual(([], []), await self.news(since))

    async def test_who_shares_no_room_any_more_has_left(self) -> None:
        """To both; whoever of the two went."""
        await self.begin()
        room_id = await self.room(ALICE, BOB, CAROL)
        await self.room(ALICE, CAROL)
        alices, bobs = await self.token(), await self.token(BOB)
        await self.sync.member(room_id, BOB, "leave")

        self.assertEqual(([], [BOB]), await self.news(alices))
        self.assertEqual(([], [ALICE, CAROL]), await self.news(bobs, BOB))

    async def test_who_went_and_came_back_is_looked_at_again(self) -> None:
        """Also what changed in between is told so, once it is shared again."""
        await self.begin()
        room_id = await self.room(ALICE, BOB)
        await self.sync.member(room_id, BOB, "leave")
        since = await self.token()
        await self.change(BOB)
        self.assertEqual(([], []), await self.news(since))
        await self.sync.join(room_id, BOB)

        self.assertEqual(([BOB], []), await self.news(since))

    async def test_an_invited_user_shares_nothing_yet(self) -> None:
        """A ban ends it like leaving does."""
        await self.begin()
        room_id = await self.room(ALICE, CAROL)
        since = await self.token()
        await self.sync.member(room_id, BOB, "invite", ALICE)
        self.assertEqual(([], []), await self.news(since))
        await self.sync.member(room_id, CAROL, "ban", ALICE)

        self.assertEqual(([], [CAROL]), await self.news(since))

    async def test_who_waits_is_woken(self) -> None:
        """By a change of somebody in the same room, and by nobody else's."""
        await self.begin()
        await self.room(ALICE, BOB)
        waiting = self.sync.start(ALICE, await self.token(), timeout_ms=30_000)
        await self.change(CAROL)
        await self.sync.turn()
        self.assertNoResult(waiting)
        await self.change(BOB)
        await self.sync.turn()

        self.assertEqual({"changed": [BOB], "left": []}, (await waiting)["device_lists"])

    async def test_users_of_other_servers_come_and_go_alike(self) -> None:
        """Their servers tell; what they changed meanwhile is not missed."""
        await self.begin()
        other = open_database(self.enterContext(fresh_settings(self.kind)), reactor)  # type: ignore[arg-type]
        self.addCleanup(other.close)
        two = Encryption(other, TWO, self.services.network)
        room_id = await self.room(ALICE)
        alices, eves = await self.token(), (await two.sync.sync(EVE))["next_batch"]
        await arrive(self.services, room_id, two, EVE)
        self.assertEqual(([EVE], []), await self.news(alices))
        lists: Any = (await two.sync.sync(EVE, eves))["device_lists"]
        self.assertEqual({"changed": [ALICE], "left": []}, lists)

        alices = await self.token()
        await self.sync.member(room_id, EVE, "leave", ALICE)
        self.assertEqual(([], [EVE]), await self.news(alices))

    async def test_keys_left_are_in_every_answer(self) -> None:
        """Clients upload when they see them go down."""
        await self.begin()
        answer = await self.sync.sync(ALICE)
        self.assertEqual({"signed_curve25519": 0}, answer["device_one_time_keys_count"])
        self.assertEqual([], answer["device_unused_fallback_key_types"])
