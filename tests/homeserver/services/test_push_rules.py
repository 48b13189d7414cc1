"""Users' push rules."""

from twisted.internet.defer import Deferred, gatherResults

from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSH_RULES, LogEntry
from homeserver.core.malformed import Malformed
from homeserver.core.push_rules.rules import PushRule, parse_rule
from homeserver.core.timeline import Ordering, ordering_at
from homeserver.services import push_rules as push_rules_service
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.refusals import NotFound
from homeserver.store import earlier_push_rules
from tests.databases import DatabaseCase, each_database

ALICE, BOB = UserID("@alice:localhost"), UserID("@bob:localhost")


def rule(name: str) -> PushRule:
    return parse_rule("content", name, {"pattern": name, "actions": ["notify"]})


@each_database
class PushRuleTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.book = PushRuleBook(self.database)
        self.database.subscribe(self.book.follow)
        self.heard: list[LogEntry] = []
        self.database.subscribe(self.heard.extend)

    async def added(self, user_id: UserID = ALICE) -> list[str]:
        return [each.rule_id for each in (await self.book.of(user_id)).added]

    async def test_everybody_begins_with_the_servers_rules(self) -> None:
        """Compiled once for all who changed nothing."""
        compiled = await self.book.in_force(ALICE)

        self.assertIs(compiled, await self.book.in_force(BOB))
        self.assertIn(".m.rule.master", str(await self.book.ruleset(ALICE)))

    async def test_rules_are_added_in_order(self) -> None:
        """The newest first, or where the client says."""
        await self.book.add(ALICE, rule("first"), before=None, after=None)
        await self.book.add(ALICE, rule("second"), before=None, after=None)
        await self.book.add(ALICE, rule("between"), before=None, after="second")
        await self.book.add(ALICE, rule("top"), before="second", after=None)

        self.assertEqual(["top", "second", "between", "first"], await self.added())
        self.assertEqual([], await self.added(BOB))
        self.assertEqual([(PUSH_RULES, ALICE)] * 4, [(entry.kind, entry.subject) for entry in self.heard])

    async def test_rules_outlive_the_process(self) -> None:
        """Another process reads what was written, the server's rules as they were changed among it."""
        await self.book.add(ALICE, rule("cake"), before=None, after=None)
        await self.book.set_enabled(ALICE, "override", ".m.rule.master", True)
        await self.book.set_actions(ALICE, "underride", ".m.rule.message", ())
        another = PushRuleBook(self.database)

        self.assertEqual(await self.book.ruleset(ALICE), await another.ruleset(ALICE))
        self.assertTrue((await another.by_name(ALICE, "override", ".m.rule.master")).enabled)
        self.assertEqual((), (await another.by_name(ALICE, "underride", ".m.rule.message")).actions)

    async def test_changes_elsewhere_are_heard_through_the_log(self) -> None:
        """The compiled rules are those after the change."""
        before = (await self.book.in_force(ALICE)).compiled
        await PushRuleBook(self.database).set_enabled(ALICE, "override", ".m.rule.master", True)

        self.assertIsNot(before, (await self.book.in_force(ALICE)).compiled)

    async def test_what_came_before_a_change_has_the_rules_from_before_it(self) -> None:
        """As far back as earlier rules are kept, and beyond that the oldest of these; also in another process."""
        self.patch(push_rules_service, "EARLIER_MAX", 3)
        elsewhere = PushRuleBook(self.database)
        changes = []
        for number in range(1, 6):
            loud = parse_rule("room", "!a", {"actions": [{"set_tweak": "sound", "value": f"{number}"}]})
            await self.book.add(ALICE, loud, before=None, after=None)
            changes.append(ordering_at(self.heard[-1].position))
            # It knows of no change but the first.
            await elsewhere.at(ALICE, Ordering(0))
        for book in (self.book, PushRuleBook(self.database)):
            before = [(await book.at(ALICE, Ordering(since - 1))).rooms["!a"].sound for since in changes]
            after = [(await book.at(ALICE, since)).rooms["!a"].sound for since in changes]

            self.assertEqual(["2", "2", "2", "3", "4"], before)
            self.assertEqual(["2", "2", "3", "4", "5"], after)
        elsewhere.follow(self.heard)
        self.assertEqual("2", (await elsewhere.at(ALICE, Ordering(0))).rooms["!a"].sound)
        self.assertEqual("5", (await elsewhere.at(ALICE, None)).rooms["!a"].sound)

    async def test_rules_that_were_not_kept_are_those_of_now(self) -> None:
        """So they are of who changed them before earlier rules were kept, and of who never did."""
        await self.book.add(ALICE, rule("cake"), before=None, after=None)
        await self.database.write(earlier_push_rules.delete_of_user, ALICE)

        self.assertIs((await self.book.in_force(ALICE)).compiled, await self.book.at(ALICE, Ordering(0)))
        self.assertIs((await self.book.in_force(BOB)).compiled, await self.book.at(BOB, Ordering(0)))

    async def test_no_change_writes_nothing(self) -> None:
        """Setting what is set already takes no position in the log."""
        await self.book.set_enabled(ALICE, "override", ".m.rule.master", False)

        self.assertEqual([], self.heard)

    async def test_rules_that_are_not_there(self) -> None:
        """Cannot be shown, switched, changed, deleted, or stood next to."""
        with self.assertRaises(NotFound):
            await self.book.rule(ALICE, "content", "strange")
        with self.assertRaises(NotFound):
            await self.book.set_enabled(ALICE, "content", "strange", True)
        with self.assertRaises(NotFound):
            await self.book.set_actions(ALICE, "content", "strange", ())
        with self.assertRaises(NotFound):
            await self.book.delete(ALICE, "content", "strange")
        with self.assertRaises(NotFound):
            await self.book.delete(ALICE, "override", ".m.rule.master")
        with self.assertRaises(Malformed):
            await self.book.add(ALICE, rule("cake"), before="strange", after=None)

        self.assertEqual([], await self.added())

    async def test_rules_go(self) -> None:
        """And only the one that is meant."""
        await self.book.add(ALICE, rule("cake"), before=None, after=None)
        await self.book.add(ALICE, rule("pie"), before=None, after=None)
        await self.book.delete(ALICE, "content", "cake")

        self.assertEqual(["pie"], await self.added())

    async def test_rules_added_at_once_are_all_there(self) -> None:
        """None of many requests at the same moment undoes another."""
        adding = [self.book.add(ALICE, rule(f"rule{n}"), before=None, after=None) for n in range(8)]
        await gatherResults([Deferred.fromCoroutine(each) for each in adding])

        self.assertEqual(8, len(await self.added()))

    async def test_memory_is_bounded(self) -> None:
        """Users who were quiet longest are forgotten, and read again."""
        self.patch(push_rules_service, "USERS_MAX", 3)
        users = [UserID(f"@user{number}:localhost") for number in range(10)]
        for user_id in users:
            await self.book.in_force(user_id)

        self.assertEqual(3, len(self.book._known))
