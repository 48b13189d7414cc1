"""Account data, tags and filters."""

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA, LogEntry, Position
from homeserver.core.malformed import Malformed
from homeserver.services import filters as filters_service
from homeserver.services.account_data import AccountData, AccountDataSettings
from homeserver.services.refusals import NotFound, ServerManaged, TooLarge
from homeserver.store import account_data
from tests.accounts import Accounts
from tests.databases import DatabaseCase, each_database

ALICE, BOB = UserID("@alice:localhost"), UserID("@bob:localhost")
ROOM, OTHER = RoomID("!room:localhost"), RoomID("!other:localhost")


@each_database
class AccountDataTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.accounts = Accounts(self.database)
        self.data = self.accounts.account_data
        self.heard: list[LogEntry] = []
        self.database.subscribe(self.heard.extend)

    async def test_what_is_kept_is_given_back(self) -> None:
        """For the account and for each room apart, and for each user."""
        await self.data.set(ALICE, None, "org.example", {"for": "all"})
        await self.data.set(ALICE, ROOM, "org.example", {"for": "the room"})

        self.assertEqual(b'{"for":"all"}', await self.data.content(ALICE, None, "org.example"))
        self.assertEqual(b'{"for":"the room"}', await self.data.content(ALICE, ROOM, "org.example"))
        for user_id, room_id in ((ALICE, OTHER), (BOB, None), (BOB, ROOM)):
            with self.assertRaises(NotFound):
                await self.data.content(user_id, room_id, "org.example")

    async def test_changes_are_in_the_log(self) -> None:
        """Each at its position, where clients that come later find the newest content."""
        await self.data.set(ALICE, None, "org.example", {"version": 1})
        first = self.database.head
        await self.data.set(ALICE, None, "org.example", {"version": 2})
        changed = await self.database.read(account_data.between, ALICE, first, self.database.head)

        self.assertEqual([(ACCOUNT_DATA, ALICE)] * 2, [(entry.kind, entry.subject) for entry in self.heard])
        self.assertEqual(['{"version":2}'], [each.content for each in changed])
        self.assertEqual([self.database.head], [each.position for each in changed])
        self.assertEqual([], await self.database.read(account_data.between, BOB, Position(0), self.database.head))

    async def test_the_server_manages_some(self) -> None:
        """Clients read push rules as account data, and never write them so."""
        for room_id in (None, ROOM):
            for type_ in ("m.push_rules", "m.fully_read"):
                with self.assertRaises(ServerManaged):
                    await self.data.set(ALICE, room_id, type_, {})

        self.assertIn(b".m.rule.master", await self.data.content(ALICE, None, "m.push_rules"))

    async def test_contents_have_a_size(self) -> None:
        """One byte more than the setting is too large."""
        data = AccountData(self.database, self.accounts.push_rules, AccountDataSettings(content_bytes_max=1024))
        await data.set(ALICE, None, "org.example", {"a": "x" * (1024 - len('{"a":""}'))})
        with self.assertRaises(TooLarge):
            await data.set(ALICE, None, "org.example", {"a": "x" * (1025 - len('{"a":""}'))})


@each_database
class TagTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.accounts = Accounts(self.database)
        self.tags = self.accounts.tags

    async def test_rooms_have_tags(self) -> None:
        """Each room its own, with what is known of each."""
        await self.tags.set(ALICE, ROOM, "m.favourite", {"order": 0.5})
        await self.tags.set(ALICE, ROOM, "u.work", {})
        await self.tags.set(ALICE, OTHER, "m.lowpriority", {})

        self.assertEqual({"m.favourite": {"order": 0.5}, "u.work": {}}, await self.tags.of_room(ALICE, ROOM))
        self.assertEqual({}, await self.tags.of_room(BOB, ROOM))

    async def test_tags_are_the_account_data_m_tag(self) -> None:
        """Clients hear of them as such; setting the same again is no change."""
        await self.tags.set(ALICE, ROOM, "u.work", {"order": 1})
        head = self.database.head
        await self.tags.set(ALICE, ROOM, "u.work", {"order": 1})
        await self.tags.delete(ALICE, ROOM, "u.never")

        self.assertEqual(head, self.database.head)
        expected = b'{"tags":{"u.work":{"order":1}}}'
        self.assertEqual(expected, await self.accounts.account_data.content(ALICE, ROOM, "m.tag"))

    async def test_tags_go(self) -> None:
        """And only the one that is meant."""
        await self.tags.set(ALICE, ROOM, "u.work", {})
        await self.tags.set(ALICE, ROOM, "u.fun", {})
        await self.tags.delete(ALICE, ROOM, "u.work")

        self.assertEqual({"u.fun": {}}, await self.tags.of_room(ALICE, ROOM))

    async def test_tags_set_at_once_are_all_there(self) -> None:
        """None of many requests at the same moment undoes another."""
        await gatherResults([Deferred.fromCoroutine(self.tags.set(ALICE, ROOM, f"u.{n}", {})) for n in range(10)])

        self.assertEqual(10, len(await self.tags.of_room(ALICE, ROOM)))

    async def test_an_m_tag_that_is_none_does_no_harm(self) -> None:
        """A client may write anything there."""
        await self.accounts.account_data.set(ALICE, ROOM, "m.tag", {"tags": "what?"})
        self.assertEqual({}, await self.tags.of_room(ALICE, ROOM))
        await self.tags.set(ALICE, ROOM, "u.work", {})

        self.assertEqual({"u.work": {}}, await self.tags.of_room(ALICE, ROOM))


@each_database
class FilterTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.filters = Accounts(self.database).filters

    async def test_a_filter_is_kept(self) -> None:
        """Under an ID that cannot be taken for a filter itself."""
        filter_id = await self.filters.define(ALICE, {"room": {"timeline": {"limit": 10}}})

        self.assertFalse(filter_id.startswith("{"))
        self.assertEqual(b'{"room":{"timeline":{"limit":10}}}', await self.filters.text_of(ALICE, filter_id))
        self.assertEqual(10, (await self.filters.by_id(ALICE, filter_id)).room.timeline.limit)

    async def test_the_same_filter_has_the_same_id(self) -> None:
        """However its keys are ordered; another filter has another."""
        one = await self.filters.define(ALICE, {"event_format": "client", "room": {}})
        same = await self.filters.define(ALICE, {"room": {}, "event_format": "client"})
        other = await self.filters.define(ALICE, {"room": {}})

        self.assertEqual(one, same)
        self.assertNotEqual(one, other)

    async def test_filters_are_their_users(self) -> None:
        """Numbers are each user's own; what is no number is no filter."""
        filter_id = await self.filters.define(ALICE, {})
        with self.assertRaises(NotFound):
            await self.filters.text_of(BOB, filter_id)
        for strange in ("", "0", "2", "-1", "x", "9" * 30, "１"):
            with self.assertRaises(NotFound):
                await self.filters.by_id(ALICE, strange)

    async def test_bad_filters_are_refused(self) -> None:
        """What sync could not use is never kept."""
        bodies: tuple[Any, ...] = ({"room": 7}, {"event_format": "xml"}, {"presence": {"types": "m.presence"}})
        for bad in bodies:
            with self.assertRaises(Malformed):
                await self.filters.define(ALICE, bad)

    async def test_filters_are_bounded(self) -> None:
        """In size and number; those that are there can be named again."""
        self.patch(filters_service, "FILTERS_MAX", 2)
        with self.assertRaises(TooLarge):
            await self.filters.define(ALICE, {"event_fields": ["x" * 70_000]})
        first = await self.filters.define(ALICE, {"event_fields": ["a"]})
        await self.filters.define(ALICE, {"event_fields": ["b"]})
        with self.assertRaises(TooLarge):
            await self.filters.define(ALICE, {"event_fields": ["c"]})

        self.assertEqual(first, await self.filters.define(ALICE, {"event_fields": ["a"]}))

    async def test_memory_is_bounded(self) -> None:
        """Filters that were pushed out of memory are read again."""
        self.patch(filters_service, "PARSED_MAX", 1)
        for fields in ("a", "b"):
            filter_id = await self.filters.define(ALICE, {"event_fields": [fields]})
            await self.filters.by_id(ALICE, filter_id)
        await self.filters.by_id(ALICE, "1")

        self.assertEqual(1, len(self.filters._parsed))
