"""Tests of homeserver.services.presence and .typing."""

from homeserver.core.identifiers import DeviceID, RoomID, UserID
from homeserver.core.presence import Presence
from homeserver.services import presence
from homeserver.services.presence import PresenceSettings
from homeserver.services.refusals import Forbidden, NotInRoom
from homeserver.store import windows
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")
BOB = UserID("@bob:two.example")
PHONE, LAPTOP = DeviceID("PHONE"), DeviceID("LAPTOP")


class PresenceTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.board = self.services.presence
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)
        self.told: list[tuple[UserID, str, bool]] = []
        self.board.listeners.append(
            lambda user, shown, _: self.told.append((user, shown.state, shown.currently_active))
        )

    async def state(self, user_id: UserID = DAVE) -> str:
        return (await self.board.seen_by(user_id, ALICE)).state

    async def test_who_syncs_is_online_and_then_fades(self) -> None:
        """Online while syncing, idle after doing nothing for long, offline when the syncs cease."""
        await self.services.sync(DAVE)
        self.assertEqual("online", await self.state())
        for _ in range(12):
            self.services.clock.advance(29)
            await self.services.sync(DAVE)
        self.assertEqual("unavailable", await self.state())
        self.board.active(DAVE)
        self.assertEqual("online", await self.state())
        self.services.clock.advance(60)

        self.assertEqual("offline", await self.state())
        self.assertEqual(
            [("online", True), ("online", False), ("unavailable", False), ("online", True), ("offline", False)],
            [(state, active) for user, state, active in self.told if user == DAVE],
        )

    async def test_who_does_something_is_online(self) -> None:
        """Also who was said to be unavailable; not who said that nobody need see them."""
        await self.board.state(DAVE, PHONE, "unavailable", None)
        self.board.active(DAVE)
        self.assertEqual("online", await self.state())
        await self.board.state(DAVE, PHONE, "offline", None)
        self.board.active(DAVE)

        self.assertEqual("offline", await self.state())

    async def test_each_device_speaks_for_the_user(self) -> None:
        """Unavailable on one device, online on the other: online, until the other is gone."""
        await self.services.sync(DAVE, device=PHONE, set_presence="unavailable")
        self.assertEqual("unavailable", await self.state())
        await self.services.sync(DAVE, device=LAPTOP, set_presence="online")
        self.assertEqual("online", await self.state())
        self.services.clock.advance(20)
        await self.services.sync(DAVE, device=PHONE, set_presence="unavailable")
        self.services.clock.advance(20)

        self.assertEqual("unavailable", await self.state())

    async def test_what_was_stated_is_kept_by_a_sync_that_states_nothing(self) -> None:
        """A client that sets its presence and then syncs as usual stays as it said."""
        await self.board.state(DAVE, PHONE, "unavailable", "lunch")
        await self.services.sync(DAVE, device=PHONE)

        shown = await self.board.seen_by(DAVE, ALICE)

        self.assertEqual(("unavailable", "lunch"), (shown.state, shown.status_msg))

    async def test_each_sync_speaks_for_itself(self) -> None:
        """
        A device that said by its last sync that it is idle is online by one that says nothing, and the other way round.

        Spec: client-server-api#get_matrixclientv3sync
        """
        shown = []
        for stated in ("unavailable", None, "unavailable", "online"):
            await self.services.sync(DAVE, device=PHONE, set_presence=stated)
            shown.append(await self.state())

        self.assertEqual(["unavailable", "online", "unavailable", "online"], shown)

    async def test_a_new_name_is_told_with_the_presence(self) -> None:
        """To who shares a room, whether or not the user is there."""
        since = (await self.services.sync(ALICE))["next_batch"]
        for state in ("offline", "online"):
            if state == "online":
                await self.services.sync(DAVE)
            await self.board.profile_changed(DAVE, {"displayname": state, "m.tz": "UTC"})
            news = await self.services.sync(ALICE, since)
            since = news["next_batch"]
            (content,) = (event["content"] for event in news["presence"]["events"] if event["sender"] == DAVE)

            self.assertEqual((state, state), (content["presence"], content["displayname"]))
            self.assertNotIn("m.tz", content)

    async def test_strangers_see_nothing(self) -> None:
        """Presence is for who shares a room; everybody sees their own."""
        with self.assertRaises(Forbidden):
            await self.board.seen_by(DAVE, ERIN)
        self.assertEqual("offline", (await self.board.seen_by(ERIN, ERIN)).state)

    async def test_a_remote_user_nobody_shares_a_room_with_is_not_remembered(self) -> None:
        """What other servers say of strangers is dropped."""
        await self.board.receive(BOB, Presence("online"))

        self.assertEqual([], list(self.board.present_in(frozenset({self.room_id}))))

    async def test_a_remote_user_whose_server_falls_silent_is_gone(self) -> None:
        """After half an hour without a word; each word counts from anew, and what was said of them is kept."""
        self.patch(windows, "joined_room_ids", lambda *_: [self.room_id])
        for _ in range(3):
            await self.board.receive(BOB, Presence("unavailable", status_msg="lunch"))
            self.services.clock.advance(25 * 60)
        self.assertEqual("unavailable", await self.state(BOB))
        self.services.clock.advance(5 * 60)
        shown = await self.board.seen_by(BOB, ALICE)

        self.assertEqual(("offline", "lunch"), (shown.state, shown.status_msg))

    async def test_other_servers_are_told_again_of_who_is_still_there(self) -> None:
        """So that they do not take a user for gone who has been idle for long; of who is gone nothing is said."""
        await self.services.sync(DAVE, set_presence="unavailable")
        for _ in range(60):
            self.services.clock.advance(29)
            await self.services.sync(DAVE, set_presence="unavailable")
        told = [state for user, state, _ in self.told if user == DAVE]
        self.services.clock.advance(3 * 60 * 60)

        for _ in range(2):
            await self.board.state(DAVE, PHONE, "offline", None)
            self.services.clock.advance(60 * 60)

        self.assertEqual(["unavailable"] * 2, told)
        self.assertEqual(["unavailable"] * 2 + ["offline"], [state for user, state, _ in self.told if user == DAVE])

    async def test_switched_off_nobody_is_there(self) -> None:
        """With presence disabled all are offline, and nobody is told anything."""
        services = SyncServices(self.database, presence=PresenceSettings(enabled=False), rooms=self.services.rooms)
        await services.presence.state(DAVE, PHONE, "online", None)
        answer = await services.sync(ALICE)

        self.assertNotIn("presence", answer)
        self.assertEqual("offline", (await services.presence.seen_by(DAVE, ALICE)).state)

    async def test_many_are_told_of_many_changes_together(self) -> None:
        """Where many listen, changes are gathered for a time that grows with their number, and all hear at once."""
        self.patch(presence, "AT_ONCE_MAX", 0)
        self.patch(presence, "TELLING_MS_EACH", 2_000)
        since = (await self.services.sync(ALICE))["next_batch"]
        waiting = self.services.start(ALICE, since, timeout_ms=60_000)
        for user_id, state in ((DAVE, "online"), (ALICE, "unavailable"), (DAVE, "unavailable")):
            await self.board.state(user_id, PHONE, state, None)  # type: ignore[arg-type]
        await self.services.turn()
        self.assertNoResult(waiting)
        self.services.clock.advance(2)
        await self.services.turn()
        events = {event["sender"]: event["content"]["presence"] for event in (await waiting)["presence"]["events"]}

        self.assertEqual({ALICE: "unavailable", DAVE: "unavailable"}, events)
        self.board.stop()

    async def test_who_shares_no_room_sleeps_on(self) -> None:
        """Of those who listen, only they hear who are in a room with who has changed."""
        since = (await self.services.sync(ERIN))["next_batch"]
        waiting = self.services.start(ERIN, since, timeout_ms=30_000)
        await self.board.state(DAVE, PHONE, "online", None)
        await self.services.turn()
        self.assertNoResult(waiting)
        self.services.clock.advance(31)

        self.assertNotIn("presence", await waiting)

    async def test_memory_has_a_bound(self) -> None:
        """Of more users than the settings allow, the longest unchanged are forgotten."""
        services = SyncServices(self.database, presence=PresenceSettings(users_max=100), rooms=self.services.rooms)
        for number in range(150):
            await services.presence.state(UserID(f"@user{number}:one.example"), PHONE, "online", None)

        self.assertEqual(
            "offline",
            (await services.presence.seen_by(UserID("@user0:one.example"), UserID("@user0:one.example"))).state,
        )
        services.presence.stop()


class TypingTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.typing = self.services.typing
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)
        self.told: list[tuple[RoomID, UserID, bool]] = []
        self.typing.listeners.append(lambda *what: self.told.append(what))

    async def test_each_stops_in_their_own_time(self) -> None:
        """Who types again in time goes on; the others are told when one stops."""
        await self.typing.set(self.room_id, ALICE, True, 5_000)
        await self.typing.set(self.room_id, DAVE, True, 20_000)
        self.services.clock.advance(4)
        self.assertEqual([ALICE, DAVE], self.typing.in_room(self.room_id))
        self.services.clock.advance(2)
        self.assertEqual([DAVE], self.typing.in_room(self.room_id))
        await self.typing.set(self.room_id, DAVE, True, 20_000)
        self.services.clock.advance(19)
        self.assertEqual([DAVE], self.typing.in_room(self.room_id))
        await self.typing.set(self.room_id, DAVE, False)

        self.assertEqual([], self.typing.in_room(self.room_id))
        self.assertEqual((self.room_id, ALICE, False), self.told[2])
        self.assertEqual((self.room_id, DAVE, False), self.told[-1])

    async def test_only_members_type(self) -> None:
        """A stranger is refused."""
        with self.assertRaises(NotInRoom):
            await self.typing.set(self.room_id, ERIN, True)

    async def test_a_stop_is_told_though_its_start_is_not_known(self) -> None:
        """After a restart, clients learn that who was typing has stopped."""
        since = (await self.services.sync(ALICE))["next_batch"]
        since = (await self.services.sync(ALICE, since))["next_batch"]
        self.typing.receive(self.room_id, BOB, False)

        room = (await self.services.sync(ALICE, since))["rooms"]["join"][self.room_id]

        self.assertEqual([{"type": "m.typing", "content": {"user_ids": []}}], room["ephemeral"]["events"])
