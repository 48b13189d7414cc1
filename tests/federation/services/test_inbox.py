"""Tests of federation/services/inbox.py, ancestry.py, pdu_checks.py and access.py: what a server makes of another's."""

import json
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from federation.services import ancestry
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.pdu import parse_pdu
from homeserver.core.timeline import Status
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.acceptance import MissingEvents
from homeserver.store import receipts
from tests.builders import START_MS
from tests.federation.inboxes import SEND, _transaction, signed_again, text
from tests.federation.servers import (
    ALICE,
    BOB,
    ERIN,
    ONE,
    TWO,
    FederatedServer,
    Federation,
)
from tests.waiting import until


class TwoServers(Federation, TestCase):
    """alice's server and bob's, in one room unless a test makes another."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.room_id = await self.shared_room()

    async def shared_room(self, version: str = "12", **request: Any) -> RoomID:
        room_id = await self.one.create(ALICE, version, preset="public_chat", **request)
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id)
        return room_id

    async def compose(self, server: FederatedServer, draft: Draft, room_id: RoomID | None = None) -> Event:
        """An event at the end of the room as *server* has it, which it does not take itself."""
        return await server.composer.compose(await server.room(room_id or self.room_id), draft)

    async def chain(self, server: FederatedServer, sender: UserID, count: int) -> list[Event]:
        """Messages one after the other."""
        ids = [await server.send(sender, self.room_id, f"{number}") for number in range(count)]
        entries = await server.known.by_ids(ids)
        return [entries[event_id].event for event_id in ids]


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
        """What is malformed is dropped, what is not signed is answered with an error, and the rest is taken."""
        good = await self.compose(self.two, text(BOB, "good"))
        unsigned = parse_pdu({**good.pdu, "depth": 99, "signatures": {}}, good.version)
        stranger = sign_event(unsigned, TWO, self.one.key)
        results = await self.two.send_pdus(
            self.one,
            {"room_id": self.room_id},
            {"no": "room"},
            {**good.pdu, "depth": -1},
            {**good.pdu, "prev_events": "x"},
            unsigned.pdu,
            stranger.pdu,
            {**good.pdu, "room_id": "!unknown:two.example"},
            good.pdu,
        )

        self.assertEqual({}, results[good.event_id])
        self.assertIn("error", results[unsigned.event_id])
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


class Judgements(TwoServers):
    """Rejection, soft failure, redactions."""

    async def test_rejected_events_are_told_and_followed(self) -> None:
        """An event that its sender may not send is rejected; what follows it is judged by the state before it."""
        event = await self.compose(self.two, text(BOB, "x"))
        topic = signed_again(event, self.two, type="m.room.topic", state_key="", content={"topic": "mine"})
        results = await self.two.send_pdus(self.one, topic.pdu)
        self.assertIn("reject", results[topic.event_id]["error"])
        after = signed_again(event, self.two, prev_events=[topic.event_id], depth=event.depth + 1)
        results = await self.two.send_pdus(self.one, after.pdu)

        self.assertEqual({after.event_id: {}}, results)
        self.assertEqual(["x"], await self.one.messages_of(self.room_id))
        self.assertNotIn(("m.room.topic", ""), await self.one.state(self.room_id))
        self.assertFalse([asked for asked in self.network.asked if "state_ids" in asked.target])

    async def test_the_banned_are_not_heard(self) -> None:
        """What they say beside the ban is soft-failed: kept, shown to nobody, and told to servers that follow it."""
        await self.hush()
        said = await self.compose(self.two, text(BOB, "before I knew"))
        await self.one.departing.ban(ALICE, self.room_id, BOB)
        results = await self.two.send_pdus(self.one, said.pdu)

        self.assertEqual({said.event_id: {}}, results)
        entry = await self.one.entry(said.event_id)
        assert entry is not None
        self.assertIs(Status.SOFT_FAILED, entry.status)
        self.assertEqual([], await self.one.messages_of(self.room_id))
        self.assertNotIn(said.event_id, (await self.one.room(self.room_id)).extremities)

    async def test_a_redaction_before_its_target(self) -> None:
        """The target is redacted when it comes, in every version."""
        for version in ROOM_VERSIONS:
            room_id = self.room_id = await self.shared_room(version)
            await self.hush()
            target = (await self.chain(self.two, BOB, 1))[0]
            redaction = await self.two.timeline.send(
                room_id, Draft("m.room.redaction", BOB, {}, redacts=target.event_id)
            )
            entry = await self.two.entry(redaction)
            assert entry is not None
            # As one that does not follow its target: a server may learn of it so.
            redacting = {"prev_events": target.pdu["prev_events"]}
            if not entry.event.version.references_with_hashes:
                alone = signed_again(entry.event, self.two, **redacting)
            else:
                alone = signed_again(entry.event, self.two, event_id=f"$early{version}:two.example", **redacting)
            self.assertEqual({alone.event_id: {}}, await self.two.send_pdus(self.one, alone.pdu))
            self.assertEqual({target.event_id: {}}, await self.two.send_pdus(self.one, target.pdu))

            self.assertEqual([""], await self.one.messages_of(room_id), version)
            await self.speak()

    async def test_a_stranger_redacts_nothing(self) -> None:
        """A redaction by who may not is an event, and nothing else."""
        said = await self.one.send(ALICE, self.room_id, "stays")
        await self.settle(self.room_id)
        redaction = await self.compose(self.two, Draft("m.room.redaction", BOB, {}, redacts=said))
        await self.two.send_pdus(self.one, redaction.pdu)

        self.assertEqual(["stays"], await self.one.messages_of(self.room_id))

    async def test_a_message_fork_costs_no_question_and_no_state(self) -> None:
        """Both speak at once: what they say is taken without resolving anything."""
        await self.hush()
        await self.one.send(ALICE, self.room_id, "here")
        events = []
        for number in range(30):
            event_id = await self.two.send(BOB, self.room_id, f"there {number}")
            entry = await self.two.entry(event_id)
            assert entry is not None
            events.append(entry.event)
        resolution = self.one.states.resolution
        resolved: list[Any] = []
        self.patch(type(resolution), "resolve", lambda *args: resolved.append(args))
        results = await self.two.send_pdus(self.one, *[event.pdu for event in events])

        self.assertEqual({event.event_id: {} for event in events}, results)
        self.assertEqual([], resolved)
        self.assertEqual(31, len(await self.one.messages_of(self.room_id)))

    async def test_a_transaction_is_few_commits(self) -> None:
        """Fifty events of a room share their commits, also where the DAG has forked."""
        await self.hush()
        await self.one.send(ALICE, self.room_id, "here")
        events = await self.chain(self.two, BOB, 50)
        commits: list[int] = []
        self.one.database.subscribe(lambda entries: commits.append(len(entries)))
        await self.two.send_pdus(self.one, *[event.pdu for event in events])

        self.assertEqual(51, len(await self.one.messages_of(self.room_id)))
        self.assertLess(len([size for size in commits if size]), 10)

    async def test_nothing_mutated_is_accepted(self) -> None:
        """Ten thousand times an event is changed after it was signed: none is accepted, and none breaks the server."""
        random = Random(7)
        room_id = await self.shared_room("11")
        events = [
            await self.compose(self.two, text(BOB, "the original"), room_id),
            await self.compose(
                self.two, Draft("m.room.member", BOB, {"membership": "join", "reason": "x"}, BOB), room_id
            ),
        ]
        before = len(await self.one.timeline_of(room_id))
        for round_ in range(200):
            pdus = [mutated(random, random.choice(events).pdu) for _ in range(50)]
            body = {"origin": TWO, "origin_server_ts": START_MS, "pdus": pdus}
            content = json.dumps(body).encode("utf-8", "replace")
            answer = await self.one.inbox.receive(TWO, f"mutations {round_}", _transaction(content))
            results: Any = answer["pdus"]
            for event_id, result in results.items():
                self.assertIn("error", result, event_id)

        self.assertEqual(before, len(await self.one.timeline_of(room_id)))


VALUES: list[Any] = [None, True, -1, 0, 2**53, 2**64, 1.5, "", "x", "@bob:two.example", "!r:x", [], {}, [[]], {"a": {}}]


KEPT = ("unsigned", "age_ts", "age")


def mutated(random: Random, pdu: JSONObject) -> JSONObject:
    """*pdu* with something changed that its signature covers."""
    copy: JSONObject = json.loads(json.dumps(pdu))
    # What redaction removes is not covered by the signature: such changes only redact.
    name = random.choice([name for name in copy if name not in ("hashes", "signatures", "content")])
    kind = random.randrange(4)
    if kind == 0:
        del copy[name]
    elif kind == 1:
        copy[name] = random.choice([value for value in VALUES if value != copy[name]])
    elif kind == 2:
        value = copy[name]
        copy[name] = f"{value}x" if isinstance(value, str) else [value]
    else:
        signatures = copy["signatures"]
        assert isinstance(signatures, dict)
        text_ = json.dumps(signatures)
        at = random.randrange(30, len(text_) - 8)
        replaced = text_[:at] + ("A" if text_[at] != "A" else "B") + text_[at + 1 :]
        try:
            copy["signatures"] = json.loads(replaced)
        except ValueError:
            copy["signatures"] = replaced
    return copy
