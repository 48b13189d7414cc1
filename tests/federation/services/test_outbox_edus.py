"""Typing, presence, receipts and the like on their way to other servers, on both databases."""

from typing import Any

from attrs import evolve

from federation.core.edus import Receipt, Typing, UserPresence
from federation.services.outbox import receipt_edus
from federation.store import outbox as stored
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID
from homeserver.core.log import RECEIPT, Position
from tests.builders import ALICE
from tests.databases import each_database
from tests.federation.outboxes import ONE, ROOM, SETTINGS, THREE, TWO, OutboxCase, Sent, add_entry, waiting


@each_database
class EduTests(OutboxCase):
    """EDUs, stored and not."""

    async def queue(self, body: str, subject: str | None = None) -> None:
        edu: JSONObject = {"edu_type": "m.x", "content": {"body": body}}
        await self.database.write(stored.queue_edu, (TWO,), edu, subject)

    def bodies(self, sent: Sent) -> list[str]:
        return [edu["content"]["body"] for edu in sent.edus]

    async def test_queued_edus_are_sent_in_order(self) -> None:
        """A hundred at a time, and over a restart."""
        self.peers.down.add(TWO)
        for number in range(130):
            await self.queue(str(number))
        await self.settle()
        await self.kill()
        self.clock.advance(8)
        received: list[str] = []
        while len(received) < 130:
            sent = await self.deliver()
            self.assertLessEqual(len(sent.edus), 100)
            received += self.bodies(sent)
        await self.settle()

        self.assertEqual([str(number) for number in range(130)], received)
        self.assertEqual([], await self.database.read(waiting))

    async def test_a_later_edu_takes_the_place_of_one_that_waits(self) -> None:
        """Only of the same subject, and only while it waits."""
        await self.queue("first", "a")
        first = await self.arrival()
        await self.queue("second", "a")
        await self.queue("third", "b")
        await self.queue("fourth", "a")
        await self.queue("fifth")
        await self.queue("sixth")
        await self.settle()
        first.confirm()

        self.assertEqual(["first"], self.bodies(first))
        self.assertEqual(["third", "fourth", "fifth", "sixth"], self.bodies(await self.deliver()))

    async def test_waiting_edus_are_bounded(self) -> None:
        """For a server that is away the oldest are dropped."""
        await self.kill(evolve(SETTINGS, queued_edus_max=100))
        self.peers.down.add(TWO)
        for number in range(350):
            await self.queue(str(number))
        await self.settle()
        for _ in range(3):
            self.clock.advance(8)
            await self.settle()
        self.peers.down.clear()
        self.clock.advance(8)
        under_way = self.bodies(await self.deliver())
        rest = self.bodies(await self.deliver())

        self.assertEqual("0", under_way[0])
        self.assertEqual([str(number) for number in range(250, 350)], rest)

    async def test_typing_goes_to_the_servers_of_the_room(self) -> None:
        """Only the last of a user in a room; not to one that is away; and it is not stored."""
        self.rooms.servers = {ONE, TWO, THREE}
        self.peers.down.add(THREE)
        await self.destinations.failed(THREE)
        await self.say("under way")
        under_way = await self.arrival()
        for typing in (True, False, True):
            await self.outbox.send_typing(Typing(ROOM, ALICE, typing))
        under_way.confirm()
        sent = await self.deliver()
        await self.settle()

        self.assertEqual((TWO, []), (sent.destination, sent.texts))
        self.assertEqual([("m.typing", True)], [(e["edu_type"], e["content"]["typing"]) for e in sent.edus])
        self.peers.down.clear()
        self.clock.advance(8)
        self.assertEqual((THREE, []), ((late := await self.deliver()).destination, late.edus))

    async def test_presence_is_sent_at_once(self) -> None:
        """To the servers that are named, but not to ourselves."""
        self.outbox.send_presence([ONE, TWO], UserPresence(ALICE, "online", 5))
        sent = await self.deliver()

        self.assertEqual(TWO, sent.destination)
        self.assertEqual("online", sent.edus[0]["content"]["push"][0]["presence"])

    async def test_receipts_are_read_from_the_log(self) -> None:
        """They go to the servers of the room, and survive a kill while their server is busy."""
        receipt = Receipt(ROOM, ALICE, EventID("$e"), 5)
        self.rooms.receipts[Position(self.database.head + 1)] = receipt
        await self.database.write(add_entry, RECEIPT, ROOM)
        first = await self.arrival()
        self.assertEqual("m.receipt", first.edus[0]["edu_type"])
        for event_id in ("$f", "$g"):
            self.rooms.receipts[Position(self.database.head + 1)] = evolve(receipt, event_id=EventID(event_id))
            await self.database.write(add_entry, RECEIPT, ROOM)
            await self.settle()
        await self.kill()
        again = await self.deliver()
        last = await self.deliver()

        self.assertEqual(first.body, again.body)
        [edu] = last.edus
        self.assertEqual(["$g"], edu["content"][ROOM]["m.read"][ALICE]["event_ids"])

    async def test_receipts_of_threads_do_not_overwrite_each_other(self) -> None:
        """One EDU holds one receipt for each user and room."""
        main = Receipt(ROOM, ALICE, EventID("$m"), 1, "main")
        thread = Receipt(ROOM, ALICE, EventID("$t"), 2, "$root")
        later = Receipt(ROOM, ALICE, EventID("$n"), 3, "main")

        edus: list[Any] = receipt_edus([main, thread, later])
        events = [edu["content"][ROOM]["m.read"][ALICE]["event_ids"] for edu in edus]
        self.assertEqual([["$n"], ["$t"]], events)
