"""
Users as their push rules know them, and what the rules ask for.
"""

from attrs import define, frozen

from homeserver.core.identifiers import UserID
from homeserver.core.push_rules.conditions import PushedEvent
from homeserver.core.push_rules.evaluation import NOTHING, Actions, CompiledRules
from homeserver.core.timeline import TimelineEvent
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.push_rules import PushRuleBook
from homeserver.store.memberships import Membership


@frozen(eq=False)
class RuleOwner:
    """Whose rules events are held against.  *display_name*: the user's in the room."""

    user_id: UserID
    display_name: str | None
    rules: CompiledRules
    ignored: frozenset[UserID]

    def judge(self, event: TimelineEvent, pushed: PushedEvent) -> Actions:
        """What the event asks for; NOTHING of what is redacted, or from somebody whom the user ignores."""
        if event.redacted_by is not None or event.event.sender in self.ignored:
            return NOTHING
        return self.rules.evaluate(pushed, self.user_id, self.display_name)


@define(eq=False)
class RuleOwners:
    """Finds all that is asked of a user."""

    known: KnownEvents
    push_rules: PushRuleBook
    ignored: IgnoredUsers

    async def of(self, row: Membership) -> RuleOwner:
        """The user of *row* in that room."""
        user_id = row.user_id
        rules = (await self.push_rules.compiled((user_id,)))[user_id]
        return RuleOwner(user_id, await self._display_name(row), rules, await self.ignored.of(user_id))

    async def _display_name(self, row: Membership) -> str | None:
        if row.event_nid is None:
            return None
        member = (await self.known.by_nids((row.event_nid,))).get(row.event_nid)
        name = None if member is None else member.event.content.get("displayname")
        return name if isinstance(name, str) else None
