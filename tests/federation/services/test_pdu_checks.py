"""Tests of federation/services/pdu_checks.py and access.py: what a server makes of another's events."""

import json
from random import Random
from typing import Any

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.timeline import Status
from homeserver.core.versions import ROOM_VERSIONS
from tests.builders import START_MS
from tests.federation.inboxes import TwoServers, _transaction, signed_again, text
from tests.federation.servers import (
    ALICE,
    BOB,
    TWO,
)


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
