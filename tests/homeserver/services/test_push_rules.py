"""Users' push rules."""

from twisted.internet.defer import Deferred, gatherResults

from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSH_RULES, LogEntry
from homeserver.core.malformed import Malformed
from homeserver.core.push_rules.rules import PushRule, parse_rule
from homeserver.services import push_rules as push_rules_service
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.refusals import NotFound
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
        compiled = await self.book.compiled([ALICE, BOB])

        self.assertIs(compiled[ALICE], compiled[BOB])
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
        before = (await self.book.compiled([ALICE]))[ALICE]
        await PushRuleBook(self.database).set_enabled(ALICE, "override", ".m.rule.master", True)

        self.assertIsNot(before, (await self.book.compiled([ALICE]))[ALICE])

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
        compiled = await self.book.compiled(users)

        self.assertEqual(10, len(compiled))
        self.assertEqual(3, len(self.book._known))
