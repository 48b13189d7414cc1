"""Tests of federation/services/ancestry.py: what a server does about events that it misses."""

from typing import Any

from federation.services import ancestry
from homeserver.core.canonical import JSONObject
from homeserver.services.acceptance import MissingEvents
from tests.federation.inboxes import TwoServers, signed_again, text
from tests.federation.servers import (
    ALICE,
    BOB,
    ERIN,
)


class Gaps(TwoServers):
    """What comes without what it refers to."""

    async def test_missing_events_are_fetched(self) -> None:
        """Those between are asked for at once, and stand in order."""
        await self.hush()
        events = await self.chain(self.two, BOB, 20)
        results = await self.two.send_pdus(self.one, events[-1].pdu)

        self.assertEqual({events[-1].event_id: {}}, results)
        self.assertEqual([str(number) for number in range(20)], await self.one.messages_of(self.room_id))
        self.assertEqual(1, sum("get_missing_events" in asked.target for asked in self.network.asked))
        self.assertFalse([asked for asked in self.network.asked if "state_ids" in asked.target])

    async def test_events_out_of_order_in_a_transaction(self) -> None:
        """Nobody is asked for what lies in the same transaction."""
        await self.hush()
        events = await self.chain(self.two, BOB, 5)
        results = await self.two.send_pdus(self.one, *[event.pdu for event in reversed(events)])

        self.assertEqual({event.event_id: {} for event in events}, results)
        self.assertEqual(["0", "1", "2", "3", "4"], await self.one.messages_of(self.room_id))

    async def test_a_gap_too_wide_to_fill(self) -> None:
        """The state is told, the newest events stand there at once, and the older ones are had by backfill."""
        for version in ("1", "5", "11", "12"):
            room_id = self.room_id = await self.shared_room(version)
            await self.hush()
            events = await self.chain(self.two, BOB, 80)
            results = await self.two.send_pdus(self.one, events[-1].pdu)
            self.assertEqual({events[-1].event_id: {}}, results)
            texts = await self.one.messages_of(room_id)
            self.assertEqual([str(number) for number in range(80 - ancestry.MISSING_EVENTS_MAX - 1, 80)], texts)

            newest = (await self.one.timeline_of(room_id))[-1]
            assert newest.ordering is not None
            while await self.one.backfill.backfill(room_id, newest.ordering, 100):
                pass
            self.assertEqual([str(number) for number in range(80)], await self.one.messages_of(room_id))
            self.assertEqual(await self.one.state(room_id), await self.two.state(room_id))
            await self.speak()

    async def test_a_gap_in_which_the_state_changed(self) -> None:
        """The state after the gap is that of the server which told it."""
        await self.one.set_state(
            ALICE, self.room_id, "m.room.power_levels", {"users": {}, "state_default": 0, "events": {}}
        )
        await self.settle(self.room_id)
        await self.hush()
        await self.two.set_state(BOB, self.room_id, "m.room.topic", {"topic": "changed"})
        events = await self.chain(self.two, BOB, 80)
        await self.two.send_pdus(self.one, events[-1].pdu)

        self.assertEqual(await self.two.state(self.room_id), await self.one.state(self.room_id))

    async def test_what_cannot_be_had_is_not_taken(self) -> None:
        """When nothing of its past is told an event is answered with an error, and may come again."""
        await self.hush()
        events = await self.chain(self.two, BOB, 3)
        self.network.heal()

        def nothing(asked: Any, answer: Any) -> Any:
            names = ("events", "pdus", "auth_chain", "pdu_ids", "auth_chain_ids")
            return {name: [] for name in names}

        self.network.twist = nothing
        results = await self.two.send_pdus(self.one, events[-1].pdu)
        self.assertIn("error", results[events[-1].event_id])
        self.network.twist = None
        results = await self.two.send_pdus(self.one, events[-1].pdu)
        self.assertEqual({events[-1].event_id: {}}, results)

    async def test_missing_auth_events_are_fetched(self) -> None:
        """An event that cites what is not here brings it along."""
        await self.hush()
        await self.chain(self.two, BOB, 1)
        await self.two.join(ERIN, self.room_id)
        said = await self.two.entry(await self.two.send(ERIN, self.room_id, "I am new"))
        assert said is not None
        event = said.event
        results = await self.two.send_pdus(self.one, event.pdu)

        self.assertEqual({event.event_id: {}}, results)
        self.assertEqual("join", await self.one.membership(self.room_id, ERIN))
        self.assertEqual(["0", "I am new"], await self.one.messages_of(self.room_id))

    async def test_a_told_state_of_another_room_is_none(self) -> None:
        """Whoever tells events of another room, or a state without a beginning, is not believed."""
        other = await self.shared_room()
        foreign = list((await self.one.state(other)).values())
        await self.hush()
        events = await self.chain(self.two, BOB, 80)
        self.network.heal()

        def lie(asked: Any, answer: Any) -> Any:
            return {"pdu_ids": foreign, "auth_chain_ids": []} if "state_ids" in asked.target else answer

        self.network.twist = lie
        results = await self.two.send_pdus(self.one, events[-1].pdu)

        self.assertIn("error", results[events[-1].event_id])

    async def test_following_an_event_of_another_room(self) -> None:
        """Such an event is not judged by the past of that room."""
        other = await self.shared_room()
        foreign = list((await self.one.room(other)).extremities)
        event = await self.compose(self.two, text(BOB, "x"))
        crossed = signed_again(event, self.two, prev_events=foreign)
        with self.assertRaises(MissingEvents):
            await self.one.acceptance.accept(crossed)

    async def test_auth_events_in_a_circle(self) -> None:
        """Until v2, where IDs are no hashes, a server can make events that cite each other: they are dropped."""
        room_id = await self.shared_room("2")
        event = await self.compose(self.two, text(BOB, "x"), room_id)
        circle: list[Any] = []
        for one, other in (("$a:two.example", "$b:two.example"), ("$b:two.example", "$a:two.example")):
            cited = [[other, {"sha256": ""}]]
            circle.append(signed_again(event, self.two, event_id=one, auth_events=cited).pdu)
        crossed = signed_again(event, self.two, event_id="$c:two.example", auth_events=circle[0]["auth_events"])

        def tell(asked: Any, answer: Any) -> Any:
            return {"auth_chain": circle} if "event_auth" in asked.target else answer

        self.network.twist = tell
        self.network.ask = self._answering(circle)  # type: ignore[method-assign]
        results = await self.two.send_pdus(self.one, crossed.pdu)

        self.assertIn("error", results["$c:two.example"])
        self.assertEqual([], await self.one.messages_of(room_id))

    def _answering(self, auth_chain: list[Any]) -> Any:
        async def ask(*asked: Any) -> JSONObject:
            return {"auth_chain": auth_chain, "events": [], "pdu_ids": [], "auth_chain_ids": []}

        return ask
