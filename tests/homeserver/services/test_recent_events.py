"""Tests of homeserver.services.recent_events."""

import random
from collections.abc import Collection, Mapping

from twisted.internet.defer import Deferred

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at
from homeserver.services.known_events import KnownEvents
from homeserver.services.recent_events import BEGINNING, KEPT, RecentEvents, Stretch
from homeserver.store import windows
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices
from tests.waiting import until


@each_database
class RecentEventsTests(DatabaseCase):
    async def test_memory_and_store_answer_the_same(self) -> None:
        """Whatever stretch is asked for, while the room grows past what is kept, the answer is that of the store."""
        services = SyncServices(self.database)
        room_id = await services.new_room(ALICE)
        room_nid = (await services.memberships.of(ALICE)).joined[room_id].room_nid
        recent = RecentEvents(self.database, services.tail, services.known)
        services.tail.follow(recent.follow)
        chance = random.Random(1)
        for number in range(3 * KEPT):
            await services.say(room_id, ALICE, str(number))
            if chance.random() < 0.6:
                continue
            head = services.tail.head
            after = BEGINNING if chance.random() < 0.3 else ordering_at(chance.randrange(head))  # type: ignore[arg-type]
            upto = ordering_at(head if chance.random() < 0.5 else chance.randrange(head))  # type: ignore[arg-type]
            limit = chance.choice([0, 1, 5, 20, KEPT, 2 * KEPT])
            window = await recent.latest(Stretch(room_nid, room_id, Ordering(after), Ordering(upto), limit))
            stored = await self.database.read(windows.latest_ids, room_nid, after, upto, limit + 1)

            self.assertEqual(
                [event_id for _, event_id in stored[:limit][::-1]], [event.event_id for event in window.events]
            )
            self.assertEqual(len(stored) > limit, window.limited)

    async def test_what_is_known_is_read_once(self) -> None:
        """For the second reader of the same nothing is read."""
        services = SyncServices(self.database)
        room_id = await services.new_room(ALICE)
        room_nid = (await services.memberships.of(ALICE)).joined[room_id].room_nid
        stretch = Stretch(room_nid, room_id, BEGINNING, ordering_at(services.tail.head), 5)
        first = await services.recent.latest(stretch)
        await self.database.close()

        second = await services.recent.latest(stretch)

        self.assertEqual(list(first.events), list(second.events))

    async def test_what_is_written_here_is_not_read(self) -> None:
        """Of a room that is in memory, what follows comes from memory too."""
        services = SyncServices(self.database)
        room_id = await services.new_room(ALICE)
        room_nid = (await services.memberships.of(ALICE)).joined[room_id].room_nid
        await services.recent.latest(Stretch(room_nid, room_id, BEGINNING, ordering_at(services.tail.head), 5))
        said = [await services.say(room_id, ALICE, text) for text in ("one", "two")]
        await self.database.close()

        window = await services.recent.latest(Stretch(room_nid, room_id, BEGINNING, ordering_at(services.tail.head), 2))

        self.assertEqual(said, [event.event_id for event in window.events])
        self.assertTrue(window.limited)

    async def test_what_is_redacted_while_it_is_read_does_not_stay(self) -> None:
        """Whoever asks for the same stretch after the redaction gets what is left of the event."""
        services = SyncServices(self.database)
        room_id = await services.new_room(ALICE)
        room_nid = (await services.memberships.of(ALICE)).joined[room_id].room_nid
        said = await services.say(room_id, ALICE, "secret")
        stretch = Stretch(room_nid, room_id, BEGINNING, ordering_at(services.tail.head), 50)
        known = _Slow(services.known)
        recent = RecentEvents(self.database, services.tail, known)  # type: ignore[arg-type]
        services.tail.follow(recent.follow)
        asked = Deferred.fromCoroutine(recent.latest(stretch))
        await until(lambda: known.read, "the events are read")
        await services.rooms.timeline.send(room_id, Draft("m.room.redaction", ALICE, {}, redacts=said))
        known.answer.callback(None)
        before, after = await asked, await recent.latest(stretch)

        self.assertEqual("secret", before.events[-1].event.content["body"])
        self.assertEqual({}, after.events[-1].event.content)


class _Slow:
    """Events that are known; the first answer waits for its time."""

    def __init__(self, known: KnownEvents) -> None:
        self.known, self.read = known, False
        self.answer: Deferred[None] = Deferred()

    async def by_ids(self, event_ids: Collection[EventID]) -> Mapping[EventID, TimelineEvent]:
        found = await self.known.by_ids(event_ids)
        self.read = True
        await self.answer
        return found

    def cached_by_nid(self, nid: int) -> TimelineEvent | None:
        return self.known.cached_by_nid(nid)
