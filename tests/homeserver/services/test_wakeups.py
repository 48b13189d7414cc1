"""Tests of homeserver.services.wakeups and .memberships."""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from homeserver.core.identifiers import UserID
from homeserver.core.log import DEVICE_LIST, LogEntry, Position
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import NotInRoom
from homeserver.services.wakeups import RELEASED_AT_ONCE, Wakeups
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices
from tests.waiting import at_rest

ERIN = UserID("@erin:one.example")


@define(eq=False)
class TurnByTurn:
    """A clock whose calls are made one turn at a time."""

    clock: Clock = field(factory=Clock)
    calls: list[Callable[[], object]] = field(factory=list)

    def seconds(self) -> float:
        return self.clock.seconds()

    def callLater(self, delay: float, callable: Callable[..., object], *args: Any, **kw: Any) -> Any:
        if delay > 0:
            return self.clock.callLater(delay, callable, *args, **kw)
        self.calls.append(lambda: callable(*args, **kw))
        return None

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


@each_database
class WakeupsTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)
        self.clock = TurnByTurn()
        self.wakeups = Wakeups(self.clock, self.services.memberships)
        for user_id in (ALICE, DAVE, ERIN):
            await self.services.memberships.of(user_id)

    async def test_what_rang_before_the_wait_is_heard(self) -> None:
        """Between reading and waiting nothing is lost."""
        with self.wakeups.listen(ALICE) as bell:
            self.wakeups.ring_room(self.room_id)
            waited = ensureDeferred(bell.wait(30))
            self.assertTrue(waited.called)
            bell.silence()
            waiting = ensureDeferred(bell.wait(30))

            self.assertNoResult(waiting)
            self.clock.clock.advance(31)
            await waiting

    async def test_only_members_of_the_room_are_rung_for(self) -> None:
        """Who is in another room sleeps on."""
        with self.wakeups.listen(ALICE) as inside, self.wakeups.listen(ERIN) as outside:
            waiting, sleeping = ensureDeferred(inside.wait(30)), ensureDeferred(outside.wait(30))
            self.wakeups.ring_room(self.room_id)
            self.clock.turn()

            await waiting
            await at_rest()
            self.assertNoResult(sleeping)
            self.clock.clock.advance(31)
            await sleeping

    async def test_a_few_go_on_in_each_turn(self) -> None:
        """However many wait, one turn of the reactor releases no more than a few."""
        bells = [self.wakeups.listen(ALICE) for _ in range(3 * RELEASED_AT_ONCE)]
        for bell in bells:
            bell.__enter__()
        waiting = [ensureDeferred(bell.wait(30)) for bell in bells]
        self.wakeups.ring(ALICE)
        released = []
        for _ in range(4):
            self.clock.turn()
            released.append(sum(each.called for each in waiting))

        self.assertEqual([RELEASED_AT_ONCE, 2 * RELEASED_AT_ONCE, 3 * RELEASED_AT_ONCE, 3 * RELEASED_AT_ONCE], released)

    async def test_changed_devices_concern_who_shares_a_room(self) -> None:
        """A local user's device list wakes their rooms; that of somebody unknown wakes everybody."""
        with self.wakeups.listen(ALICE) as alice, self.wakeups.listen(ERIN) as erin:
            self.wakeups.follow([LogEntry(Position(1), DEVICE_LIST, DAVE)])
            self.assertTrue(ensureDeferred(alice.wait(30)).called)
            sleeping = ensureDeferred(erin.wait(30))
            await at_rest()
            self.assertNoResult(sleeping)
            self.wakeups.follow([LogEntry(Position(2), DEVICE_LIST, "@stranger:elsewhere.example")])
            self.clock.turn()

            await sleeping


@each_database
class MembershipsTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")

    async def test_what_is_answered_holds_at_the_head_of_the_log(self) -> None:
        """Each change of a membership is seen as soon as it is in the log, and only the room that changed is read."""
        memberships = self.services.memberships
        self.assertNotIn(self.room_id, (await memberships.of(DAVE)).joined)
        await self.services.join(self.room_id, DAVE)
        self.assertIn(self.room_id, (await memberships.of(DAVE)).joined)
        self.assertIn(DAVE, memberships.present_in(self.room_id))
        other = await self.services.new_room(DAVE)
        await self.services.member(self.room_id, DAVE, "leave")

        rooms = await memberships.of(DAVE)

        self.assertEqual([other], list(rooms.joined))
        self.assertEqual("leave", rooms.rows[self.room_id].membership)
        self.assertNotIn(DAVE, memberships.present_in(self.room_id))
        with self.assertRaises(NotInRoom):
            rooms.require_joined(self.room_id)

    async def test_local_members(self) -> None:
        """The users of this server that are in a room, before and after somebody comes."""
        row = (await self.services.memberships.of(ALICE)).joined[self.room_id]
        before = await self.services.memberships.local_members(row.room_nid)
        await self.services.join(self.room_id, DAVE)
        after = await self.services.memberships.local_members(row.room_nid)

        self.assertEqual(({ALICE}, {ALICE, DAVE}), (before, after))

    async def test_memory_has_a_bound(self) -> None:
        """Who was asked for longest ago is forgotten, is told of it, and is read again when asked for."""
        memberships = Memberships(self.database, self.services.tail, users_max=2)
        dropped: list[UserID] = []
        memberships.on_drop.append(dropped.append)
        for user_id in (ALICE, DAVE, ERIN):
            await memberships.of(user_id)

        self.assertEqual([ALICE], dropped)
        self.assertIsNone(memberships.cached(ALICE))
        self.assertEqual(frozenset(), memberships.present_in(self.room_id))
        self.assertIn(self.room_id, (await memberships.of(ALICE)).joined)
