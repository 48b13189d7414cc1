"""Tests of federation/services/sticky_pushes.py: servers get what is sticky, also when the outbox has not sent it."""

from collections.abc import Callable
from itertools import count
from typing import Any

from twisted.trial.unittest import TestCase

from federation.services.sticky_pushes import StickyPushes
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.log import Position
from homeserver.core.sticky import sticky_field
from homeserver.services.clock import now_ms
from homeserver.services.sticky_events.service import StickyEvents
from homeserver.services.wakeups import Wakeups
from homeserver.store import sticky_events
from tests.federation.servers import ALICE, BOB, ONE, TWO, FederatedServer, Federation
from tests.waiting import until

HOUR_MS = 3_600_000


class StickyServers(Federation, TestCase):
    """alice's server and bob's; both keep what is sticky, and push it."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.sticky: dict[ServerName, StickyEvents] = {}
        self.pushes: dict[ServerName, StickyPushes] = {}
        await self.begin(self)
        self.room_id = await self.one.create(ALICE, preset="public_chat")

    async def boot(self, name: ServerName) -> FederatedServer:
        server = await super().boot(name)
        database, clock, numbers = server.database, server.clock, count(1)
        sticky = StickyEvents(
            name, database, clock, server.known, server.live_rooms, Wakeups(clock, server.memberships)
        )
        pushes = StickyPushes(
            name,
            database,
            clock,
            server.known,
            server.live_rooms,
            sticky,
            server.peers,
            server.destinations,
            lambda: f"push{database.head}.{next(numbers)}",
        )
        for door in (server.timeline, server.acceptance):
            door.companions.append(sticky)
        for follower in (sticky.follow, pushes.follow):
            server.tail.follow(follower)
        await sticky.start()
        await pushes.start()
        self.sticky[name], self.pushes[name] = sticky, pushes
        return server

    async def restart(self, server: FederatedServer) -> FederatedServer:
        await self._end(server.name)
        return await super().restart(server)

    async def _stop(self) -> None:
        for name in list(self.network.servers):
            await self._end(name)
        await super()._stop()

    async def _end(self, name: ServerName) -> None:
        await self.pushes[name].stop()
        await self.sticky[name].stop()

    async def send(self, sender: UserID, body: str, duration_ms: int = HOUR_MS) -> EventID:
        draft = Draft("m.rtc.member", sender, {"body": body}, fields=sticky_field(duration_ms))
        return await self.one.timeline.send(self.room_id, draft)

    async def told(self, server: FederatedServer) -> list[str]:
        """What is sticky in the room, as the server tells it."""
        await server.database.catch_up()
        found = await server.database.read(
            sticky_events.between, [self.room_id], Position(0), server.database.head, now_ms(server.clock), 1000
        )
        events = await server.known.by_nids([each.event_nid for each in found])
        return [str(events[each.event_nid].event.content["body"]) for each in found]

    async def until_told(self, server: FederatedServer, *bodies: str) -> None:
        async def is_told() -> bool:
            return sorted(await self.told(server)) == sorted(bodies)

        await until(is_told, f"{server.name} tells of {bodies}", clock=self.network.clock)

    def pushed(self) -> list[Any]:
        """The events of each push to bob's server."""
        return [
            [pdu["content"]["body"] for pdu in asked.body["pdus"]]
            for asked in self.network.asked
            if asked.destination == TWO and "/send/push" in asked.target
        ]


class PushTests(StickyServers):
    async def test_others_in_the_room_get_them_as_any_event(self) -> None:
        """And tell of them for as long as their sender's server said."""
        await self.two.join(BOB, self.room_id, ONE)
        await self.settle(self.room_id)
        await self.send(ALICE, "one")
        await self.until_told(self.two, "one")

        self.assertEqual([], self.pushed())

    async def test_who_comes_is_sent_what_is_sticky_still(self) -> None:
        """In its order; what has ended is not."""
        await self.send(ALICE, "over", 1_000)
        for body in ("one", "two", "three"):
            await self.send(ALICE, body)
        self.network.clock.advance(1)
        await self.two.join(BOB, self.room_id, ONE)
        await self.until_told(self.two, "one", "two", "three")
        await self.settle(self.room_id)

        self.assertEqual([["one", "two", "three"]], self.pushed())

    async def test_who_is_here_already_is_sent_nothing_again(self) -> None:
        """Another user of the same server brings no server."""
        await self.two.join(BOB, self.room_id, ONE)
        await self.settle(self.room_id)
        for number in range(70):
            await self.one.send(ALICE, self.room_id, str(number))
        await self.send(ALICE, "one")
        await self.until_told(self.two, "one")
        await self.two.join(UserID("@erin:two.example"), self.room_id)
        await self.settle(self.room_id)

        self.assertEqual([], self.pushed())

    async def test_who_cannot_be_reached_is_sent_it_later(self) -> None:
        """Also by a process that began meanwhile."""
        await self.two.join(BOB, self.room_id, ONE)
        await self.settle(self.room_id)
        await self.hush()
        self.network.cut(ONE, TWO)
        await self.send(ALICE, "one")
        self.pushes[ONE].push(TWO, self.room_id)
        await until(lambda: _true(lambda: bool(self.pushes[ONE]._pending)), "a push waits", clock=self.network.clock)
        await self.restart(self.one)
        self.network.heal()
        self.network.clock.advance(20)
        await self.until_told(self.two, "one")

        self.assertIn(["one"], self.pushed())

    async def test_who_was_away_for_long_is_sent_what_was_passed_over(self) -> None:
        """The outbox says so, and only of rooms where something is sticky."""
        await self.two.join(BOB, self.room_id, ONE)
        await self.settle(self.room_id)
        await self.hush()
        await self.send(ALICE, "one")
        self.pushes[ONE].push(TWO, RoomID("!other:one.example"))
        self.pushes[ONE].push(TWO, self.room_id)
        await self.until_told(self.two, "one")

        self.assertEqual([["one"]], self.pushed())


async def _true(condition: Callable[[], bool]) -> bool:
    return condition()
