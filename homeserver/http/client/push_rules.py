"""
Push rules.

Spec: client-server-api#push-rules-api
"""

from typing import Annotated

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.push_rules.rules import RuleKind, parse_actions, parse_enabled, parse_kind, parse_rule
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.push_rules import PushRuleBook

Kind = Annotated[RuleKind, parse_kind]


@frozen
class Enabled:
    enabled: bool


@frozen
class Actions:
    actions: tuple[JSON, ...]


@frozen
class PushRuleEndpoints:
    """Which events notify the caller."""

    push_rules: PushRuleBook

    @operation("getPushRules")
    async def all_rules(self, caller: Caller) -> JSONObject:
        """All rules, under ``global``."""
        return {"global": await self.push_rules.ruleset(caller.user_id)}

    @operation("getPushRulesGlobal")
    async def global_rules(self, caller: Caller) -> JSONObject:
        """All rules."""
        return await self.push_rules.ruleset(caller.user_id)

    @operation("getPushRule")
    async def rule(self, caller: Caller, kind: Kind, rule_id: str) -> JSONObject:
        """One rule.  Raises NotFound."""
        return await self.push_rules.rule(caller.user_id, kind, rule_id)

    @operation("setPushRule")
    async def set_rule(
        self,
        caller: Caller,
        kind: Kind,
        rule_id: str,
        body: JSONObject,
        before: str | None = None,
        after: str | None = None,
    ) -> Empty:
        """A rule of the caller's own is there.  Raises Malformed."""
        rule = parse_rule(kind, rule_id, body)
        await self.push_rules.add(caller.user_id, rule, before=before, after=after)
        return Empty()

    @operation("deletePushRule")
    async def delete_rule(self, caller: Caller, kind: Kind, rule_id: str) -> Empty:
        """A rule of the caller's own is gone.  Raises NotFound."""
        await self.push_rules.delete(caller.user_id, kind, rule_id)
        return Empty()

    @operation("isPushRuleEnabled")
    async def is_enabled(self, caller: Caller, kind: Kind, rule_id: str) -> Enabled:
        """Whether a rule is asked at all.  Raises NotFound."""
        return Enabled((await self.push_rules.by_name(caller.user_id, kind, rule_id)).enabled)

    @operation("setPushRuleEnabled")
    async def set_enabled(self, caller: Caller, kind: Kind, rule_id: str, body: JSONObject) -> Empty:
        """A rule is switched on or off.  Raises NotFound."""
        await self.push_rules.set_enabled(caller.user_id, kind, rule_id, parse_enabled(body))
        return Empty()

    @operation("getPushRuleActions")
    async def actions(self, caller: Caller, kind: Kind, rule_id: str) -> Actions:
        """What a rule does.  Raises NotFound."""
        return Actions((await self.push_rules.by_name(caller.user_id, kind, rule_id)).actions)

    @operation("setPushRuleActions")
    async def set_actions(self, caller: Caller, kind: Kind, rule_id: str, body: JSONObject) -> Empty:
        """A rule does something else.  Raises NotFound."""
        await self.push_rules.set_actions(caller.user_id, kind, rule_id, parse_actions(body))
        return Empty()
