"""Tests of federation/services/inbox.py: transactions of other servers."""

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from homeserver.core.canonical import JSONObject
from homeserver.core.event_signatures import sign_event
from homeserver.core.log import Position
from homeserver.core.pdu import claimed_event_id, parse_pdu
from homeserver.store import receipts
from tests.builders import START_MS
from tests.federation.inboxes import SEND, TwoServers, text
from tests.federation.servers import (
    ALICE,
    BOB,
    ONE,
    TWO,
    FederatedServer,
)
from tests.waiting import until


class Transactions(TwoServers):
    """The envelope."""

    async def test_the_same_again_has_the_same_answer(self) -> None:
        """A transaction that comes twice, also at once, is taken once."""
        event = await self.compose(self.two, text(BOB, "once"))
        body = {"origin": TWO, "origin_server_ts": START_MS, "pdus": [event.pdu]}
        at_once = await gatherResults(
            [Deferred.fromCoroutine(self.two.request(self.one, "PUT", SEND + "1", body)) for _ in range(3)]
        )
        again = await self.two.request(self.one, "PUT", SEND + "1", body)
        other = await self.two.request(self.one, "PUT", SEND + "2", body)

        for response in (*at_once, again, other):
            self.assertEqual({"pdus": {event.event_id: {}}}, response.json)
        self.assertEqual(["once"], await self.one.messages_of(self.room_id))

    async def test_limits_and_origin(self) -> None:
        """More than 50 PDUs or 100 EDUs, and the name of another server, are refused as a whole."""
        event = await self.compose(self.two, text(BOB, "x"))

        async def answer(**changes: Any) -> int:
            body = {"origin": TWO, "origin_server_ts": START_MS, "pdus": [], **changes}
            return (await self.two.request(self.one, "PUT", f"{SEND}{next(self.two.numbers)}", body)).status

        self.assertEqual(400, await answer(pdus=[event.pdu] * 51))
        self.assertEqual(400, await answer(edus=[{"edu_type": "m.typing", "content": {}}] * 101))
        self.assertEqual(400, await answer(origin=ONE))
        self.assertEqual(400, await answer(pdus="none"))
        self.assertEqual(400, await answer(origin_server_ts="now"))
        self.assertEqual(200, await answer())

    async def test_who_does_not_sign_is_refused(self) -> None:
        """Requests without a signature, or with that of another server, get 401."""
        body: JSONObject = {"origin": TWO, "origin_server_ts": START_MS, "pdus": []}
        self.assertEqual(401, (await self.one.client.put(SEND + "1", body)).status)
        header = f'X-Matrix origin="{TWO}",destination="{ONE}",key="ed25519:test",sig="{"A" * 86}"'
        response = await self.one.client.request("PUT", SEND + "1", body, headers={"Authorization": header})
        self.assertEqual(401, response.status)

    async def test_bad_events_do_not_stop_good_ones(self) -> None:
        """What is malformed or not signed is dropped, answered with an error if it has an ID, and the rest is taken."""
        good = await self.compose(self.two, text(BOB, "good"))
        unsigned = parse_pdu({**good.pdu, "depth": 99, "signatures": {}}, good.version)
        stranger = sign_event(unsigned, TWO, self.one.key)
        fraction: JSONObject = {**good.pdu, "depth": 1.5}
        results = await self.two.send_pdus(
            self.one,
            {"room_id": self.room_id},
            {"no": "room"},
            fraction,
            {**good.pdu, "depth": -1},
            {**good.pdu, "prev_events": "x"},
            unsigned.pdu,
            stranger.pdu,
            {**good.pdu, "room_id": "!unknown:two.example"},
            good.pdu,
        )

        self.assertEqual({}, results[good.event_id])
        self.assertIn("error", results[unsigned.event_id])
        malformed = claimed_event_id(fraction, good.version)
        assert malformed is not None
        self.assertIn("error", results[malformed])
        self.assertEqual(["good"], await self.one.messages_of(self.room_id))

    async def test_altered_events_are_redacted(self) -> None:
        """What is not as its sender hashed it loses its content, and keeps its place."""
        event = await self.compose(self.two, text(BOB, "true"))
        await self.two.send_pdus(self.one, {**event.pdu, "content": {"msgtype": "m.text", "body": "false"}})

        self.assertEqual([""], await self.one.messages_of(self.room_id))

    async def test_servers_denied_by_the_room(self) -> None:
        """What they send is answered with errors, and neither what they type nor read is shown."""
        denied = {"allow": ["*"], "deny": ["two.example"]}
        event = await self.compose(self.two, text(BOB, "x"))
        last = (await self.one.timeline_of(self.room_id))[-1].event_id
        await self.one.set_state(ALICE, self.room_id, "m.room.server_acl", denied)  # type: ignore[arg-type]
        typing = {"edu_type": "m.typing", "content": {"room_id": self.room_id, "user_id": BOB, "typing": True}}
        read = {"m.read": {BOB: {"event_ids": [last], "data": {"ts": START_MS}}}}
        receipt: JSONObject = {"edu_type": "m.receipt", "content": {self.room_id: read}}  # type: ignore[dict-item]
        results = await self.two.send_pdus(self.one, event.pdu, edus=[typing, receipt])  # type: ignore[list-item]

        self.assertIn("ACL", results[event.event_id]["error"])
        self.assertEqual([], await self.one.messages_of(self.room_id))
        self.assertEqual([], self.one.typing.in_room(self.room_id))
        self.assertFalse(await self.reads(self.one))

    async def reads(self, server: FederatedServer) -> bool:
        """Whether *server* has seen any receipt."""
        room = await server.room(self.room_id)
        found = await server.database.read(receipts.between, [room.nid], Position(0), server.database.head)
        return bool(found)

    async def test_one_servers_gaps_do_not_hold_up_another(self) -> None:
        """While a room waits for what one server is asked for, others go on sending into other rooms."""
        other = await self.shared_room()
        await self.quiet()
        await self.two.outbox.stop()
        events = await self.chain(self.two, BOB, 3)
        held: Deferred[None] = Deferred()
        ask = self.network.ask

        async def slow(origin: Any, destination: Any, method: str, path: str, query: Any, body: object) -> JSONObject:
            if "get_missing_events" in path:
                await held
            return await ask(origin, destination, method, path, query, body)

        self.network.ask = slow  # type: ignore[method-assign]
        waiting = Deferred.fromCoroutine(self.two.send_pdus(self.one, events[-1].pdu))
        await self.one.send(ALICE, other, "meanwhile")

        async def is_there() -> bool:
            return await self.two.messages_of(other) == ["meanwhile"]

        await until(is_there, "another room goes on")
        held.callback(None)
        self.assertEqual({events[-1].event_id: {}}, await waiting)
