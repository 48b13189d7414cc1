"""Connections of sliding sync: what they survive, how long they wait, and how many there are."""

from typing import Any

from homeserver.core.identifiers import DeviceID
from homeserver.services.clock import now_ms
from homeserver.services.refusals import UnknownPos
from homeserver.services.sliding.links import forget_connections
from homeserver.services.sliding.settings import SlidingSettings
from tests.builders import ALICE, DAVE
from tests.databases import each_database
from tests.sliding import LIST, SlidingClient, SlidingServices
from tests.sliding_cases import SlidingCase, ranged
from tests.syncing import SyncServices


@each_database
class ConnectionTests(SlidingCase):
    def restart(self, **settings: Any) -> SyncServices:
        """The server is another process."""
        self.sync = SyncServices(self.database, rooms=self.sync.rooms)
        self.sliding = SlidingServices(self.sync, SlidingSettings(**settings))
        return self.sync

    async def test_an_answer_that_was_lost_comes_again(self) -> None:
        """Whoever comes with the same pos gets the same rooms, and goes on from there."""
        rooms = await self.rooms(3)
        client = self.client(lists={"top": ranged((0, 0))})
        await client.sync()
        said = await self.sync.say(rooms[0], DAVE)
        lost = await client.peek()
        found = await client.sync()
        after = await client.sync()

        self.assertEqual(list(lost["rooms"]), list(found["rooms"]))
        self.assertEqual(said, client.timelines[rooms[0]][-1])
        self.assertEqual({}, after["rooms"])

    async def test_a_connection_survives_a_restart(self) -> None:
        """The next process sends what is new, and nothing that was sent; of every generation."""
        rooms = await self.rooms(4)
        client = self.client(lists={"top": ranged((0, 1))})
        await client.sync()
        for number in range(4):
            client.services = SlidingServices(self.restart())
            said = await self.sync.say(rooms[number], DAVE, f"after restart {number}")
            answer = await client.sync()

            self.assertEqual([rooms[number]], list(answer["rooms"]))
            self.assertEqual(said, client.timelines[rooms[number]][-1])
        self.restart()
        client.services = self.sliding
        client.lists = {"top": ranged((0, 9))}
        self.assertEqual({}, (await client.sync())["rooms"])

    async def test_a_pos_of_before_is_refused(self) -> None:
        """Once the client has come with a later one, an earlier pos is good for nothing."""
        rooms = await self.rooms(3)
        client = self.client(lists={"top": ranged((0, 0))})
        await client.sync()
        old = client.pos
        for number in range(2):
            await self.sync.say(rooms[number], DAVE)
            await client.sync()
        client.pos = old

        with self.assertRaises(UnknownPos):
            await client.peek()

    async def test_a_pos_is_good_for_its_own_device_and_connection_only(self) -> None:
        """Another user, device or connection has no use for it."""
        await self.rooms(1)
        client = self.client()
        await client.sync()
        for change in ({"user_id": DAVE}, {"device": DeviceID("OTHER")}, {"conn_id": "other"}):
            thief = SlidingClient(self.sliding, **{"user_id": ALICE, "pos": client.pos, **change})  # type: ignore[arg-type]
            with self.subTest(**change), self.assertRaises(UnknownPos):
                await thief.peek()

    async def test_a_device_has_so_many_connections(self) -> None:
        """Those used longest ago start anew."""
        await self.rooms(1)
        self.restart(connections_per_device_max=2)
        clients = [self.client(conn_id=f"{number}") for number in range(3)]
        for client in clients:
            self.sync.clock.advance(1)
            await client.sync()

        await clients[2].peek()
        await clients[1].peek()
        with self.assertRaises(UnknownPos):
            await clients[0].peek()

    async def test_starting_anew_ends_the_connection_of_that_name(self) -> None:
        """Its pos is good for nothing any more, and everything comes again."""
        (room_id,) = await self.rooms(1)
        client, other = self.client(), self.client()
        await client.sync()

        answer = await other.sync()

        self.assertEqual([room_id], list(answer["rooms"]))
        with self.assertRaises(UnknownPos):
            await client.peek()

    async def test_a_message_in_a_room_that_the_client_has_writes_nothing(self) -> None:
        """The connection stays as it is stored: where the client is says its token."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        generation = client.pos and client.pos.rsplit("_", 1)[1]
        for number in range(3):
            await self.sync.say(room_id, DAVE, f"{number}")
            await client.sync()

        self.assertEqual(generation, client.pos and client.pos.rsplit("_", 1)[1])

    async def test_a_connection_in_use_is_not_forgotten(self) -> None:
        """Though nothing of it changes for weeks."""
        (room_id,) = await self.rooms(1)
        chore = forget_connections(SlidingSettings(connections_kept_days=15))
        client = self.client(device=DeviceID(""))
        await client.sync()
        for number in range(4):
            self.sync.clock.advance(10 * 86_400)
            await self.sync.say(room_id, DAVE, f"{number}")
            await client.sync()
            await self.database.write(chore, now_ms(self.sync.clock))
        self.restart()
        client.services = self.sliding
        said = await self.sync.say(room_id, DAVE, "last")
        await client.sync()

        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_waiting_until_something_happens(self) -> None:
        """Who waits is answered by a message, and not by what happens elsewhere."""
        (room_id,) = await self.rooms(1)
        elsewhere = await self.sync.new_room(DAVE, preset="private_chat")
        client = self.client()
        await client.sync()
        waiting = client.wait()
        await self.sync.say(elsewhere, DAVE)
        await self.sync.turn()
        self.assertNoResult(waiting)
        said = await self.sync.say(room_id, DAVE)
        await self.sync.turn()

        client.take(await waiting)
        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_waiting_until_the_time_is_over(self) -> None:
        """Then the answer is empty, and the client goes on from it."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        waiting = client.wait(10_000)
        await self.sync.turn()
        self.assertNoResult(waiting)
        self.sync.clock.advance(10)
        answer = await waiting
        client.take(answer)
        said = await self.sync.say(room_id, DAVE)
        await client.sync()

        self.assertEqual({}, answer["rooms"])
        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_a_request_that_was_given_up_answers_nothing(self) -> None:
        """When its client has asked again since, what it would say is of no use to anybody."""
        (room_id,) = await self.rooms(1)
        client = self.client()
        await client.sync()
        given_up = client.wait()
        again = client.wait()
        said = await self.sync.say(room_id, DAVE)
        await self.sync.turn()

        self.assertEqual({}, (await given_up)["rooms"])
        client.take(await again)
        self.assertEqual(said, client.timelines[room_id][-1])

    async def test_other_lists_are_answered_at_once(self) -> None:
        """A client that asks for another list wants to know how long it is, news or not."""
        await self.rooms(1)
        client = self.client()
        await client.sync()
        client.lists = {"direct": {**LIST, "filters": {"is_dm": True}}}

        answer = self.successResultOf(client.wait()) if self.kind == "sqlite" else await client.wait()

        self.assertEqual({"direct": {"count": 0}}, answer["lists"])
