"""Redactions that take along what relates to their target, between servers.  Spec: proposals/3912"""

from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID
from homeserver.services.aliases import Aliases
from homeserver.services.callers import Caller
from homeserver.services.jobs.service import Jobs
from homeserver.services.related_redactions import RelatedRedactions
from homeserver.services.sending import Sending
from homeserver.store import jobs as stored_jobs
from homeserver.store import relations
from tests.databases import each_database
from tests.federation.servers import ALICE, BOB, ONE, TWO, FederatedServer, Federation
from tests.waiting import until

OPEN: JSONObject = {"users": {BOB: 100}}


@each_database
class RelatedRedactionTests(Federation, TestCase):
    """Alice's server has the room; Bob, who may redact there, is on another."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        two = self.two
        aliases = Aliases(two.name, two.database, two.known, two.live_rooms, two.remote_rooms)
        self.sending = Sending(two.name, two.known, two.live_rooms, two.timeline, two.inviting, aliases)
        self.related = RelatedRedactions(two.database, two.clock, two.known, self.sending)
        for door in (two.timeline, two.acceptance, two.history):
            door.companions.append(self.related)
        self.jobs = Jobs(two.database, two.clock, "two")
        self.jobs.add_kind(self.related)
        two.tail.follow(self.jobs.follow)
        await self.jobs.start()
        self.addCleanup(self.jobs.stop)
        self.room_id = await self.one.create(ALICE, preset="public_chat", power_level_content_override=OPEN)
        await self.two.join(BOB, self.room_id, ONE)
        await self.settle(self.room_id)

    async def reply(self, root: EventID) -> EventID:
        relation: JSONObject = {"rel_type": "m.thread", "event_id": root}
        content: JSONObject = {"msgtype": "m.text", "body": "reply", "m.relates_to": relation}
        return await self.one.timeline.send(self.room_id, Draft("m.room.message", ALICE, content))

    async def redact(self, root: EventID) -> None:
        beside = await self.related.taking_along(root, frozenset({"m.thread"}))
        await self.sending.redact(Caller(BOB, None), self.room_id, root, None, {}, [beside])

    async def comes_to_be_redacted(self, event_id: EventID, *servers: FederatedServer) -> None:
        async def is_redacted() -> bool:
            entries = [await server.entry(event_id) for server in servers]
            return all(entry is not None and entry.redacted_by is not None for entry in entries)

        await until(is_redacted, "the event is redacted", clock=self.network.clock)

    async def no_job_is_left(self) -> None:
        async def is_over() -> bool:
            left = [await self.jobs.page(None, 1, state=each) for each in (stored_jobs.QUEUED, stored_jobs.RUNNING)]
            return left == [[], []] and self.jobs.is_idle

        await until(is_over, "all jobs are over", clock=self.network.clock)

    async def test_every_server_hears_of_it(self) -> None:
        """What relates to the target is redacted by events of their own, and so is what the other did not know of."""
        root = await self.one.send(ALICE, self.room_id, "root")
        known = await self.reply(root)
        await self.settle(self.room_id)
        self.network.cut(ONE, TWO)
        missed = await self.reply(root)
        await self.redact(root)
        await self.comes_to_be_redacted(known, self.two)
        self.network.heal()
        await self.one.send(ALICE, self.room_id, "and on")

        await self.comes_to_be_redacted(missed, self.one, self.two)
        await self.comes_to_be_redacted(known, self.one)

    async def test_history_that_is_fetched_later(self) -> None:
        """What was said while the server was away relates to what it knows, and goes along with that."""
        root = await self.one.send(ALICE, self.room_id, "root")
        kept = await self.one.send(ALICE, self.room_id, "kept")
        await self.settle(self.room_id)
        await self.two.departing.leave(BOB, self.room_id)
        await self.quiet()
        missed, other = await self.reply(root), await self.reply(kept)
        await self.two.join(BOB, self.room_id, ONE)
        await self.redact(root)
        await self.no_job_is_left()
        await self._fetch_all(self.room_id)
        await self.comes_to_be_redacted(missed, self.one, self.two)
        room = await self.two.room(self.room_id)
        children = await self.two.database.read(relations.children, room.nid, kept, limit=10)
        entry = await self.two.entry(other)

        assert entry is not None
        self.assertEqual([entry.nid], [child.event_nid for child in children])
        self.assertIsNone(entry.redacted_by)

    async def _fetch_all(self, room_id: RoomID) -> None:
        newest = (await self.two.timeline_of(room_id))[-1]
        assert newest.ordering is not None
        while await self.two.backfill.backfill(room_id, newest.ordering, 100):
            pass
