"""The index of texts follows the log, whoever does the work."""

from typing import Any

from twisted.internet.defer import Deferred

from homeserver.core.search_words import words_sought
from homeserver.core.searchable import EVERY_KEY
from homeserver.services.leased_rounds import LEASE_SECONDS
from homeserver.services.search import indexing
from homeserver.services.search.indexing import CONSUMER, SearchIndexing
from homeserver.services.search.settings import SearchSettings
from homeserver.store import cursors, log, search
from homeserver.store.schema.search import search_upkeep
from homeserver.store.search_hits import SearchQuery, hits
from homeserver.store.write import Write
from tests.databases import each_database
from tests.room_api import RoomAPICase


@each_database
class IndexingTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")

    def keeper(self, name: str = "here", **settings: Any) -> SearchIndexing:
        keeper = SearchIndexing(self.database, self.api.clock, name, SearchSettings(**settings))
        keeper.rounds.running = True
        return keeper

    async def total(self, term: str = "apple") -> int:
        query = SearchQuery(words_sought(term), range(1, 100), int(EVERY_KEY), 2**60, False, 100)
        return (await self.database.scan(hits, query)).total

    async def test_all_is_indexed_once(self) -> None:
        """By two keepers at once, in small steps, and with others searching meanwhile."""
        self.patch(indexing, "POSITIONS_AT_ONCE", 7)
        for number in range(60):
            await self.alice.say(self.room_id, f"apple {number}")
        one, two = self.keeper("one"), self.keeper("two")
        work = [Deferred.fromCoroutine(each) for each in (one.keep_up(), two.keep_up(), two.catch_up(), one.catch_up())]
        done = [await each for each in work]

        self.assertEqual([True, False], done[:2])
        self.assertEqual(60, await self.total())
        self.assertEqual(60, await self.database.read(search.count))
        head = await self.database.read(log.head)
        indexed = await self.database.read(cursors.position_of, CONSUMER)
        assert indexed is not None
        self.assertLessEqual(head - 2, indexed)

    async def test_a_search_does_not_wait_for_the_lease(self) -> None:
        """What another process has not indexed yet is indexed by who searches."""
        await self.keeper("other").keep_up()
        await self.alice.say(self.room_id, "apple")
        ours = self.keeper()
        self.assertFalse(await ours.keep_up())
        await ours.catch_up()
        self.assertEqual(1, await self.total())
        self.api.clock.advance(LEASE_SECONDS + 1)
        self.assertTrue(await ours.keep_up())

    async def test_a_long_backlog_is_not_waited_for(self) -> None:
        """A search of an index that is far behind finds what is in it."""
        self.patch(indexing, "WAITED_FOR_MAX", 10)
        for number in range(20):
            await self.alice.say(self.room_id, f"apple {number}")
        await self.keeper().catch_up()
        self.assertEqual(0, await self.total())
        await self.keeper().keep_up()
        self.assertEqual(20, await self.total())

    async def test_other_words_are_indexed_anew(self) -> None:
        """An index by the words of an older version is emptied and filled again."""
        await self.alice.say(self.room_id, "apple")
        await self.keeper().keep_up()
        self.assertEqual(1, await self.total())
        await self.database.write(_of_another_version)
        await self.alice.say(self.room_id, "apple")
        await self.keeper().keep_up()

        self.assertEqual((2, 2), (await self.total(), await self.database.read(search.count)))

    async def test_switched_off(self) -> None:
        """Nothing stays of the index, nobody can search, and the log is not kept for it; switched on it is back."""
        await self.alice.say(self.room_id, "apple")
        await self.keeper().keep_up()
        self.assertTrue(await self.keeper(enabled=False).keep_up())
        self.assertTrue(await self.database.read(search.is_empty))
        self.assertIsNone(await self.database.read(cursors.position_of, CONSUMER))
        self.assertEqual(0, await self.total())
        await self.keeper().keep_up()
        self.assertEqual(1, await self.total())
        self.patch(self.api.indexing, "settings", SearchSettings(enabled=False))
        body = {"search_categories": {"room_events": {"search_term": "apple"}}}
        self.assert_refused(403, "M_FORBIDDEN", await self.alice.client.post("/_matrix/client/v3/search", body))

    async def test_it_follows_by_itself(self) -> None:
        """From start to stop; nothing is lost between."""
        keeper = SearchIndexing(self.database, self.api.clock, "here")
        self.api.rooms.tail.follow(keeper.follow)
        await keeper.start()
        self.api.clock.advance(keeper.settings.delay_seconds)
        await keeper.rounds.settled()
        await self.alice.say(self.room_id, "apple")
        self.assertEqual(0, await self.total())
        self.api.clock.advance(keeper.settings.delay_seconds)
        await keeper.rounds.settled()
        self.assertEqual(1, await self.total())
        await keeper.stop()
        await self.alice.say(self.room_id, "apple")
        self.api.clock.advance(1000)
        self.assertEqual(1, await self.total())
        self.assertTrue(await self.keeper("next").keep_up())
        self.assertEqual(2, await self.total())

    async def test_what_was_erased_is_written_over(self) -> None:
        """Once in a while, if there was anything."""
        keeper = self.keeper()
        event_id = await self.alice.say(self.room_id, "apple")
        await keeper.keep_up()
        path = f"/_matrix/client/v3/rooms/{self.room_id}/redact/{event_id}/x"
        await self.alice.ok(self.alice.client.put(path, {}))
        await keeper.keep_up()
        self.assertEqual(1, (await self.database.read(search.upkeep))[1])
        self.api.clock.advance(keeper.settings.erase_hours * 3600)
        await keeper.keep_up()
        self.assertEqual(0, (await self.database.read(search.upkeep))[1])


def _of_another_version(tx: Write) -> None:
    tx.connection.execute(search_upkeep.delete())
    tx.connection.execute(search_upkeep.insert().values(one=1, version="0", erased=0))
