"""
Users' push rules: kept as what they changed, and compiled in memory.

What has come is judged by the rules that were in force then, whenever somebody asks: a change is for what comes after.

Spec: client-server-api#push-rules-api
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSON, JSONObject, encode_json, parse_json
from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSH_RULES, LogEntry
from homeserver.core.push_rules.changes import UNCHANGED, PushRules, parse_push_rules, rule_json, ruleset_json
from homeserver.core.push_rules.evaluation import CompiledRules, compile_rules
from homeserver.core.push_rules.rules import PROPOSED_KIND, PushRule, RuleKind
from homeserver.core.timeline import Ordering, ordering_at
from homeserver.services.earlier_push_rules import EarlierPushRules
from homeserver.services.refusals import NotFound
from homeserver.store import earlier_push_rules, push_rules
from homeserver.store.database import Database
from homeserver.store.push_rules import StoredRules
from homeserver.store.write import Write

USERS_MAX: Final = 50_000
"""Users whose rules are in memory; those who changed nothing share one value."""
EARLIER_MAX: Final = 20
EARLIER_CHARACTERS_MAX: Final = 500_000
"""Of a user's earlier rules the newest are kept: what is older and unread is judged by the oldest of these."""

Change = Callable[[PushRules], PushRules | None]


@define(eq=False)
class RulesInForce:
    """A user's rules for what has come at *since* or after it; one object as long as they are in memory."""

    rules: PushRules
    since: Ordering
    _compiled: CompiledRules | None = None

    @property
    def compiled(self) -> CompiledRules:
        """As events are held against them."""
        if self._compiled is None:
            self._compiled = compile_rules(self.rules)
        return self._compiled


_SERVERS_OWN: Final = RulesInForce(UNCHANGED, Ordering(0))


@define(eq=False)
class PushRuleBook:
    """The push rules of this server's users."""

    database: Database
    proposed: bool = False
    """Whether the rules of a proposal are in force."""
    _earlier: EarlierPushRules = field(init=False)
    _known: OrderedDict[UserID, RulesInForce] = field(init=False, factory=OrderedDict)
    _forgotten: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._earlier = EarlierPushRules(self.database)

    async def of(self, user_id: UserID) -> PushRules:
        """All rules of the user."""
        return (await self.in_force(user_id)).rules

    async def in_force(self, user_id: UserID) -> RulesInForce:
        """The rules that the user has now."""
        known = self._known.get(user_id)
        if known is not None:
            self._known.move_to_end(user_id)
            return known
        forgotten = self._forgotten
        known = _in_force(await self.database.read(push_rules.of_user, user_id))
        # Not kept when somebody's rules changed while these were read: they may have been these.
        if forgotten == self._forgotten:
            self._known[user_id] = known
            while len(self._known) > USERS_MAX:
                self._known.popitem(last=False)
        return known

    async def at(self, user_id: UserID, ordering: Ordering | None) -> CompiledRules:
        """
        The rules that were in force when what is at *ordering* came; None: those of now.

        Spec: client-server-api#push-rules
        """
        now = await self.in_force(user_id)
        if ordering is None or ordering >= now.since:
            return now.compiled
        # Of those who changed their rules before a server kept how they had been nothing else is known.
        return await self._earlier.at(user_id, ordering, now.since) or now.compiled

    def at_hand(self, user_id: UserID) -> RulesInForce | None:
        """The rules that the user has now if they are in memory."""
        return self._known.get(user_id)

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


def _in_force(stored: StoredRules | None) -> RulesInForce:
    return _SERVERS_OWN if stored is None else RulesInForce(_parse(stored), ordering_at(stored.position))


def _parse(stored: StoredRules | None) -> PushRules:
    return UNCHANGED if stored is None else parse_push_rules(parse_json(stored.changes.encode()))


def _text(rules: PushRules) -> str:
    return encode_json(rules.to_json()).decode()


def write_push_rules(tx: Write, user_id: UserID, change: Change) -> None:
    """
    The user's rules are as *change* makes them, and all of the user's clients hear of it.  Raises NotFound.

    How they were is kept for what has come already.
    """
    before = _parse(push_rules.of_user(tx.connection, user_id))
    after = change(before)
    if after is None:
        raise NotFound("The push rule was not found.")
    if after != before:
        position = tx.log(PUSH_RULES, user_id)
        earlier_push_rules.insert(tx, user_id, position, _text(before))
        earlier_push_rules.prune(tx, user_id, EARLIER_MAX, EARLIER_CHARACTERS_MAX)
        push_rules.replace(tx, user_id, _text(after), position)
