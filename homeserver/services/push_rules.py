"""
Users' push rules: kept as what they changed, and compiled in memory.

Spec: client-server-api#push-rules-api
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSON, JSONObject, encode_json, parse_json
from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSH_RULES, LogEntry
from homeserver.core.push_rules.changes import UNCHANGED, PushRules, parse_push_rules, rule_json, ruleset_json
from homeserver.core.push_rules.evaluation import CompiledRules, compile_rules
from homeserver.core.push_rules.rules import PROPOSED_KIND, PushRule, RuleKind
from homeserver.services.refusals import NotFound
from homeserver.store import push_rules, unread
from homeserver.store.database import Database
from homeserver.store.write import Write

USERS_MAX: Final = 50_000
"""Users whose rules are in memory; those who changed nothing share one value."""

Change = Callable[[PushRules], PushRules | None]


@define(eq=False)
class _Known:
    rules: PushRules
    compiled: CompiledRules | None = None


@define(eq=False)
class PushRuleBook:
    """The push rules of this server's users."""

    database: Database
    proposed: bool = False
    """Whether the rules of a proposal are in force."""
    _known: OrderedDict[UserID, _Known] = field(init=False, factory=OrderedDict)
    _forgotten: int = field(init=False, default=0)

    async def of(self, user_id: UserID) -> PushRules:
        """All rules of the user."""
        return (await self._all_known((user_id,)))[user_id].rules

    async def compiled(self, user_ids: Collection[UserID]) -> dict[UserID, CompiledRules]:
        """The rules of each user as events are held against them."""
        found = {}
        for user_id, known in (await self._all_known(user_ids)).items():
            if known.compiled is None:
                known.compiled = compile_rules(known.rules)
            found[user_id] = known.compiled
        return found

    def at_hand(self, user_id: UserID) -> CompiledRules | None:
        """The same of one user if they are in memory."""
        known = self._known.get(user_id)
        return None if known is None else known.compiled

    async def ruleset(self, user_id: UserID) -> JSONObject:
        """All rules as clients see them: the value of ``global``."""
        return ruleset_json(await self.of(user_id), user_id, proposed=self.proposed)

    async def by_name(self, user_id: UserID, kind: RuleKind, rule_id: str) -> PushRule:
        """One rule.  Raises NotFound."""
        rule = (await self.of(user_id)).by_name(kind, rule_id)
        if rule is None or not self._has(kind):
            raise NotFound("The push rule was not found.")
        return rule

    async def rule(self, user_id: UserID, kind: RuleKind, rule_id: str) -> JSONObject:
        """One rule as clients see it.  Raises NotFound."""
        return rule_json(await self.by_name(user_id, kind, rule_id), user_id)

    async def add(self, user_id: UserID, rule: PushRule, *, before: str | None, after: str | None) -> None:
        """The user has this rule; *before* and *after* name the user's rules it stands next to.  Raises Malformed."""
        await self._change(user_id, lambda rules: rules.with_rule(rule, before=before, after=after))

    async def delete(self, user_id: UserID, kind: RuleKind, rule_id: str) -> None:
        """A rule of the user's own is gone.  Raises NotFound."""
        await self._change(user_id, lambda rules: rules.without_rule(kind, rule_id))

    async def set_enabled(self, user_id: UserID, kind: RuleKind, rule_id: str, enabled: bool) -> None:
        """A rule is switched on or off.  Raises NotFound."""
        await self.by_name(user_id, kind, rule_id)
        await self._change(user_id, lambda rules: rules.with_enabled(kind, rule_id, enabled))

    async def set_actions(self, user_id: UserID, kind: RuleKind, rule_id: str, actions: tuple[JSON, ...]) -> None:
        """A rule does something else.  Raises NotFound."""
        await self.by_name(user_id, kind, rule_id)
        await self._change(user_id, lambda rules: rules.with_actions(kind, rule_id, actions))

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Subscribes to the log: rules that any process changed are read anew."""
        for entry in entries:
            if entry.kind == PUSH_RULES:
                self._forget(UserID(entry.subject))

    def _has(self, kind: RuleKind) -> bool:
        return self.proposed or kind != PROPOSED_KIND

    async def _change(self, user_id: UserID, change: Change) -> None:
        await self.database.write(write_push_rules, user_id, change)
        self._forget(user_id)

    def _forget(self, user_id: UserID) -> None:
        self._forgotten += 1
        self._known.pop(user_id, None)

    async def _all_known(self, user_ids: Collection[UserID]) -> dict[UserID, _Known]:
        found: dict[UserID, _Known] = {}
        missing: list[UserID] = []
        for user_id in user_ids:
            known = self._known.get(user_id)
            if known is None:
                missing.append(user_id)
            else:
                self._known.move_to_end(user_id)
                found[user_id] = known
        if missing:
            forgotten = self._forgotten
            stored = await self.database.read(push_rules.of_users, missing)
            read = {user_id: _Known(_parse(stored.get(user_id))) for user_id in missing}
            found.update(read)
            # Not kept when somebody's rules changed while these were read: they may have been among them.
            if forgotten == self._forgotten:
                self._remember(read)
        return found

    def _remember(self, read: dict[UserID, _Known]) -> None:
        self._known.update(read)
        while len(self._known) > USERS_MAX:
            self._known.popitem(last=False)


def _parse(changes: str | None) -> PushRules:
    return UNCHANGED if changes is None else parse_push_rules(parse_json(changes.encode()))


def write_push_rules(tx: Write, user_id: UserID, change: Change) -> None:
    """The user's rules are as *change* makes them, and all of the user's clients hear of it.  Raises NotFound."""
    before = _parse(push_rules.of_users(tx.connection, (user_id,)).get(user_id))
    after = change(before)
    if after is None:
        raise NotFound("The push rule was not found.")
    if after != before:
        position = tx.log(PUSH_RULES, user_id)
        push_rules.replace(tx, user_id, encode_json(after.to_json()).decode(), position)
        # Other events notify the user now.
        unread.delete_of_user(tx, user_id)
