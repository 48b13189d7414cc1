"""Tests of federation/services/past_servers.py, and of what the outbox reads of a backlog."""

from collections import Counter

from twisted.trial.unittest import TestCase

from federation.core.recipients import recipients_of
from federation.services.distribution import Distribution
from federation.services.ports import OutgoingEvents
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.log import Position
from homeserver.services.log_tail import LogTail
from homeserver.services.state_moves import StateMoves
from homeserver.store import joined_servers
from tests.federation.servers import ALICE, BOB, CAROL, ERIN, ONE, THREE, TWO, FederatedServer, Federation


class PastServersTests(Federation, TestCase):
    """A room that users of other servers enter and leave, beside one that none of them does."""

    names = (ONE, TWO, THREE)
    room_id: RoomID
    alone: RoomID
    start: Position

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.start = self.one.database.head
        self.room_id = await self.one.create(ALICE, preset="public_chat")
        self.alone = await self.one.create(ALICE, preset="public_chat")
        for server, user_id in ((self.two, BOB), (self.three, CAROL), (self.two, ERIN)):
            await self.one.send(ALICE, self.room_id, f"before {user_id}")
            await self.one.send(ALICE, self.alone, "to nobody")
            await server.join(user_id, self.room_id, ONE)
            await self.quiet()
        for target in (BOB, CAROL, ERIN):
            await self.one.set_state(ALICE, self.room_id, "m.room.member", {"membership": "leave"}, target)
            await self.one.send(ALICE, self.room_id, f"after {target}")
        # Whose server is told even where nobody is.
        await self.one.set_state(ALICE, self.alone, "m.room.member", {"membership": "ban"}, CAROL)

    def begun(self, server: FederatedServer) -> Distribution:
        """As of a process that has just started: nothing is in memory of the log."""
        head = server.database.head
        moves = StateMoves(server.known, head)
        return Distribution(ONE, server.database, server.known, server.live_rooms, moves, LogTail(head))

    async def test_as_of_every_position(self) -> None:
        """As the members as of then say, whichever places are asked for first."""
        room, past = await self.one.room(self.room_id), self.begun(self.one).past
        everywhere = [Position(at) for at in range(1, self.one.database.head + 1)]
        expected = {at: await self.one.database.read(joined_servers.as_of, room.nid, at) - {ONE} for at in everywhere}
        self.assertEqual({frozenset(), frozenset({TWO}), frozenset({TWO, THREE})}, {*map(frozenset, expected.values())})
        for order in (everywhere, everywhere[::-1], everywhere[::2] + everywhere[::3]):
            for at in order:
                self.assertEqual(expected[at], await past.after(self.room_id, room.nid, at), at)

    async def test_a_backlog_is_what_others_are_told(self) -> None:
        """The same events to the same servers as when they were new; of rooms without any other server, nothing."""
        new = self.one.outbox.around.events
        backlog = self.begun(self.one)
        expected, found = await self.told(new), await self.told(backlog)
        read = Counter(
            [each.event.room_id for each in await backlog.events_between(self.start, self.one.database.head)]
        )

        self.assertEqual(expected, found)
        self.assertIn({TWO, THREE}, expected.values())
        self.assertEqual({self.room_id, self.alone}, read.keys())
        self.assertEqual(1, read[self.alone])

    async def told(self, distribution: OutgoingEvents) -> dict[Position, frozenset[ServerName]]:
        """The servers that each event was meant for, of those that were meant for any."""
        found = {}
        for each in await distribution.events_between(self.start, self.one.database.head):
            servers = await distribution.servers_in_room(each.event.room_id, each.position)
            found[each.position] = recipients_of(each.event, servers, ONE)
        return {position: recipients for position, recipients in found.items() if recipients}
