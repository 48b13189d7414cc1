"""Removals that redact, between servers: what arrives late, and history that is fetched.  Spec: proposals/4293"""

from typing import Any

from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Status
from homeserver.services.jobs.service import Jobs
from homeserver.services.member_redactions import FetchedMemberRedactions, MemberRedactions
from homeserver.store import jobs as stored_jobs
from tests.databases import each_database
from tests.federation.servers import ALICE, BOB, DAVE, ONE, TWO, FederatedServer, Federation
from tests.waiting import until


@each_database
class MemberRedactionTests(Federation, TestCase):
    """Alice's server has the room, Bob's comes in."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.jobs = {server.name: await self.redacting(server) for server in (self.one, self.two)}
        self.room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, self.room_id, ONE)
        await self.settle(self.room_id)

    async def redacting(self, server: FederatedServer) -> Jobs:
        kind = MemberRedactions(server.database, server.clock, server.known, server.redactions)
        for door in (server.timeline, server.acceptance):
            door.companions.append(kind)
        for entrance in (server.acceptance, server.arrival):
            entrance.state_companions.append(kind)
        server.history.companions.append(FetchedMemberRedactions(server.redactions))
        jobs = Jobs(server.database, server.clock, server.name)
        jobs.add_kind(kind)
        server.tail.follow(jobs.follow)
        await jobs.start()
        self.addCleanup(jobs.stop)
        return jobs

    async def ban(self, **more: Any) -> EventID:
        content = {"membership": "ban", "redact_events": True, **more}
        return await self.one.timeline.send(self.room_id, Draft("m.room.member", ALICE, content, BOB))

    async def over(self, *servers: FederatedServer) -> None:
        async def is_over() -> bool:
            for server in servers:
                await server.database.catch_up()
                left = [
                    await self.jobs[server.name].page(None, 1, state=each)
                    for each in (stored_jobs.QUEUED, stored_jobs.RUNNING)
                ]
                if left != [[], []] or not self.jobs[server.name].is_idle:
                    return False
            return True

        await until(is_over, "all jobs are over", clock=self.network.clock)

    async def redacted_by(self, server: FederatedServer, *event_ids: EventID) -> list[EventID | None]:
        entries = [await server.entry(event_id) for event_id in event_ids]
        return [None if entry is None else entry.redacted_by for entry in entries]

    async def test_every_server_redacts(self) -> None:
        """Without any redaction being sent; the banned user's own server as well."""
        said = [await self.two.send(BOB, self.room_id, "spam") for _ in range(3)]
        await self.settle(self.room_id)
        ban = await self.ban()
        await self.quiet()
        await self.over(self.one, self.two)

        for server in (self.one, self.two):
            self.assertEqual([ban] * 3, await self.redacted_by(server, *said))
            self.assertEqual(["", "", ""], await server.messages_of(self.room_id))
            kinds = {entry.event.type for entry in await server.timeline_of(self.room_id)}
            self.assertNotIn("m.room.redaction", kinds)

    async def test_what_arrives_late(self) -> None:
        """It is soft-failed, and redacted as soon as it is here; not where the user may speak again."""
        self.network.cut(ONE, TWO)
        late = await self.two.send(BOB, self.room_id, "late spam")
        ban = await self.ban()
        await self.over(self.one)
        self.network.heal()
        sent = await self.two.entry(late)
        assert sent is not None
        await self.two.send_pdus(self.one, sent.event.pdu)
        there = await self.one.entry(late)
        assert there is not None

        self.assertEqual((Status.SOFT_FAILED, ban), (there.status, there.redacted_by))
        self.assertEqual({}, dict(there.event.content))

    async def test_what_arrived_before_the_ban_and_was_refused(self) -> None:
        """What a first ban kept out goes with the second, which redacts."""
        self.network.cut(ONE, TWO)
        late = await self.two.send(BOB, self.room_id, "late spam")
        await self.ban(redact_events=False)
        sent = await self.two.entry(late)
        assert sent is not None
        self.network.heal()
        await self.two.send_pdus(self.one, sent.event.pdu)
        self.assertEqual([None], await self.redacted_by(self.one, late))
        second = await self.ban(reason="spam")
        await self.over(self.one)

        self.assertEqual([second], await self.redacted_by(self.one, late))

    async def test_history_that_is_fetched_later(self) -> None:
        """A server that comes later redacts what a member said in their stay, as it comes, and nothing older."""
        await self.jobs[ONE].stop()
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.one.join(DAVE, room_id)
        first = await self.one.send(DAVE, room_id, "first stay")
        await self.one.set_state(DAVE, room_id, "m.room.member", {"membership": "leave"}, DAVE)
        await self.one.join(DAVE, room_id)
        second = await self.one.send(DAVE, room_id, "second stay")
        await self.two.join(BOB, room_id, ONE)
        content: JSONObject = {"membership": "ban", "redact_events": True}
        ban = await self.one.timeline.send(room_id, Draft("m.room.member", ALICE, content, DAVE))
        await self.settle(room_id)
        await self.over(self.two)
        self.assertIsNone(await self.two.entry(second))
        newest = (await self.two.timeline_of(room_id))[-1]
        while newest.ordering and await self.two.backfill.backfill(room_id, newest.ordering, 100):
            pass

        self.assertEqual([None, None], await self.redacted_by(self.one, first, second))
        self.assertEqual([None, ban], await self.redacted_by(self.two, first, second))
        self.assertEqual(["first stay", ""], await self.two.messages_of(room_id))

    async def test_a_removal_before_this_server_came(self) -> None:
        """It is in the state that the server is told; history that is fetched is redacted all the same."""
        room_id = await self.one.create(ALICE, version="10", preset="public_chat")
        await self.one.join(DAVE, room_id)
        first = await self.one.send(DAVE, room_id, "first stay")
        await self.one.set_state(DAVE, room_id, "m.room.member", {"membership": "leave"}, DAVE)
        await self.one.join(DAVE, room_id)
        renamed: JSONObject = {"membership": "join", "displayname": "Dave"}
        second = await self.one.send(DAVE, room_id, "second stay")
        await self.one.set_state(DAVE, room_id, "m.room.member", renamed, DAVE)
        third = await self.one.send(DAVE, room_id, "more")
        content: JSONObject = {"membership": "ban", "redact_events": True}
        ban = await self.one.timeline.send(room_id, Draft("m.room.member", ALICE, content, DAVE))
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id)
        await self.over(self.two)
        newest = (await self.two.timeline_of(room_id))[-1]
        while newest.ordering and await self.two.backfill.backfill(room_id, newest.ordering, 100):
            pass

        self.assertEqual([None, ban, ban], await self.redacted_by(self.two, first, second, third))
        self.assertEqual(["first stay", "", ""], await self.two.messages_of(room_id))

    async def test_a_removal_in_a_gap(self) -> None:
        """It holds by the state after the gap, which a peer tells: what is here is redacted, whatever came between."""
        await self.one.join(DAVE, self.room_id)
        said = await self.one.send(DAVE, self.room_id, "spam")
        await self.settle(self.room_id)
        await self.hush()
        content: JSONObject = {"membership": "ban", "redact_events": True}
        ban = await self.one.timeline.send(self.room_id, Draft("m.room.member", ALICE, content, DAVE))
        for number in range(60):
            newest = await self.one.send(ALICE, self.room_id, f"missed {number}")
        entry = await self.one.entry(newest)
        assert entry is not None
        await self.one.send_pdus(self.two, entry.event.pdu)
        await self.over(self.two)

        self.assertEqual("ban", await self.two.membership(self.room_id, DAVE))
        self.assertEqual([ban], await self.redacted_by(self.two, said))
