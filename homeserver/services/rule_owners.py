"""
Users as their push rules know them, and what the rules ask for that were in force when something came.
"""

from collections.abc import Collection

from attrs import define, frozen

from homeserver.core.identifiers import UserID
from homeserver.core.invite_permissions import EVERYBODY, InviteAnswer, InvitePermission
from homeserver.core.push_rules.conditions import PushedEvent, RuleReader
from homeserver.core.push_rules.evaluation import NOTHING, Actions
from homeserver.core.timeline import Ordering, TimelineEvent
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.known_events import KnownEvents
from homeserver.services.ports import SubscribedThreads
from homeserver.services.push_rules import PushRuleBook
from homeserver.store.memberships import Membership


@frozen(eq=False)
class RuleOwner:
    """Whose rules events are held against.  *display_name*: the user's in the room."""

    user_id: UserID
    display_name: str | None
    ignored: frozenset[UserID]
    permission: InvitePermission = EVERYBODY
    """By whom the user wants to be invited."""
    threads: Collection[str] | None = None
    """Those of the room that the user has subscribed to; None: the user does not choose threads."""

    @property
    def reader(self) -> RuleReader:
        """The same as the rules look at it."""
        return RuleReader(self.user_id, self.display_name, self.threads)

    def is_spared(self, event: TimelineEvent) -> bool:
        """Whether no rule is asked: of what is redacted, from somebody ignored, or an unwanted invite."""
        if event.redacted_by is not None or event.event.sender in self.ignored:
            return True
        return self.permission is not EVERYBODY and self._is_unwanted(event)

    def _is_unwanted(self, event: TimelineEvent) -> bool:
        invites = event.event.state_key == self.user_id and event.event.membership == "invite"
        return invites and self.permission.answer(event.event.sender) is not InviteAnswer.ALLOW


@define(eq=False)
class RuleOwners:
    """Finds all that is asked of a user."""

    known: KnownEvents
    push_rules: PushRuleBook
    ignored: IgnoredUsers
    permissions: InvitePermissions
    subscribed: SubscribedThreads | None = None

    async def of(self, row: Membership) -> RuleOwner:
        """The user of *row* in that room."""
        user_id = row.user_id
        ignored, name = await self.ignored.of(user_id), await self._display_name(row)
        # Who is in the room is not invited to it any more.
        permission = EVERYBODY if row.membership == "join" else await self.permissions.of(user_id)
        threads = None if self.subscribed is None else await self.subscribed.of(user_id, row.room_nid)
        return RuleOwner(user_id, name, ignored, permission, threads)

    async def judge(
        self, owner: RuleOwner, event: TimelineEvent, pushed: PushedEvent, place: Ordering | None
    ) -> Actions:
        """What the event asks for, which came at *place* (None: just now)."""
        if owner.is_spared(event):
            return NOTHING
        return (await self.push_rules.at(owner.user_id, place)).judge(pushed, owner.reader)

    async def _display_name(self, row: Membership) -> str | None:
        if row.event_nid is None:
            return None
        member = (await self.known.by_nids((row.event_nid,))).get(row.event_nid)
        name = None if member is None else member.event.content.get("displayname")
        return name if isinstance(name, str) else None
