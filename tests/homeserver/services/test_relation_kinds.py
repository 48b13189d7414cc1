"""Tests of homeserver.services.relation_kinds."""

import random
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID
from homeserver.core.log import EVENT
from homeserver.core.relations import REFERENCE, REPLACE, THREAD, Relation
from homeserver.core.timeline import ordering_at
from homeserver.services.relation_kinds import RelationKinds
from homeserver.store import relations
from homeserver.store.write import Write
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices


@each_database
class RelationKindsTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = services = SyncServices(self.database)
        self.room_id = await services.new_room(ALICE)
        self.room_nid = (await services.memberships.of(ALICE)).joined[self.room_id].room_nid
        self.kinds = RelationKinds(self.database, services.known)
        services.tail.follow(self.kinds.follow)

    async def relate(self, rel_type: str, parent: EventID) -> EventID:
        content: Any = {"body": "child", "m.relates_to": {"rel_type": rel_type, "event_id": parent}}
        return await self.services.rooms.timeline.send(self.room_id, Draft("m.room.message", ALICE, content))

    def relate_elsewhere(self, tx: Write, rel_type: str, parent: EventID) -> None:
        """As another process writes: no event is in memory."""
        position = tx.log(EVENT, self.room_id)
        relation = Relation(rel_type, parent)
        relations.insert(tx, self.room_nid, position, ordering_at(position), "m.room.message", ALICE, relation)

    async def test_memory_and_store_answer_the_same(self) -> None:
        """Whatever is asked for while events come to relate to others, the answer is that of the store."""
        chance = random.Random(1)
        said = [await self.services.say(self.room_id, ALICE, f"parent {n}") for n in range(8)]
        for _ in range(60):
            action = chance.random()
            if action < 0.3:
                await self.relate(chance.choice([REPLACE, REFERENCE, THREAD, "m.annotation"]), chance.choice(said))
            elif action < 0.35:
                await self.database.write(self.relate_elsewhere, REPLACE, said[0])
            some = chance.sample(said, chance.randint(1, len(said)))
            stored = await self.database.read(relations.kinds_of, self.room_nid, some)

            self.assertEqual(stored, await self.kinds.of(self.room_id, self.room_nid, some))
            events = list((await self.services.known.by_ids(some)).values())
            self.assertEqual({self.room_nid: stored}, await self.kinds.across({self.room_nid: events}))

    async def test_what_is_known_is_not_read(self) -> None:
        """What was asked for before is answered from memory, with what came since."""
        parent, other = [await self.services.say(self.room_id, ALICE, f"parent {n}") for n in range(2)]
        self.assertEqual({}, await self.kinds.of(self.room_id, self.room_nid, [parent, other]))
        await self.relate(THREAD, parent)
        await self.database.close()

        self.assertEqual({THREAD: {parent}}, await self.kinds.of(self.room_id, self.room_nid, [other, parent]))

    async def test_what_comes_while_it_is_read_counts(self) -> None:
        """An answer of the store that is overtaken by the log does not stay in memory."""
        parent = await self.services.say(self.room_id, ALICE, "parent")
        answer: Deferred[Any] = Deferred()
        slow = RelationKinds(_Waiting(answer), self.services.known)  # type: ignore[arg-type]
        self.services.tail.follow(slow.follow)
        asked = ensureDeferred(slow.of(self.room_id, self.room_nid, [parent]))
        await self.relate(REPLACE, parent)
        answer.callback({})
        await asked

        self.assertEqual({REPLACE: {parent}}, await slow.of(self.room_id, self.room_nid, [parent]))

    async def test_memory_is_bounded(self) -> None:
        """No more is kept than was allowed, and what was dropped is read again."""
        said = [await self.services.say(self.room_id, ALICE, f"parent {n}") for n in range(6)]
        self.kinds.events_max = 4
        await self.relate(THREAD, said[0])
        for _ in range(2):
            for some in (said[:3], said[3:], said):
                found = await self.kinds.of(self.room_id, self.room_nid, some)

                self.assertEqual({THREAD: {said[0]}} if said[0] in some else {}, found)
                self.assertLessEqual(sum(len(room.known) for room in self.kinds._rooms.values()), 4)


class _Waiting:
    """A database that answers once when it is told to, and never again."""

    def __init__(self, answer: Deferred[Any]) -> None:
        self.answers = [answer]

    async def read(self, *_: Any) -> Any:
        return await self.answers.pop()
