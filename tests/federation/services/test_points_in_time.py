"""Tests of jumping to a date across servers: federation/services/room_queries.py and backfill.py."""

from twisted.trial.unittest import TestCase

from homeserver.core.identifiers import DeviceID, EventID, RoomID, UserID
from homeserver.services.aggregations import Aggregations
from homeserver.services.callers import Caller
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import now_ms
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.messages import Messages
from homeserver.services.refusals import NotFound
from homeserver.services.relation_kinds import RelationKinds
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_views import RoomViews
from homeserver.services.shown_events import ShownEvents
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.services.visible_history import VisibleHistory
from tests.federation.servers import ALICE, BOB, ONE, TWO, FederatedServer, Federation

PATH = "/_matrix/federation/v1/timestamp_to_event/"
DAY = 86_400


def messages_of(server: FederatedServer) -> Messages:
    """What reads timelines, for users of *server*."""
    database, known = server.database, server.known
    views = RoomViews(database, server.tail, known, server.memberships, VisibleHistory(database, known))
    client_events, ignored = ClientEvents(database, known), IgnoredUsers(database)
    kinds = RelationKinds(database, known)
    server.tail.follow(kinds.follow)
    summaries = ThreadSummaries(database, known)
    server.tail.follow(summaries.follow)
    aggregations = Aggregations(database, known, views, client_events, ignored, kinds, summaries)
    shown = ShownEvents(server.clock, client_events, aggregations)
    reading = RoomReading(database, known, views, server.states, shown)
    return Messages(database, known, views, reading, shown, ignored, server.backfill)


class PointsInTimeTests(Federation, TestCase):
    """A room with a message a day, which a user of another server joins afterwards."""

    names = (ONE, TWO)
    room_id: RoomID
    said: list[tuple[int, EventID]]

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.room_id = await self.one.create(ALICE, preset="public_chat")
        self.said = []
        for index in range(5):
            self.network.clock.advance(DAY)
            event_id = await self.one.send(ALICE, self.room_id, f"day {index}")
            self.said.append((now_ms(self.network.clock), event_id))
        self.network.clock.advance(DAY)

    async def closest(self, server: FederatedServer, user_id: UserID, ts: int, *, forward: bool) -> EventID:
        caller = Caller(user_id, DeviceID("PHONE"))
        return (await messages_of(server).closest(caller, self.room_id, ts, forward=forward)).event_id

    async def test_servers_tell_what_was_when(self) -> None:
        """Those that take part, of events that they may see."""
        ts, event_id = self.said[2]
        before = await self.two.request(self.one, "GET", f"{PATH}{self.room_id}?ts={ts}&dir=f")
        await self.two.join(BOB, self.room_id, ONE)
        after = await self.two.request(self.one, "GET", f"{PATH}{self.room_id}?ts={ts - 5}&dir=f")
        back = await self.two.request(self.one, "GET", f"{PATH}{self.room_id}?ts={ts + 5}&dir=b")
        none = await self.two.request(self.one, "GET", f"{PATH}{self.room_id}?ts={ts + DAY * 100_000}&dir=f")
        bad = await self.two.request(self.one, "GET", f"{PATH}{self.room_id}?ts={ts}&dir=x")

        self.assertEqual(403, before.status)
        self.assertEqual({"event_id": event_id, "origin_server_ts": ts}, after.json)
        self.assertEqual(after.json, back.json)
        self.assertEqual((404, 400), (none.status, bad.status))

    async def test_history_is_fetched_on_the_way(self) -> None:
        """Where events are missing that are closer, they are brought, so that clients can go there."""
        await self.two.join(BOB, self.room_id, ONE)
        ts, event_id = self.said[1]

        self.assertEqual(event_id, await self.closest(self.two, BOB, ts - 5, forward=True))
        entry = await self.two.entry(event_id)
        assert entry is not None
        self.assertIsNotNone(entry.ordering)
        self.assertEqual(self.said[0][1], await self.closest(self.two, BOB, ts - 5, forward=False))

    async def test_others_may_be_away(self) -> None:
        """Then what is here counts."""
        await self.two.join(BOB, self.room_id, ONE)
        self.network.cut(ONE, TWO)
        join = (await self.two.state(self.room_id))["m.room.member", BOB]

        self.assertEqual(join, await self.closest(self.two, BOB, self.said[1][0], forward=True))
        with self.assertRaises(NotFound):
            await self.closest(self.two, BOB, self.said[1][0], forward=False)
