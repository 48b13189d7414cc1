"""Tests of e2ee/http/client/to_device.py: messages are delivered once, to every device that they are for."""

from typing import Any

from twisted.internet import reactor

from federation.core.edus import parse_edu
from homeserver.core.identifiers import DeviceID, ServerName, UserID
from homeserver.services.sessions import NewSession
from homeserver.store.database import open_database
from tests.databases import DatabaseCase, each_database, fresh_settings
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Encryption
from tests.waiting import at_rest

SEND = "/_matrix/client/v3/sendToDevice"
TWO = ServerName("two.example")
EVE = UserID("@eve:two.example")


@each_database
class ToDeviceTests(DatabaseCase):
    async def begin(self) -> None:
        self.services = Encryption(self.database)
        await self.services.user(ALICE, PHONE, LAPTOP)
        await self.services.user(BOB, PHONE)
        self.bob = self.services.client("bob/PHONE")
        self.numbers = 0

    async def send(self, messages: Any, txn_id: str | None = None) -> None:
        self.numbers += 1
        response = await self.bob.put(f"{SEND}/m.test/{txn_id or self.numbers}", {"messages": messages})
        self.assertEqual((200, {}), (response.status, response.json))

    async def sync(self, since: str | None = None, device: DeviceID = PHONE) -> tuple[list[Any], str]:
        """What a sync of alice's delivers, and its token."""
        answer = await self.services.sync.sync(ALICE, since, device=device)
        return answer.get("to_device", {}).get("events", []), answer["next_batch"]

    async def test_a_message_reaches_its_device(self) -> None:
        """As it was sent, and no other device."""
        await self.begin()
        await self.send({ALICE: {PHONE: {"number": 1, "text": "\0é"}}})
        events, _ = await self.sync()

        self.assertEqual([{"sender": BOB, "type": "m.test", "content": {"number": 1, "text": "\0é"}}], events)
        self.assertEqual([], (await self.sync(device=LAPTOP))[0])

    async def test_a_star_reaches_every_device(self) -> None:
        """Each has it for itself."""
        await self.begin()
        await self.send({ALICE: {"*": {"n": 1}}})
        for device in (PHONE, LAPTOP):
            self.assertEqual([{"n": 1}], [event["content"] for event in (await self.sync(device=device))[0]])

    async def test_it_waits_until_its_client_says_that_it_has_it(self) -> None:
        """An answer that is lost is given again; once the next token comes it is gone."""
        await self.begin()
        _, start = await self.sync()
        await self.send({ALICE: {PHONE: {"n": 1}}})
        for _ in range(2):
            events, token = await self.sync(start)
            self.assertEqual(1, len(events))
        self.assertEqual([], (await self.sync(token))[0])

        self.assertEqual([], (await self.sync(start))[0])

    async def test_a_transaction_is_done_once(self) -> None:
        """A client that got no answer sends again."""
        await self.begin()
        for _ in range(2):
            await self.send({ALICE: {PHONE: {}}}, "same")
        await self.send({ALICE: {PHONE: {}}}, "other")

        self.assertEqual(2, len((await self.sync())[0]))

    async def test_a_waiting_sync_goes_on(self) -> None:
        """As soon as there is a message."""
        await self.begin()
        _, since = await self.sync()
        waiting = self.services.sync.start(ALICE, since, timeout_ms=30_000)
        await at_rest()
        self.assertNoResult(waiting)
        await self.send({ALICE: {PHONE: {"n": 1}}})
        await self.services.sync.turn()

        self.assertEqual(1, len((await waiting)["to_device"]["events"]))

    async def test_many_messages_come_in_batches(self) -> None:
        """Of a hundred, in order, each once; a batch whose answer was lost comes again."""
        await self.begin()
        _, token = await self.sync()
        for number in range(250):
            await self.send({ALICE: {PHONE: {"n": number}}})
        got: list[int] = []
        for size in (100, 100, 50, 0):
            lost, _ = await self.sync(token)
            events, token = await self.sync(token)
            self.assertEqual(size, len(events))
            self.assertEqual(lost, events)
            got += [event["content"]["n"] for event in events]

        self.assertEqual(list(range(250)), got)
        self.assertEqual([], (await self.sync(token))[0])

    async def test_what_comes_while_batches_are_fetched_comes_after_them(self) -> None:
        """Nothing is passed over."""
        await self.begin()
        _, token = await self.sync()
        got: list[int] = []
        for number in range(150):
            await self.send({ALICE: {PHONE: {"n": number}}})
        for extra in (150, 151, 152, 153):
            events, token = await self.sync(token)
            got += [event["content"]["n"] for event in events]
            await self.send({ALICE: {PHONE: {"n": extra}}})
        events, token = await self.sync(token)

        self.assertEqual(list(range(154)), got + [event["content"]["n"] for event in events])

    async def test_a_device_that_is_gone_leaves_nothing(self) -> None:
        """One of the same name that comes later has none of it."""
        await self.begin()
        await self.send({ALICE: {PHONE: {}}})
        await self.services.accounts.sessions.close_devices(ALICE, (PHONE,))
        await self.send({ALICE: {PHONE: {}, "*": {}}})
        await self.services.accounts.sessions.open(ALICE, NewSession(PHONE))
        self.assertEqual([], (await self.sync())[0])

    async def test_nobody_hears_what_is_sent_to_nobody(self) -> None:
        """Unknown users and devices are no error."""
        await self.begin()
        await self.send({"@nobody:localhost": {"*": {}}, ALICE: {"OTHER": {}}, BOB: {}})
        self.assertEqual([], (await self.sync())[0])

    async def test_bad_input_is_refused(self) -> None:
        """And nothing is sent."""
        await self.begin()
        wrong: list[Any] = [{}, {"messages": []}, {"messages": {"x": {}}}, {"messages": {ALICE: {PHONE: 1}}}, []]
        for body in wrong:
            self.assertEqual(400, (await self.bob.put(f"{SEND}/m.test/1", body)).status, body)
        self.assertEqual([], (await self.sync())[0])

    async def test_messages_cross_servers(self) -> None:
        """Once, although the transaction that carries them may come twice; and only from the sender's own server."""
        await self.begin()
        other = open_database(self.enterContext(fresh_settings(self.kind)), reactor)  # type: ignore[arg-type]
        self.addCleanup(other.close)
        two = Encryption(other, TWO)
        await two.user(EVE, PHONE, LAPTOP)
        await self.send({EVE: {"*": {"n": 1}}, ALICE: {PHONE: {"n": 2}}})
        (edu,) = await self.services.outgoing(TWO)
        receive = two.edus.receivers()[type(parse_edu(edu, self.services.server))]
        for _ in range(2):
            await receive(self.services.server, parse_edu(edu, self.services.server))

        for device in (PHONE, LAPTOP):
            answer = await two.sync.sync(EVE, device=device)
            expected = [{"sender": BOB, "type": "m.test", "content": {"n": 1}}]
            self.assertEqual(expected, answer["to_device"]["events"])
        self.assertEqual([{"n": 2}], [event["content"] for event in (await self.sync())[0]])
