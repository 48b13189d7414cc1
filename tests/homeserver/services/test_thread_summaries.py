"""Tests of homeserver.services.thread_summaries."""

import random
from typing import Any

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID
from homeserver.core.log import EVENT
from homeserver.core.relations import REFERENCE, THREAD, Relation
from homeserver.core.timeline import ordering_at
from homeserver.services import thread_summaries
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.store import relations, threads
from homeserver.store.write import Write
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices


@each_database
class ThreadSummariesTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = services = SyncServices(self.database)
        self.room_id = await services.new_room(ALICE)
        self.room_nid = (await services.memberships.of(ALICE)).joined[self.room_id].room_nid
        self.threads = ThreadSummaries(self.database, services.known)
        services.tail.follow(self.threads.follow)
        self.roots = [await services.say(self.room_id, ALICE, f"root {number}") for number in range(4)]

    async def send(self, type_: str, **content: Any) -> EventID:
        redacts = content.get("redacts")
        draft = Draft(type_, ALICE, content, redacts=redacts)
        return await self.services.rooms.timeline.send(self.room_id, draft)

    async def reply(self, root: EventID, rel_type: str = THREAD) -> EventID:
        return await self.send("m.room.message", body="", **{"m.relates_to": {"rel_type": rel_type, "event_id": root}})

    def reply_elsewhere(self, tx: Write, root: EventID) -> None:
        """As another process writes: no event is in memory."""
        position = tx.log(EVENT, self.room_id)
        relation = Relation(THREAD, root)
        relations.insert(tx, self.room_nid, position, ordering_at(position), "m.room.message", ALICE, relation)

    async def test_memory_and_store_answer_the_same(self) -> None:
        """Whatever is replied, redacted or written by others, the answer is that of the store."""
        chance = random.Random(2)
        replies: list[EventID] = []
        self.threads.threads_max = 3
        self.patch(thread_summaries, "INLINE_MAX", 5)
        for _ in range(60):
            action = chance.random()
            if action < 0.6:
                replies.append(await self.reply(chance.choice(self.roots), chance.choice([THREAD, THREAD, REFERENCE])))
            elif action < 0.7 and replies:
                await self.send("m.room.redaction", redacts=replies.pop(chance.randrange(len(replies))))
            elif action < 0.8:
                await self.database.write(self.reply_elsewhere, self.roots[0])
            some = chance.sample(self.roots, chance.randint(1, 4))
            stored = await self.database.read(threads.summaries_of, self.room_nid, some)

            self.assertEqual(stored, await self.threads.of(self.room_id, self.room_nid, some))

    async def test_a_reply_is_counted_in(self) -> None:
        """Of a thread that is known nothing is read any more."""
        await self.reply(self.roots[0])
        await self.threads.of(self.room_id, self.room_nid, self.roots[:1])
        last = await self.reply(self.roots[0])
        await self.database.close()

        thread = (await self.threads.of(self.room_id, self.room_nid, self.roots[:1]))[self.roots[0]]

        self.assertEqual(2, thread.count)
        latest = self.services.known.cached_by_nid(thread.latest_nid)
        assert latest is not None
        self.assertEqual(last, latest.event_id)
